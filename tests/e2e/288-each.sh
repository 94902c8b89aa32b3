#!/bin/bash
# SPDX-License-Identifier: MIT
# A step for each item of a list, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker --worker-exec-slots 4
ledger=$TREADLE_TEST_TMP/ledger
mkdir "$ledger"
# A handler that leaves its key, waits where its gate is shut, and fails where
# it is told to.
cat >"$TREADLE_TEST_TMP/act" <<'SH'
#!/bin/sh
echo "$TREADLE_IDEMPOTENCY_KEY" >>"$1/$2"
while [ -e "$1/shut.$2" ]; do sleep 0.02; done
[ ! -e "$1/bad.$2" ] || exit 65
echo "$2!"
SH
chmod +x "$TREADLE_TEST_TMP/act"
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
    exec: {command: ["$TREADLE_TEST_TMP/act", "$ledger", "\${.item}"]}
  sum: {needs: act, pass: {value: "\${.steps.act.output | map(. // \"-\")}"}}
output: "\${.steps.sum.output | join(\" \")}"
YAML
shut() { : >"$ledger/shut.$1"; }
open_gate() { rm "$ledger/shut.$1"; }
bad() { : >"$ledger/bad.$1"; }
good() { rm "$ledger/bad.$1"; }
tries() { cat "$ledger/$1" 2>/dev/null | grep -c .; } # ITEM
until_tried() { wait_until "[ \$(tries $1) -ge ${2:-1} ]" 30; } # ITEM [TIMES]
submit() { # COUNT
	rm -f "$ledger"/[0-9]*
	run=$(treadle submit "$TREADLE_TEST_TMP/flow.yaml" -i count="$1") ||
		fail 'the run was not submitted'
}
output() { treadle status "$run" --json | jq -r .output; }
items() { treadle status "$run" --json | jq -c '.steps[1].items'; }
everything_dies() {
	crash "$WORKER"
	crash "$COORDINATOR"
	kill_redis
	restart_redis
	start_coordinator
	start_worker --worker-exec-slots 4
}

submit 12
until_state "$run" done 60
is 'outputs stand in the order of the items' "$(output)" \
	'0! 1! 2! 3! 4! 5! 6! 7! 8! 9! 10! 11!'
is 'status tells how many there were' "$(items)" \
	'{"begun":12,"done":12,"failed":0,"total":12}'

shut 4
shut 5
submit 12
until_tried 4
until_tried 5
wait_until '[ "$(items | jq .done)" = 10 ]'
everything_dies
until_tried 4 2
until_tried 5 2
open_gate 4
open_gate 5
until_state "$run" done 60
is 'after a crash only what had not ended is performed again' \
	"$(for i in 0 1 2 3 4 5 6; do printf '%s ' "$(tries $i)"; done)" \
	'1 1 1 1 2 2 1 '
is 'with the same key' "$(sort -u "$ledger/4" | grep -c .)" 1
is 'and all outputs are there' "$(output)" \
	'0! 1! 2! 3! 4! 5! 6! 7! 8! 9! 10! 11!'

bad 2
submit 4
until_state "$run" done 60
is 'an item that fails is tolerated' "$(output)" '0! 1! - 3!'
good 2
ok 'it can be performed again alone' treadle retry "$run" --from act/2
until_state "$run" done 60
is 'then it is there' "$(output)" '0! 1! 2! 3!'
is 'the others were not performed again' "$(tries 0)$(tries 1)$(tries 3)" 111

bad 1
bad 3
submit 6
until_state "$run" failed 60
like 'more than what is tolerated is a dead letter' \
	"$(treadle dead --run "$run")" 'act/[13]'
like 'status names the item' "$(treadle status "$run")" 'act/[13]'
good 1
good 3
ok 'the run can be retried' treadle retry "$run"
until_state "$run" done 60
like 'and goes on with what it has' "$(output)" '^0! (1!|-) 2! (3!|-) 4! 5!$'

submit 0
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
like 'a list without measure too' "$(treadle status "$run")" \
	'expression|too_large'

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
