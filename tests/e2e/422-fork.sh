#!/bin/bash
# SPDX-License-Identifier: MIT
# treadle fork: a new run that goes on from another one's step, once, whatever dies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
input: {type: object, properties: {n: {type: integer, default: 7}}}
defaults: {retry: {attempts: 1}}
steps:
  draw: {$(act draw)}
  paint: {needs: draw, $(act paint)}
  ship: {needs: paint, $(act ship)}
output: "\${.steps.draw.output}, \${.steps.paint.output}, \${.input.n}"
YAML

break_act ship
submit flow -i n=3
until_state "$run" failed 60
mend_act ship
shut_gate paint
new=$(treadle fork "${run:0:25}" --from paint) || fail 'it was not forked'
until_begun paint 1 "$new"
is 'what was before is not done again' "$(lines draw "$new")" 0
like 'status says where it comes from' "$(treadle status "$new")" \
	"fork of +$run at paint"
everything_dies
open_gate paint
until_state "$new" done 60
is 'it yields what both have done' "$(treadle status "$new" --json |
	jq -r .output)" 'did draw, did paint, 3'
is 'the other is as it was' "$(run_state "$run")" failed
is 'as JSON' "$(treadle fork "$run" --from ship --json |
	jq -r '"\(.forked_from) \(.step)"')" "$run ship"
like 'a step is needed' "$(treadle fork "$run" 2>&1)" 'needs --from STEP'
like 'one that there is' "$(treadle fork "$run" --from sail 2>&1)" \
	'no step sail'
like 'redis-cli can do it' "$(treadle fork "$run" --from ship --explain)" \
	"FCALL treadle_fork 1 .* $run 01[a-z0-9]+ ship"
wait_until '[ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
