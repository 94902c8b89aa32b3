#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis is silent, or away, for longer than a lease: no worker that is well is declared lost.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=2s
start_redis
# A Redis and workers that it finds at its start are a reason for a pause too.
start_coordinator
wait_until 'log_of "$COORDINATOR" | grep -q "lead taken -- reclaim"'
start_worker

cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
steps:
  work:
    exec:
      command: [sh, -c, 'echo x >>"\$0"; while [ ! -e "\$0.go" ]; do sleep 0.05; done', "$TREADLE_TEST_TMP/begun"]
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
wait_until '[ -s "$TREADLE_TEST_TMP/begun" ]' 20
pauses() { log_of "$COORDINATOR" | grep -c 'reclaiming paused'; }
let_pass() { # SECONDS
	local end=$((SECONDS + $1 + 1))
	wait_until "[ \$SECONDS -ge $end ]" 60
}

kill -STOP "$REDIS"
let_pass 5
kill -CONT "$REDIS"
wait_until '[ "$(pauses)" = 1 ]' 30
like 'a silence is noticed' "$(log_of "$COORDINATOR")" 'redis silent'

kill_redis
let_pass 4
restart_redis
wait_until '[ "$(pauses)" = 2 ]' 30
ok 'an absence is noticed' [ "$(pauses)" = 2 ]

# With the coordinator gone as well, it is the start of Redis that tells.
crash "$COORDINATOR"
kill_redis
let_pass 3
restart_redis
start_coordinator
wait_until '[ "$(pauses)" = 1 ]' 30
ok 'so is a start of both' [ "$(pauses)" = 1 ]

touch "$TREADLE_TEST_TMP/begun.go"
until_state "$run" done 40
is 'the step began once' "$(wc -l <"$TREADLE_TEST_TMP/begun")" 1
is 'nothing was recovered' "$(step_field "$run" work recoveries)" 0
for pid in "${COORDINATORS[@]}"; do
	unlike 'no worker was declared lost' "$(log_of "$pid")" 'worker lost'
done
done_testing
