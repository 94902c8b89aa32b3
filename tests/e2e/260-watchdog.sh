#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker whose loop stands still aborts itself; its step is done by another.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_WATCHDOG=1s
export ASAN_OPTIONS="$ASAN_OPTIONS:handle_abort=0"
start_redis
start_coordinator
cat >"$TREADLE_TEST_TMP/one.yaml" <<YAML
name: one
steps:
  work: {pass: {value: 1}}
YAML
ulimit -c 0

# With its one slot taken it does not ask for more, so nothing else is lost.
TREADLE_HANG_AT=before-start start_worker --worker-slots 1
hanging=$WORKER
run=$(treadle submit "$TREADLE_TEST_TMP/one.yaml")
wait_until '! is_running "$hanging"' 20
reap "$hanging"
is 'it was aborted' "$STATUS" 134
like 'it says why' "$(log_of "$hanging")" 'stood still.*worker.watchdog'
start_worker
until_state "$run" done
is 'the step was recovered' "$(step_field "$run" work recoveries)" 1

# Being stopped by somebody is not standing still.
kill -STOP "$WORKER"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost.*pid $WORKER "' 20
kill -CONT "$WORKER"
wait_until 'log_of "$WORKER" | grep -q "worker registered"'
run=$(treadle submit "$TREADLE_TEST_TMP/one.yaml")
until_state "$run" done
ok 'one that was stopped and continued works on' is_running "$WORKER"
done_testing
