#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the system refuses to a worker at items, rounds, signals, workflows, blobs, the cache and undoing: nothing is lost.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/exhaust.sh"
. "$(dirname "$0")/exhausted.sh"

folder=$TREADLE_TEST_TMP/blobs
mkdir "$folder" "$TREADLE_TEST_TMP/objects" "$TREADLE_TEST_TMP/marks"
export TREADLE_BLOBS_FOLDER=$folder TREADLE_BLOBS_INLINE_MAX=1KiB
start_redis
start_coordinator
know_beginning

# The first try leaves a checkpoint, from which the next one goes on.
cat >"$TREADLE_TEST_TMP/in-two-tries" <<'SH'
#!/bin/sh
echo "$TREADLE_CHECKPOINT"
[ -z "$TREADLE_CHECKPOINT" ] || exit 0
echo '{"checkpoint": 7, "cost": {"usd": 1}}' >&3
exit 75
SH
chmod +x "$TREADLE_TEST_TMP/in-two-tries"

# shape NAME STEPS DONE [ENDS]
shape() { comes_to_its_end "$1" "steps:"$'\n'"$2" "$3" "${4:-done}"; }
shows() { # EXPRESSION: the last step, behind `s`
	printf '  t: {needs: s, pass: {value: "${%s}"}}' "$1"
}

shape 'items' "
  s:
    for_each: [1, 2, 3]
    max_parallel: 2
    tolerate: 1
    exec: {command: [sh, -c, '[ \$1 != 2 ] || exit 65; echo \$1', sh, '\${.item}']}
$(shows .steps.s.output)" 4
shape 'a list in parts' "
  s:
    for_each: '\${[range(3) | tostring * 150000]}'
    pass: {value: '\${.item[0:2]}'}
$(shows .steps.s.output)" 5
shape 'results in parts, and in blobs' "
  s:
    for_each: [a, b, c]
    pass: {value: '\${.item * 600000}'}
$(shows '[.steps.s.output[] | [length, .[0:1]]]')" 5
shape 'rounds' "
  s:
    repeat: {until: '\${.output > 1}', every: 10ms, max: 3}
    exec: {$effect, stdin: '\${.round}'}
$(shows .steps.s.output)" 2
shape 'a checkpoint' "
  s: {exec: {command: [$TREADLE_TEST_TMP/in-two-tries]}}
$(shows .steps.s.output)" 2
shape 'a cached output' "
  r: {cache: {key: '\${.run.id}'}, exec: {command: [echo, r]}}
  s: {needs: r, cache: {key: '\${.run.id}'}, exec: {command: [echo, r]}}
$(shows .steps.s.output)" 3
[ -n "${EXHAUST_ONLY:-}" ] || ok 'it was kept, and found' \
	[ "$(redis HGET 'treadle:{0}:counters' cache_hits)" -gt 0 ]
signal=go shape 'a signal that has come' "
  s: {wait: {signal: go}}
$(shows .steps.s.output)" 2
shape 'a signal that never comes' "
  s: {wait: {signal: go, timeout: 20ms}, continue_on_error: true}
$(shows .steps.s.error.class)" 1
shape 'a blob' "
  s: {pass: {value: '\${\"x\" * 5000}'}}
$(shows '.steps.s.output | length')" 2

# It fails in its first run, and is tried again by its parent's policy.
part="steps:
  a: {retry: {attempts: 1}, exec: {command: [sh, -c, '[ -e \"\$0\" ] || { : >\"\$0\"; exit 1; }', '$TREADLE_TEST_TMP/marks/\${.run.id}']}}
  b: {needs: a, pass: {value: '\${.input.n}'}}
output: \${.steps.b.output}"
shape 'a workflow that fails first' "
  s: {workflow: part, input: {n: 5}, retry: {attempts: 50, delay: 10ms}}
$(shows .steps.s.output)" 5
shape 'items that perform a workflow' "
  s: {for_each: [1, 2], workflow: part, input: {n: '\${.item}'}, retry: {attempts: 50, delay: 10ms}}
$(shows .steps.s.output)" 10
part=
shape 'undoing' "
  s: {exec: {$effect, stdin: 1}, compensate: {exec: {$effect, stdin: '\${.steps.s.output}'}}}
  r: {needs: s, exec: {command: [sh, -c, 'exit 65']}}
finally:
  t: {pass: {value: '\${.steps.s.output}'}}" 3 failed

unset TREADLE_BLOBS_FOLDER
program helpers/s3_server
start bucket "$PROGRAM" "$TREADLE_TEST_TMP/objects" values reader secret eu-west-1
until_started "$PID" "log_of $PID | grep -q ."
export TREADLE_BLOBS_ENDPOINT=http://127.0.0.1:$(log_of "$PID") TREADLE_BLOBS_BUCKET=values
export TREADLE_BLOBS_REGION=eu-west-1 TREADLE_BLOBS_ACCESS_KEY=reader
echo secret >"$TREADLE_TEST_TMP/key"
export TREADLE_BLOBS_SECRET_KEY_FILE=$TREADLE_TEST_TMP/key
shape 'a blob in a bucket' "
  s: {pass: {value: '\${\"x\" * 5000}'}}
$(shows '.steps.s.output | length')" 2
[ -n "${EXHAUST_CASES:-}" ] || mend
note "$tried cases"
done_testing
