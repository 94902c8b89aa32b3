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

# The child dies for reasons of its own: nobody notices.
pgrep -P "$WORKER" >"$TREADLE_TEST_TMP/children"
ok 'the worker has children' test -s "$TREADLE_TEST_TMP/children"
xargs kill -9 <"$TREADLE_TEST_TMP/children"
outputs 'expressions go on' 'pass: {value: "${1 + 1}"}' 2
ok 'so does the worker' is_running "$WORKER"
crash "$WORKER"
wait_until '! xargs kill -0 <"$TREADLE_TEST_TMP/children" 2>/dev/null'
done_testing
