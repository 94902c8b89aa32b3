#!/bin/bash
# SPDX-License-Identifier: MIT
# No step of a paused queue begins; other queues go on; a resumed one at once.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
for queue in default other; do
	cat >"$TREADLE_TEST_TMP/$queue.yaml" <<YAML
name: $queue
steps:
  work: {queue: $queue, pass: {value: 1}}
YAML
done
start_worker --worker-queues default,other

treadle pause default >/dev/null
run=$(treadle submit "$TREADLE_TEST_TMP/default.yaml")
wait_until 'log_of "$WORKER" | grep -q "queue paused"'
for i in 1 2 3; do
	other=$(treadle submit "$TREADLE_TEST_TMP/other.yaml")
	until_state "$other" done
done
ok 'the other queue goes on' true
is 'the step of the paused one is ready' "$(step_field "$run" work state)" ready
is 'without an attempt' "$(step_field "$run" work attempt)" 0

treadle resume default >/dev/null
until_state "$run" done 5
ok 'resumed it is done soon' true
is 'with one attempt' "$(step_field "$run" work attempt)" 1
done_testing
