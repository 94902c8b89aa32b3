#!/bin/bash
# SPDX-License-Identifier: MIT
# Finished runs are removed after their retention, and nothing of them is left.
. "$(dirname "$0")/lib.sh"

export TREADLE_COORDINATOR_RETENTION=1s
start_redis
start_worker

cat >"$TREADLE_TEST_TMP/good.yaml" <<'YAML'
name: good
steps:
  a: {pass: {value: {x: 1}}}
  b: {needs: [a], pass: {value: 2}}
YAML
cat >"$TREADLE_TEST_TMP/bad.yaml" <<'YAML'
name: bad
steps:
  a: {exec: {command: ["false"]}, retry: {attempts: 1}}
YAML
cat >"$TREADLE_TEST_TMP/open.yaml" <<'YAML'
name: open
steps:
  a: {queue: nobody, pass: {value: 1}}
YAML
for _ in 1 2 3; do
	treadle submit "$TREADLE_TEST_TMP/good.yaml" >/dev/null
done
treadle submit --key once "$TREADLE_TEST_TMP/good.yaml" >/dev/null
treadle submit "$TREADLE_TEST_TMP/bad.yaml" >/dev/null
open=$(treadle submit "$TREADLE_TEST_TMP/open.yaml")
wait_until '[ "$(redis ZCARD "treadle:{0}:finished")" = 5 ]' 20
is 'five are finished' "$(redis ZCARD 'treadle:{0}:finished')" 5

start_coordinator
wait_until '[ "$(redis ZCARD "treadle:{0}:finished")" = 0 ]' 30
runs() { redis --scan --pattern "treadle:{0}:$1:*" | grep -v "$open"; }
is 'no run is left' "$(runs run)" ''
is 'no output' "$(runs out)" ''
is 'no log' "$(runs log)" ''
is 'no done run in the index' "$(redis ZCARD 'treadle:{0}:runs:done')" 0
is 'no failed one' "$(redis ZCARD 'treadle:{0}:runs:failed')" 0
is 'no dead letter' "$(redis XLEN 'treadle:{0}:dead')" 0
is 'no idempotency key' "$(redis HLEN 'treadle:{0}:keys')" 0
is 'what runs is kept' "$(run_state "$open")" running
is 'five are counted' "$(redis HGET 'treadle:{0}:counters' removed)" 5
like 'the coordinator tells it' "$(log_of "$COORDINATOR")" 'runs removed'

# By number: the newest stay.
stop "$COORDINATOR"
export TREADLE_COORDINATOR_RETENTION=1h TREADLE_COORDINATOR_RETENTION_RUNS=2
for _ in 1 2 3; do
	treadle submit "$TREADLE_TEST_TMP/good.yaml" >/dev/null
done
wait_until '[ "$(redis ZCARD "treadle:{0}:finished")" = 3 ]' 20
last=$(treadle submit "$TREADLE_TEST_TMP/good.yaml")
wait_until '[ "$(redis ZCARD "treadle:{0}:finished")" = 4 ]' 20
start_coordinator
wait_until '[ "$(redis ZCARD "treadle:{0}:finished")" = 2 ]' 20
like 'the newest is kept' "$(redis ZRANGE 'treadle:{0}:finished' 0 -1)" "$last"
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
