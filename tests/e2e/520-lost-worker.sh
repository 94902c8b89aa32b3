#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker is killed: its step is done by another, and no attempt is charged.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=2s
start_redis
start_coordinator
start_worker
victim=$WORKER

cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
steps:
  work:
    exec:
      command: [sh, -c, 'echo x >>"\$0"; while [ ! -e "\$0.go" ]; do sleep 0.05; done; echo 42', "$TREADLE_TEST_TMP/begun"]
    retry: {attempts: 1}
YAML
begun() { wc -l <"$TREADLE_TEST_TMP/begun"; }

run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
wait_until '[ "$(begun)" = 1 ]' 20
start_worker
crash "$victim"
wait_until '[ "$(begun)" = 2 ]' 30
touch "$TREADLE_TEST_TMP/begun.go"
until_state "$run" done 20

is 'one recovery' "$(step_field "$run" work recoveries)" 1
is 'it began twice' "$(begun)" 2
is 'counted as recovery' "$(redis HGET 'treadle:{0}:counters' recoveries)" 1
like 'the coordinator tells it' "$(log_of "$COORDINATOR")" "worker lost.*pid $victim"
wait_until '[ "$(redis ZCARD "treadle:{0}:workers")" = 1 ]' 20
is 'the lost one is forgotten' "$(redis ZCARD 'treadle:{0}:workers')" 1
is 'its queue is empty' "$(redis XLEN 'treadle:{0}:queue:default')" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
