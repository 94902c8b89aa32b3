#!/bin/bash
# SPDX-License-Identifier: MIT
# A step that kills its workers is dead-lettered; its neighbours don't suffer.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis
start_coordinator

# The step kills the worker that performs it, whose pid is in a file.
cat >"$TREADLE_TEST_TMP/poison.yaml" <<YAML
name: poison
steps:
  kill:
    exec:
      command: [sh, -c, 'while [ ! -s "\$0" ]; do sleep 0.02; done; kill -9 \$(cat "\$0"); sleep 60', "$TREADLE_TEST_TMP/victim"]
    recoveries: 2
YAML
cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: neighbour
steps:
  work:
    exec: {command: [sh, -c, 'while [ ! -e "\$0" ]; do sleep 0.05; done', "$TREADLE_TEST_TMP/go"]}
    recoveries: 10
YAML
held() { redis XPENDING 'treadle:{0}:queue:default' workers | head -n 1; }

good=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
bad=
for round in 1 2 3; do
	start_worker
	wait_until '[ "$(held)" -ge 1 ]' 30
	echo "$WORKER" >"$TREADLE_TEST_TMP/victim"
	[ -n "$bad" ] || bad=$(treadle submit "$TREADLE_TEST_TMP/poison.yaml")
	wait_until "! is_running $WORKER" 30
	reap "$WORKER"
	wait_until '[ "$(redis ZCARD "treadle:{0}:workers")" = 0 ]' 30
	note "round $round is over"
	# The poison of the next round waits for the next pid.
	rm "$TREADLE_TEST_TMP/victim"
done
is 'the poisonous run has failed' "$(run_state "$bad")" failed
is 'its step is a dead letter' "$(redis XLEN 'treadle:{0}:dead')" 1
like 'with its class' "$(redis XRANGE 'treadle:{0}:dead' - +)" worker_lost
like 'and says why' "$(ask status "$bad" | jq -c .reason)" worker_lost

touch "$TREADLE_TEST_TMP/go"
start_worker
until_state "$good" done 30
is 'its neighbour is done' "$(run_state "$good")" done
ok 'and the last worker lives' is_running "$WORKER"
like 'failures are counted by class' \
	"$(curl -s "$COORDINATOR_URL/metrics")" \
	'treadle_failures_total\{class="worker_lost"\} [1-9]'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
