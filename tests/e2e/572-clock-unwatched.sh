#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis' clock jumps while nobody watches it: no worker that is well is lost, and one that is gone is found.
. "$(dirname "$0")/lib.sh"

program storm/clock.so
offset=$TREADLE_TEST_TMP/offset
echo 0 >"$offset"
REDIS_WRAPPER=(env "LD_PRELOAD=$PROGRAM" "TREADLE_CLOCK=$offset")
start_redis
before=$(redis TIME | head -n 1)
echo 86400 >"$offset"
[ $(($(redis TIME | head -n 1) - before)) -gt 86000 ] ||
	skip_all 'this Redis can not be given another clock'
echo 0 >"$offset"

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

calls() {
	redis INFO commandstats | sed -n 's/^cmdstat_fcall:calls=\([0-9]*\).*/\1/p'
}
looked_again() { # a coordinator has, twice
	for _ in 1 2; do
		before=$(redis GET 'treadle:{0}:looked')
		wait_until '[ "$(redis GET "treadle:{0}:looked")" != "$before" ]'
	done
}

# Back and forward again between two looks; the worker beats in between.
kill -STOP "$COORDINATOR"
echo -3600 >"$offset"
before=$(calls)
wait_until '[ "$(calls)" -gt "$before" ]'
kill -STOP "$WORKER"
echo 0 >"$offset"
kill -CONT "$COORDINATOR"
looked_again
unlike 'a clock that goes back and returns takes no lease' \
	"$(log_of "$COORDINATOR")" 'worker lost'
kill -CONT "$WORKER"

# Ahead while there is no coordinator.
crash "$COORDINATOR"
kill -STOP "$WORKER"
echo 7200 >"$offset"
start_coordinator
looked_again
unlike 'one that goes ahead before a coordinator starts takes none' \
	"$(log_of "$COORDINATOR")" 'worker lost'
like 'those that there are begin anew' "$(log_of "$COORDINATOR")" \
	'leases renewed'
kill -CONT "$WORKER"

# Back by less than two hours, after a worker has died.
well=$WORKER
TREADLE_WORKER_LEASE=2s start_worker
victim=$WORKER
crash "$victim"
echo 6600 >"$offset"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost.*pid $victim "' 40
like 'one that died before the clock went back is found' \
	"$(log_of "$COORDINATOR")" "worker lost.*pid $victim "
unlike 'and no other' "$(log_of "$COORDINATOR")" "worker lost.*pid $well "
touch "$TREADLE_TEST_TMP/begun.go"
until_state "$run" done 40
is 'the step began once' "$(wc -l <"$TREADLE_TEST_TMP/begun")" 1
done_testing
