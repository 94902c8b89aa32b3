#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker that was frozen past its lease drops what it held, and begins anew.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis
start_coordinator
ledger=$TREADLE_TEST_TMP/ledger
cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
steps:
  work:
    exec:
      command: [sh, -c, 'echo \$TREADLE_IDEMPOTENCY_KEY >>"\$0"; while [ ! -e "\$1" ]; do sleep 0.02; done; echo 1', "$ledger", "$TREADLE_TEST_TMP/go"]
    retry: {attempts: 1}
  after: {needs: [work], pass: {value: 1}}
YAML
begun() { [ -e "$ledger" ] && grep -c . "$ledger"; }

start_worker
frozen=$WORKER
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
wait_until '[ "$(begun)" = 1 ]'
start_worker
kill -STOP "$frozen"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost"'
# Its read is still waiting in Redis, and is served first. What came for the
# identity that it had, it must hand back.
kill -CONT "$frozen"
wait_until 'log_of "$frozen" | grep -q "worker lost"'
wait_until 'log_of "$frozen" | grep -q "worker registered"'
wait_until '[ "$(begun)" = 2 ]'
touch "$TREADLE_TEST_TMP/go"
until_state "$run" done
is 'the step was recovered once' "$(step_field "$run" work recoveries)" 1
is 'both tries had the same key' "$(sort -u "$ledger" | grep -c .)" 1
is 'one result was committed' "$(redis HGET 'treadle:{0}:counters' steps_done)" 2
is 'both workers are live' "$(redis FCALL_RO treadle_workers 1 'treadle:{0}' |
	jq '[.workers[] | select(.state == "live")] | length')" 2

# The one that came back works.
stop "$WORKER"
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
until_state "$run" done
ok 'the one that came back works' true
stop "$frozen"
is 'and stops well' "$STATUS" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
