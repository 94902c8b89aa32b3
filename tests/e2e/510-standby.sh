#!/bin/bash
# SPDX-License-Identifier: MIT
# Of two coordinators one leads; whether it is killed or stopped, time goes on.
. "$(dirname "$0")/lib.sh"

export TREADLE_COORDINATOR_LEAD=2s
start_redis
start_coordinator
first=$COORDINATOR
wait_until '[ "$(redis EXISTS "treadle:{0}:lead:promote")" = 1 ]'
leader=$(redis GET 'treadle:{0}:lead:promote')
start_coordinator
second=$COORDINATOR second_url=$COORDINATOR_URL
start_worker

cat >"$TREADLE_TEST_TMP/wait.yaml" <<'YAML'
name: patience
steps:
  pause: {wait: {for: 100ms}}
YAML
perform() {
	run=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml")
	until_state "$run" done 30
}
leads() { # URL ROLE
	curl -s "$1/metrics" | grep -F "coordinator_leads{role=\"$2\"}" |
		cut -d ' ' -f 2
}

perform
is 'the first one leads on' "$(redis GET 'treadle:{0}:lead:promote')" "$leader"
is 'the second stands by' "$(leads "$second_url" promote)" 0

crash "$first"
perform
is 'after a crash the second takes over' "$(leads "$second_url" promote)" 1
unlike 'under its own id' "$(redis GET 'treadle:{0}:lead:promote')" "^$leader$"
wait_until '[ "$(leads "$second_url" reclaim)" = 1 ]' 20

start_coordinator
third_url=$COORDINATOR_URL
wait_until 'log_of "$COORDINATOR" | grep -q ready' 20
# The second renews its lead as the step goes; with a long one, whoever comes
# next would wait for it, were the lead not handed over.
stop "$second"
is 'one that is told to stop ends well' "$STATUS" 0
perform
like 'and the third takes over' "$(log_of "$COORDINATOR")" 'lead taken.*promote'
wait_until '[ "$(leads "$third_url" promote)" = 1 ]' 20
is 'and knows that it leads' "$(leads "$third_url" promote)" 1

# With a lead that outlasts this test, only handing over helps.
export TREADLE_COORDINATOR_LEAD=60s
stop "$COORDINATOR"
start_coordinator
wait_until 'log_of "$COORDINATOR" | grep -q "lead taken -- promote"' 20
fourth=$COORDINATOR
start_coordinator
wait_until 'log_of "$COORDINATOR" | grep -q ready' 20
perform # so that the fifth has asked and been told to wait
stop "$fourth"
perform
like 'a lead is handed over, not outwaited' "$(log_of "$COORDINATOR")" \
	'lead taken.*promote'
done_testing
