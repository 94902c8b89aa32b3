#!/bin/bash
# SPDX-License-Identifier: MIT
# An expression that goes on for ever, or eats memory, hurts only its own step.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

start_redis
start_coordinator
start_worker --worker-expression-timeout 500ms

cat >"$TREADLE_TEST_TMP/bad.yaml" <<'YAML'
name: bad
defaults: {retry: {attempts: 1}}
steps:
  endless: {pass: {value: "${last(range(1e15))}"}}
YAML
cat >"$TREADLE_TEST_TMP/good.yaml" <<'YAML'
name: good
steps:
  fine: {pass: {value: "${[range(10)] | add}"}}
YAML
bad=() good=()
for _ in 1 2 3; do
	bad+=("$(treadle submit "$TREADLE_TEST_TMP/bad.yaml")")
	good+=("$(treadle submit "$TREADLE_TEST_TMP/good.yaml")")
done
for run in "${good[@]}"; do
	until_state "$run" done 60
	is 'a good one is done' "$(step_field "$run" fine output)" 45
done
for run in "${bad[@]}"; do
	until_state "$run" failed 60
	like 'an endless one fails' \
		"$(step_field "$run" endless failure | jq -r .detail)" \
		'took longer than 500ms'
done

# Who is told to stop does not wait for what expressions give, for nobody needs it.
start_worker --worker-queues slow --worker-grace 100ms
sed "s/retry:/queue: slow, retry:/" "$TREADLE_TEST_TMP/bad.yaml" >"$TREADLE_TEST_TMP/slow.yaml"
for _ in $(seq 20); do treadle submit "$TREADLE_TEST_TMP/slow.yaml" >/dev/null; done
pending() { redis XPENDING 'treadle:{0}:queue:slow' workers | head -n 1; }
wait_until '[ "$(pending)" -gt 14 ]'
stop "$WORKER" 60
is 'it says good-bye' "$STATUS" 0
unlike 'and gives up nothing' "$(log_of "$WORKER")" 'gives up'
is 'and has handed back all' "$(pending)" 0
WORKER=${WORKERS[0]}

# The child dies for reasons of its own: nobody notices.
pgrep -P "$WORKER" >"$TREADLE_TEST_TMP/children"
ok 'the worker has children' test -s "$TREADLE_TEST_TMP/children"
xargs kill -9 <"$TREADLE_TEST_TMP/children"
outputs 'expressions go on' 'pass: {value: "${1 + 1}"}' 2
ok 'so does the worker' is_running "$WORKER"
crash "$WORKER"
wait_until '! xargs kill -0 <"$TREADLE_TEST_TMP/children" 2>/dev/null'
done_testing
