#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis' clock jumps by hours: no worker that is well is declared lost.
. "$(dirname "$0")/lib.sh"

program storm/clock.so
offset=$TREADLE_TEST_TMP/offset
echo 0 >"$offset"
REDIS_WRAPPER=(env "LD_PRELOAD=$PROGRAM"
	"TREADLE_CLOCK=$offset")
start_redis
before=$(redis TIME | head -n 1)
echo 86400 >"$offset"
[ $(($(redis TIME | head -n 1) - before)) -gt 86000 ] ||
	skip_all 'this Redis can not be given another clock'
echo 0 >"$offset"

export TREADLE_WORKER_LEASE=3s
# Until it has looked, workers that it finds may have just come back.
start_coordinator
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
jumps() { log_of "$COORDINATOR" | grep -c 'clock jumped'; }
renewals() { log_of "$COORDINATOR" | grep -c 'leases renewed'; }

jumped() { # COUNT WHAT RENEWALS
	wait_until "[ \$(jumps) = $1 ]" 20
	wait_until "[ \$(renewals) -ge $3 ]" 20
	is "$2 is noticed" "$(jumps)" "$1"
}
echo 3600 >"$offset"
jumped 1 'an hour ahead' 1
echo 0 >"$offset"
jumped 2 'an hour back' 1
echo 100000 >"$offset"
jumped 3 'a day ahead' 2

# Lost workers are still found afterwards.
wait_until '[ "$(redis ZCOUNT "treadle:{0}:workers" \
	"$(($(redis TIME | head -n 1) * 1000))" +inf)" = 1 ]' 20
unlike 'the worker was never declared lost' "$(log_of "$COORDINATOR")" \
	'worker lost'
is 'its step began once' "$(wc -l <"$TREADLE_TEST_TMP/begun")" 1
victim=$WORKER
start_worker
crash "$victim"
wait_until 'log_of "$COORDINATOR" | grep -q "worker lost"' 40
touch "$TREADLE_TEST_TMP/begun.go"
until_state "$run" done 40
like 'one that is really gone is found' "$(log_of "$COORDINATOR")" \
	"worker lost.*pid $victim"
is 'and its step is done' "$(run_state "$run")" done
done_testing
