#!/bin/bash
# SPDX-License-Identifier: MIT
# Outputs too large for Redis are files that live as long as a run needs them, while all processes die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

folder=$TREADLE_TEST_TMP/blobs
mkdir "$folder"
export TREADLE_WORKER_LEASE=1s TREADLE_BLOBS_FOLDER=$folder
export TREADLE_BLOBS_INLINE_MAX=1KiB TREADLE_BLOBS_COLLECT=100ms
export TREADLE_COORDINATOR_RETENTION_RUNS=1000
start_redis --appendfsync always
start_coordinator
start_worker
# LEDGER SEED BYTES: performs the act of that name, and prints so much of a text.
cat >"$TREADLE_TEST_TMP/make" <<'SH'
#!/bin/sh
"${0%/*}/act" "$1" "$2" >/dev/null
yes "$2" | tr -d '\n' | head -c "$3"
SH
chmod +x "$TREADLE_TEST_TMP/make"
cat >"$TREADLE_TEST_TMP/big.yaml" <<YAML
name: big
input: {type: object}
steps:
  make:
    exec:
      command: ["$TREADLE_TEST_TMP/make", "$ledger", "\${.input.seed}", "\${.input.bytes}"]
      output: text
  count:
    needs: make
    exec: {command: [sh, -c, "wc -c | tr -d ' '"], stdin: "\${.steps.make.output}"}
  pick:
    needs: make
    pass: {value: "\${.steps.make.output | .[0:3]}"}
output: \${.steps.count.output}
YAML
cat >"$TREADLE_TEST_TMP/all.yaml" <<YAML
name: all
steps:
  make:
    exec: {command: ["$TREADLE_TEST_TMP/make", "$ledger", whole, "3000"], output: text}
output: \${.steps.make.output}
YAML
blobs() { find "$folder" -type f | grep -c .; }
make_big() { submit big -i seed="$1" -i bytes="$2"; } # SEED BYTES
output() { ask status "$run" | jq -c "${1:-.output}"; }
step() { ask status "$run" | jq -c --arg step "$1" ".steps[] | select(.step == \$step) | $2"; }

make_big abc 500
until_state "$run" done 60
is 'a small output is in Redis' "$(blobs) $(output)" '0 500'
make_big abc 500000
until_state "$run" done 60
first=$run
is 'a large one is a file' "$(blobs) $(output)" '1 500000'
is 'what reads it gets it all' "$(step pick .output)" '"abc"'
ok 'Redis has little of it' [ "$(redis MEMORY USAGE "treadle:{0}:out:$run")" -lt 2000 ]
like 'the status names the blob' "$(step make '[.blob, .output_bytes]')" \
	"^\[\"[0-9a-f]{64}-$run\",500005\]$"
is 'which is the file' "$(step make .blob)" "\"$(basename "$(find "$folder" -type f)")\""
name=$(step make .blob | tr -d '"')
is 'named by its content' "$(sha256sum <"$folder/${name:0:2}/${name:2:2}/$name" | cut -c 1-64)" \
	"${name%-*}"
is 'in Redis it is a reference' \
	"$(redis --raw HGET "treadle:{0}:out:$run" make | tr -cd ' -~' | cut -c 2-)" \
	"T$name 500005"
make_big abc 500000
until_state "$run" done 60
is 'the same output is the same file' "$(blobs) $(step make .blob)" "1 \"$name\""
treadle forget "$first" >/dev/null
is 'and stays while a run needs it' "$(redis ZCARD 'treadle:{0}:garbage') $(blobs)" '0 1'
treadle retry "$run" --from count >/dev/null
until_state "$run" done 60
is 'it can be read again' "$(output)" 500000
: >"$folder/${name:0:2}/${name:2:2}/.$name.0123456789abcdef"
treadle forget "$run" >/dev/null
wait_until '[ "$(blobs)" = 0 ]'
ok 'it goes with the last one, and what a writer left who died at it' true

submit all
until_state "$run" done 60
is 'the output of a run may be a blob' \
	"$(treadle status "$run" --output | jq -r . | wc -c)" 3001
is 'who has no folder is told where it is' \
	"$(TREADLE_BLOBS_FOLDER= treadle status "$run" --output | jq -c .)" \
	"{\"blob\":$(step output .blob),\"bytes\":3003}"
printf x >>"$(find "$folder" -type f)"
like 'a damaged one is not given' "$(treadle status "$run" --output 2>&1)" damaged
treadle forget "$run" >/dev/null

cat >"$TREADLE_TEST_TMP/list.yaml" <<YAML
name: list
steps:
  make:
    for_each: [{s: abc, n: 5000}, {s: de, n: 10}, {s: fgh, n: 7000}, {s: abc, n: 5000}]
    max_parallel: 2
    exec:
      command: ["$TREADLE_TEST_TMP/make", "$ledger", "\${.item.s}", "\${.item.n}"]
      output: text
  small: {for_each: [1, 2], pass: {value: "\${.item}"}}
  join:
    needs: [make, small]
    pass: {value: "\${[.steps.make.output, .steps.small.output | map(tostring | .[0:3] + (length | tostring))]}"}
output: \${.steps.join.output}
YAML
joined='[["abc5000","ded10","fgh7000","abc5000"],["11","21"]]'
shut_gate fgh
run=$(treadle submit "$TREADLE_TEST_TMP/list.yaml")
until_begun fgh
everything_dies
until_begun fgh 2
open_gate fgh
until_state "$run" done 60
is 'what comes of items is a file where it is large, and read in its place' \
	"$(output) $(blobs)" "$joined 2"
is 'the status names it' "$(step make '.output | map(.bytes? // .)')" \
	'[5003,"dedededede",7003,5003]'
treadle retry "$run" --from make/2 >/dev/null
until_state "$run" done 60
is 'one may be performed again' "$(output) $(blobs)" "$joined 2"
fork=$(treadle fork "$run" --from join)
treadle forget "$run" >/dev/null
run=$fork
until_state "$run" done 60
is 'a fork holds them' "$(output) $(blobs)" "$joined 2"
treadle forget "$run" >/dev/null
wait_until '[ "$(blobs)" = 0 ]'
ok 'and they go with it' true

shut_gate xyz
make_big xyz 100000
until_begun xyz
everything_dies
until_begun xyz 2
open_gate xyz
until_state "$run" done 60
is 'when all die, it is recovered' "$(output) $(step pick .output)" '100000 "xyz"'
stop "$WORKER"

TREADLE_CRASH_AT=after-blob start_worker
make_big written 5000
wait_until '! is_running "$WORKER"'
reap "$WORKER"
start_worker
until_state "$run" done 60
is 'a blob that was written, and not committed, is there once' "$(output)" 5000
for run in $(treadle list --json | jq -r .run); do
	treadle forget "$run" >/dev/null
done
wait_until '[ "$(blobs)" = 0 ]'
is 'nothing is left of any' "$(redis EXISTS 'treadle:{0}:blobs')" 0

stop "$WORKER"
TREADLE_BLOBS_FOLDER=/dev/null start_worker
make_big kept 5000
until_state "$run" done 60
is 'where the folder fails, the output is kept in Redis' \
	"$(output) $(step make .blob)" '5000 null'
like 'as the log says' "$(log_of "$WORKER")" 'output kept in redis'
stop "$WORKER"

TREADLE_BLOBS_READ_MAX=1KiB start_worker
make_big much 5000
until_state "$run" failed 60
is 'nobody reads more than he may' "$(step count .failure.class)" '"too_large"'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
