#!/bin/bash
# SPDX-License-Identifier: MIT
# status shows a run; runs are named by the beginnings of their ids.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

id=$(treadle submit "$good" --wait)
text=$(treadle status "$id")
like 'its head' "$text" "$id.*workflow +good.*state +done, 3 of 3 steps done"
like 'its steps in order' "$text" 'first +pass +done.*second +pass +done.*output'
like 'its output' "$text" '\{"sum":21\}'
is '--json is what the library answers' \
	"$(treadle status "$id" --json | jq -cS 'del(.now)')" \
	"$(ask status "$id" | jq -cS 'del(.now)')"
redis-cli() { command "${REDIS_CLI:-redis-cli}" "$@"; }
is '--explain is a line that answers the same' \
	"$(eval "$(treadle status "$id" --explain)" | jq -cS .steps)" \
	"$(treadle status "$id" --json | jq -cS .steps)"
is '--output is the output' "$(treadle status "$id" --output)" '{"sum":21}'
lost=$(treadle submit "$bad" --wait 2>/dev/null)
like 'why a step is dead' "$(treadle status "$lost")" \
	'ship +exec +dead +1 .*rejected'
refused 'a failed run has no output' 5 'has no output: it is failed' \
	treadle status "$lost" --output

cat >"$files/large.yaml" <<'END'
name: large
steps:
  big: {exec: {command: [sh, -c, "head -c 100000 /dev/zero | tr '\\0' x"]}}
output: ${.steps.big.output}
END
is 'an output of any size' "$(treadle status --output \
	"$(treadle submit "$files/large.yaml" --wait)" | wc -c)" 100003

is 'a beginning that is unique' \
	"$(treadle status "${id:0:25}" --json | jq -r .run)" "$id"
is 'in capitals as well' \
	"$(treadle status "${id^^}" --json | jq -r .run)" "$id"
refused 'one that is not' 5 "several runs begin with ${id:0:4}: .*$id" \
	treadle status "${id:0:4}"
refused 'a short one' 3 'at least the first 4' treadle status 01k
refused 'one that nothing begins with' 4 'no run begins with zzzz' \
	treadle status zzzz
refused 'an id that does not exist' 4 '00000000000000000000000000' \
	treadle status 00000000000000000000000000
refused 'what is no id' 3 "can't be a run" treadle status '{0}:run'
refused 'nor that' 3 "can't be a run" treadle status a/../b
refused 'too long' 3 "can't be a run" treadle status "${id}0"
refused 'letters no id has' 3 "can't be a run" \
	treadle status uuuuuuuuuuuuuuuuuuuuuuuuuu
for verb in watch logs retry forget cancel; do
	refused "$verb of a run that is not" 4 'no run' treadle $verb zzzzz
done
done_testing
