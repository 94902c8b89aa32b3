#!/bin/bash
# SPDX-License-Identifier: MIT
# A step for each item of a list, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_EXPRESSION_TIMEOUT=1m
start_redis --appendfsync always
start_coordinator
start_worker --worker-exec-slots 4
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
input: {type: object}
steps:
  list: {pass: {value: "\${[range(.input.count)]}"}}
  act:
    needs: list
    for_each: \${.steps.list.output}
    max_parallel: 3
    tolerate: 1
    $(act '${.item}')
  sum: {needs: act, pass: {value: "\${.steps.act.output | map(. // \"-\")}"}}
output: "\${.steps.sum.output | join(\" \")}"
YAML
output() { treadle status "$run" --json | jq -r .output; }
items() { treadle status "$run" --json | jq -c '.steps[1].items'; }

submit flow -i count=12
until_state "$run" done 60
is 'outputs stand in the order of the items' "$(output)" \
	'did 0 did 1 did 2 did 3 did 4 did 5 did 6 did 7 did 8 did 9 did 10 did 11'
is 'status tells how many there were' "$(items)" \
	'{"begun":12,"done":12,"failed":0,"total":12}'

shut_gate 4
shut_gate 5
submit flow -i count=12
until_begun 4
until_begun 5
wait_until '[ "$(items | jq .done)" = 10 ]'
everything_dies
until_begun 4 2
until_begun 5 2
open_gate 4
open_gate 5
until_state "$run" done 60
is 'after a crash only what had not ended is performed again' \
	"$(for i in 0 1 2 3 4 5 6; do printf '%s ' "$(lines $i)"; done)" \
	'1 1 1 1 2 2 1 '
is 'with the same key' "$(keys 4)" 1
is 'and all outputs are there' "$(output)" \
	'did 0 did 1 did 2 did 3 did 4 did 5 did 6 did 7 did 8 did 9 did 10 did 11'

break_act 2
submit flow -i count=4
until_state "$run" done 60
is 'an item that fails is tolerated' "$(output)" 'did 0 did 1 - did 3'
mend_act 2
ok 'it can be performed again alone' treadle retry "$run" --from act/2
until_state "$run" done 60
is 'then it is there' "$(output)" 'did 0 did 1 did 2 did 3'
is 'the others were not performed again' "$(lines 0)$(lines 1)$(lines 3)" 111

break_act 1
break_act 3
submit flow -i count=6
until_state "$run" failed 60
like 'more than what is tolerated is a dead letter' \
	"$(treadle dead --run "$run")" 'act/[13]'
like 'status names the item' "$(treadle status "$run")" 'act/[13]'
mend_act 1
mend_act 3
ok 'the run can be retried' treadle retry "$run"
until_state "$run" done 60
like 'and goes on with what it has' "$(output)" '^did 0 (did 1|-) did 2 (did 3|-) did 4 did 5$'

submit flow -i count=0
until_state "$run" done 60
is 'an empty list gives an empty list' \
	"$(treadle status "$run" --json | jq -c '.steps[1].output')" '[]'

cat >"$TREADLE_TEST_TMP/wrong.yaml" <<'YAML'
name: wrong
input: {type: object}
steps:
  act: {for_each: "${.input.list}", pass: {value: "${.item}"}}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/wrong.yaml" -i list=7)
until_state "$run" failed 60
like 'what is no list is refused' "$(treadle status "$run")" \
	'for_each must give a list, gives a number'
cat >"$TREADLE_TEST_TMP/many.yaml" <<'YAML'
name: many
steps:
  act: {for_each: "${[range(1000001)]}", pass: {value: "${.item}"}}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/many.yaml")
until_state "$run" failed 120
like 'a list without measure is refused with its limit' "$(treadle status "$run")" \
	'too_large: for_each gives 1000001 items, more than 1000000: give several runs'

cat >"$TREADLE_TEST_TMP/nested.yaml" <<'YAML'
name: nested
steps:
  wide: {for_each: "${[range(2500)]}", pass: {value: "${.item * 2}"}}
  again:
    needs: wide
    for_each: ${.steps.wide.output}
    pass: {value: "${.item + .index}"}
  sum: {needs: again, pass: {value: "${.steps.again.output | add}"}}
output: ${.steps.sum.output}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/nested.yaml")
until_state "$run" done 120
is 'a long list goes through a second one' "$(output)" 9371250
cat >"$TREADLE_TEST_TMP/rounds.yaml" <<'YAML'
name: rounds
steps:
  poll:
    for_each: [1, 3, 2]
    repeat: {until: "${.output == .item}", every: 0s, max: 5}
    pass: {value: "${.round}"}
output: ${.steps.poll.output}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/rounds.yaml")
until_state "$run" done 60
is 'an item is repeated like a step' \
	"$(treadle status "$run" --json | jq -c .output)" '[1,3,2]'
stop "$WORKER"
is 'the worker ends well' "$STATUS" 0
ok 'all that is in Redis agrees' treadle doctor --data
done_testing
