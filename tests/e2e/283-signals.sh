#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps wait for somebody, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker --worker-slots 1
cat >"$TREADLE_TEST_TMP/ask.yaml" <<YAML
name: ask
input: {type: object, properties: {patience: {type: string, default: 1h}}}
steps:
  write: {pass: {value: 3}}
  ask:
    needs: write
    wait:
      signal: approve
      timeout: \${.input.patience}
      prompt: "publish \${.steps.write.output} pages?"
    on_error: [{class: timeout, then: late}]
  late: {needs: ask, pass: {value: "\${.steps.ask.error.detail}"}}
  publish: {needs: ask, pass: {value: "by \${.steps.ask.output.by}"}}
output: \${.steps.publish.output // .steps.late.output}
YAML
cat >"$TREADLE_TEST_TMP/plain.yaml" <<YAML
name: plain
steps:
  ask: {wait: {signal: go}}
output: \${.steps.ask.output}
YAML
parked() { wait_until '[ "$(step_field "$run" ask state)" = parked ]'; }
output() { treadle status "$run" --output | jq -r .; }
refused() { # NAME STATUS REGEX ARGUMENT...
	local said status=0
	said=$(treadle signal "${@:4}" 2>&1) || status=$?
	is "$1: exit code" "$status" "$2"
	like "$1: says why" "$said" "$3"
}

submit ask
parked
first=$run
submit plain
parked
treadle signal "$run" go >/dev/null 2>&1
until_state "$run" done
ok 'another goes on in the one slot there is' true
is 'without data it yields null' "$(output)" null

run=$first
shown=$(treadle status "$run")
like 'the prompt is shown' "$shown" \
	'for signal approve within [0-9a-z ]+: publish 3 pages\?'
like 'and how to answer it' "$shown" \
	"answer +treadle signal $run approve --data JSON"
start watch "$TREADLE_BUILD/treadle" watch "$run"
watch=$PID
wait_until 'log_of $watch | grep -q "answer with: treadle signal '"$run"' approve"'
ok 'watching shows it as well' true

refused 'an unknown name' 4 'waits for a signal aprove: it knows approve' \
	"$run" aprove
refused 'an unknown run' 4 'no run' 01k0000000 approve
refused 'a finished run' 5 'has finished already: done' \
	"$(treadle list --state done --json | jq -r '.run // empty' | head -n 1)" go
refused 'what is no JSON' 3 '--data: must be JSON' "$run" approve --data yes
refused 'two of them' 2 'give one of them' "$run" approve --data 1 \
	--data-file -
refused 'a file that is none' 4 'cannot open' "$run" approve --data-file \
	"$TREADLE_TEST_TMP/none"
printf '"%0300000d"' 1 >"$TREADLE_TEST_TMP/large"
refused 'too much' 3 'larger than 256 KiB' "$run" approve --data-file \
	"$TREADLE_TEST_TMP/large"
like 'it can be said by redis-cli' \
	"$(treadle signal "$run" approve --data 1 --explain)" \
	"FCALL treadle_signal 1 'treadle:\{0\}' '?$run'? '?approve"

everything_dies
is 'what is parked survives everything' "$(step_field "$run" ask state)" parked
echo '{"by": "ann"}' | treadle signal "$run" approve --data-file - 2>/dev/null
reap "$watch"
is 'who watched sees its end' "$STATUS" 0
is 'the data is what the step yields' "$(output)" 'by ann'
refused 'one too late' 5 'has finished already' "$run" approve

# The end of its patience, while nobody could see it pass
submit ask -i patience=2s
parked
everything_dies
until_state "$run" done 60
is 'a signal that does not come is a timeout' "$(output)" \
	'signal approve did not come in time'
is 'which was tried once' "$(step_field "$run" ask attempt)" 1

# An early signal, kept through it all
stop "$WORKER"
submit plain
like 'it is kept' "$(treadle signal "$run" go --data '[1, {"a": null}]' 2>&1)" \
	'^kept until step ask'
refused 'a second early one' 5 'has its signal already' "$run" go
crash "$COORDINATOR"
kill_redis
restart_redis
start_coordinator
start_worker
until_state "$run" done 60
is 'and taken when the step is' "$(treadle status "$run" --output |
	jq -c .)" '[1,{"a":null}]'

# Crashes between taking and parking
stop "$WORKER"
TREADLE_CRASH_AT=before-defer start_worker
submit plain
wait_until '! is_running "$WORKER"'
reap "$WORKER"
start_worker
parked
is 'a worker that died before parking is replaced' \
	"$(step_field "$run" ask recoveries)" 1
treadle signal "$run" go --data 1 2>/dev/null
until_state "$run" done

submit plain
parked
treadle pause default 2>/dev/null
treadle cancel "$run" 2>/dev/null
is 'what is parked can be cancelled' "$(step_field "$run" ask state)" cancelled
treadle retry "$run" 2>/dev/null
treadle signal "$run" go --data 2 2>/dev/null
treadle resume default 2>/dev/null
until_state "$run" done
is 'and be waited for again' "$(output)" 2
treadle retry "$run" --from ask 2>/dev/null
parked
treadle signal "$run" go --data 3 2>/dev/null
until_state "$run" done
is 'even when it was done' "$(output)" 3
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
