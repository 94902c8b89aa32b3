#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker that can't reach Redis still stops when told to, and says so.
. "$(dirname "$0")/lib.sh"

start_redis
start_worker --worker-grace 100ms
worker=$WORKER
kill_redis
wait_until 'log_of "$worker" | grep -q "lost Redis"'
stop "$worker" 30
is 'it exits with the code for Redis' "$STATUS" 6
like 'it says what is left' "$(log_of "$worker")" 'worker gives up.*lease'

# One that never reached Redis stops as well.
program treadle-worker
start worker "$PROGRAM"
worker=$PID
wait_until 'log_of "$worker" | grep -q "worker starting"'
stop "$worker" 10
is 'one that never began exits well' "$STATUS" 0
done_testing
