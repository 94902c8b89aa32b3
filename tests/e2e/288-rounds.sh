#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps are repeated until it is enough, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_api
start_worker --worker-slots 1
ledger=$TREADLE_TEST_TMP/ledger
mkdir "$ledger"
# A handler that leaves a line each time, and waits where its gate is shut. Its
# first try at each round notes something and fails.
cat >"$TREADLE_TEST_TMP/act" <<'SH'
#!/bin/sh
echo "$TREADLE_IDEMPOTENCY_KEY $TREADLE_ROUND ${TREADLE_CHECKPOINT:-none}" \
	>>"$1/act.$TREADLE_RUN"
while [ -e "$1/shut.$TREADLE_ROUND" ]; do sleep 0.02; done
if [ ! -e "$1/tried.$TREADLE_RUN.$TREADLE_ROUND" ]; then
	: >"$1/tried.$TREADLE_RUN.$TREADLE_ROUND"
	echo "{\"checkpoint\": $TREADLE_ROUND}" >&3
	exit 75
fi
cat
SH
chmod +x "$TREADLE_TEST_TMP/act"
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
input: {type: object}
defaults: {retry: {attempts: 2, delay: 0}}
steps:
  act:
    repeat: {until: "\${.output | length >= .round}", max: 3}
    exec:
      command: ["$TREADLE_TEST_TMP/act", "$ledger"]
      stdin: "\${(.last // []) + [.round]}"
      output: json
YAML
# As above, but enough is when there were four.
sed 's/>= .round/>= 4/' "$TREADLE_TEST_TMP/flow.yaml" \
	>"$TREADLE_TEST_TMP/never.yaml"
sed -i 's/>= .round/>= 3/' "$TREADLE_TEST_TMP/flow.yaml"
lines() { cat "$ledger/act.$run" 2>/dev/null | grep -c "${1:-.}"; }
output() { treadle status "$run" --json | jq -c ".steps[0].output"; }

submit flow
until_state "$run" done
is 'each round gets what the last one yielded' "$(output)" '[1,2,3]'
is 'failures are counted for each round' "$(lines)" 6
is 'the tries of a round have one key, each round its own' \
	"$(cut -d ' ' -f 1,2 "$ledger/act.$run" | uniq -c |
		awk '{ print $1 ":" $2 ":" $3 }' | tr '\n' ' ')" \
	"2:$run/act:1 2:$run/act~2:2 2:$run/act~3:3 "
is 'what a try notes is for the tries of its round' \
	"$(cut -d ' ' -f 3 "$ledger/act.$run" | tr '\n' ' ')" \
	'none 1 none 2 none 3 '

: >"$ledger/shut.2"
submit flow
wait_until '[ "$(lines " 2 ")" = 1 ]'
like 'a round is shown' "$(treadle status "$run")" 'round 2 of 3'
everything_dies
wait_until '[ "$(lines " 2 ")" = 2 ]'
rm "$ledger/shut.2"
until_state "$run" done 60
is 'a round that died with all is repeated, no other' \
	"$(output) $(lines ' 1 ') $(lines ' 2 ') $(lines ' 3 ')" \
	'[1,2,3] 2 3 2'

sed 's/max: 3/every: 1h, max: 3/' "$TREADLE_TEST_TMP/flow.yaml" \
	>"$TREADLE_TEST_TMP/slow.yaml"
submit slow
wait_until '[ "$(step_field "$run" act state)" = delayed ] &&
	[ "$(step_field "$run" act round)" = 1 ]'
like 'what waits for its round is shown' "$(treadle status "$run")" \
	'round 2 of 3 +again in'
slow=$run
everything_dies
submit flow
until_state "$run" done
is 'between two rounds the one slot is free' \
	"$(step_field "$slow" act state)" delayed
redis ZADD 'treadle:{0}:delayed' XX 1 "$slow/act" >/dev/null
redis XADD 'treadle:{0}:timer' MAXLEN 1 '*' due 1 >/dev/null
run=$slow
wait_until '[ "$(step_field "$slow" act round)" = 2 ]'
is 'and it goes on where it was' "$(lines ' 1 ') $(lines ' 2 ')" '2 2'
treadle cancel "$slow" >/dev/null 2>&1
is 'it can be cancelled' "$(step_field "$slow" act state)" cancelled

submit never
until_state "$run" failed
like 'it is repeated as often as it may be' \
	"$(treadle dead --json | jq -r '"\(.class): \(.detail)"')" \
	'^exhausted: "until" did not hold in 3 rounds$'
is 'and no more' "$(lines)" 6
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done
is 'a retry goes on with its rounds' "$(output) $(lines ' 4 ')" '[1,2,3,4] 2'

cat >"$TREADLE_TEST_TMP/handled.yaml" <<YAML
name: handled
steps:
  look:
    repeat: {until: "\${.output > 5}", max: 2}
    pass: {value: "\${.round}"}
    on_error: [{class: exhausted, then: instead}]
  instead: {needs: look, pass: {value: "\${.steps.look.error.class}"}}
  wrong:
    repeat: {until: "\${.output | error(\"no\")}", max: 2}
    continue_on_error: true
    pass: {value: 1}
  skipped: {if: false, repeat: {until: "\${.output}", max: 2}, pass: }
output: ["\${.steps.instead.output}", "\${.steps.wrong.error.class}"]
YAML
submit handled
until_state "$run" done
is 'a workflow can provide for that' \
	"$(treadle status "$run" --output | jq -c .)" \
	'["exhausted","expression"]'

# Polling: 202 with Retry-After: 1, and at the third time 200.
cat >"$TREADLE_TEST_TMP/poll.yaml" <<YAML
name: poll
steps:
  look:
    repeat: {until: '\${.output.state == "ready"}', every: 10ms, max: 9}
    http: {url: "$API/job/2", query: {run: "\${.run.id}"}}
output: \${.steps.look.output}
YAML
submit poll
wait_until '[ "$(step_field "$run" look round)" = 1 ]'
waits=$(ask status "$run" | jq '.steps[] | select(.step == "look") |
	if .due_at then .due_at - .started_at >= 1000 else "not seen" end')
unlike 'Retry-After is obeyed where it is longer' "$waits" false
everything_dies
until_state "$run" done 60
is 'an API is asked until it is ready' \
	"$(treadle status "$run" --output | jq -r .state)" ready
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
