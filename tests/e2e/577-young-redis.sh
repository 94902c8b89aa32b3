#!/bin/bash
# SPDX-License-Identifier: MIT
# After a start of Redis leases begin anew once, however often coordinators are replaced.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1m TREADLE_COORDINATOR_LEAD=1s
start_redis
start_coordinator
wait_until '[ -n "$(redis GET "treadle:{0}:looked")" ]'
start_worker
crash "$COORDINATOR"
is 'who looked first had nobody to spare' \
	"$(log_of "$COORDINATOR" | grep -c 'leases renewed')" 0

# As if Redis had been away for long: how long is known by the last look.
kill_redis
restart_redis
redis SET 'treadle:{0}:looked' 1 >/dev/null
start_coordinator
wait_until 'log_of "$COORDINATOR" | grep -q "leases renewed"'
is 'the first one after the start renews leases' \
	"$(log_of "$COORDINATOR" | grep -c 'leases renewed')" 1
for _ in 1 2; do
	crash "$COORDINATOR"
	before=$(redis GET 'treadle:{0}:looked')
	start_coordinator
	wait_until '[ "$(redis GET "treadle:{0}:looked")" != "$before" ]'
	is 'the next one does not' \
		"$(log_of "$COORDINATOR" | grep -c 'leases renewed')" 0
done
# Who registers after that has a lease that ends when it says.
TREADLE_WORKER_LEASE=2s start_worker
victim=$WORKER
crash "$victim"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost.*pid $victim "' 30
is 'a worker that dies meanwhile is missed' \
	"$(log_of "$COORDINATOR" | grep -c 'worker lost')" 1
done_testing
