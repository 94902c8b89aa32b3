#!/bin/bash
# SPDX-License-Identifier: MIT
# What a frozen worker's blocked read swallows is done by another in the end.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis
# The loss must be found before the blocked read ends, 5 s after its start: not
# within the pause that a new Redis is given.
start_coordinator
wait_until 'log_of "$COORDINATOR" | grep -q "lead taken -- reclaim"'
cat >"$TREADLE_TEST_TMP/one.yaml" <<YAML
name: one
steps:
  work: {pass: {value: 1}}
YAML
start_worker
frozen=$WORKER
wait_until 'redis CLIENT LIST | grep -q "cmd=xreadgroup"'
kill -STOP "$frozen"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost"'
# Nobody else reads yet: the frozen one is given the step, and then dies.
run=$(treadle submit "$TREADLE_TEST_TMP/one.yaml")
wait_until '[ "$(redis XPENDING "treadle:{0}:queue:default" workers |
	head -n 1)" = 1 ]'
start_worker
until_state "$run" done 30
is 'it was not begun by the frozen one' "$(step_field "$run" work attempt)" 1
crash "$frozen"
is 'nothing is pending any more' \
	"$(redis XPENDING 'treadle:{0}:queue:default' workers | head -n 1)" 0
done_testing
