#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis is silent, or away, for longer than a lease: no worker that is well is declared lost.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=2s
start_redis
start_coordinator
# Until it has looked, workers that it finds may have just come back.
wait_until '[ -n "$(redis GET "treadle:{0}:looked")" ]'
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
renewals() { log_of "$COORDINATOR" | grep -c 'leases renewed'; }
let_pass() { # SECONDS
	local end=$((SECONDS + $1 + 1))
	wait_until "[ \$SECONDS -ge $end ]" 60
}

kill -STOP "$REDIS"
let_pass 5
kill -CONT "$REDIS"
wait_until '[ "$(renewals)" -gt 0 ]' 30
like 'a silence is noticed' "$(log_of "$COORDINATOR")" 'redis silent'

before=$(renewals)
kill_redis
let_pass 4
restart_redis
wait_until '[ "$(renewals)" -gt "$before" ]' 30
ok 'an absence is noticed' [ "$(renewals)" -gt "$before" ]

# With the coordinator gone as well, it is the last look that tells.
crash "$COORDINATOR"
kill_redis
let_pass 3
restart_redis
start_coordinator
wait_until '[ "$(renewals)" -gt 0 ]' 30
ok 'so is a start of both' [ "$(renewals)" -gt 0 ]

touch "$TREADLE_TEST_TMP/begun.go"
until_state "$run" done 40
is 'the step began once' "$(wc -l <"$TREADLE_TEST_TMP/begun")" 1
is 'nothing was recovered' "$(step_field "$run" work recoveries)" 0
for pid in "${COORDINATORS[@]}"; do
	unlike 'no worker was declared lost' "$(log_of "$pid")" 'worker lost'
done
done_testing
