#!/bin/bash
# SPDX-License-Identifier: MIT
# What is delayed comes when it is due: not before, and without being asked for.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker

cat >"$TREADLE_TEST_TMP/wait.yaml" <<'YAML'
name: patience
steps:
  before: {pass: {value: 1}}
  pause: {needs: [before], wait: {for: 700ms}}
  after: {needs: [pause], pass: {value: 2}}
YAML

started() { step_field "$run" "$1" started_at; }
late() { # how many were dealt with later than N ms
	redis HGETALL 'treadle:{0}:counters' | paste - - |
		awk -v n="$1" '/^late:/ { sub("late:", "", $1)
			if ($1 == "inf" || $1 + 0 > n) sum += $2 }
			END { print sum + 0 }'
}

run=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml")
until_state "$run" done 20
waited=$(($(started after) - $(started before)))
ok "it did not come early ($waited ms)" [ "$waited" -ge 700 ]
is 'one step was promoted' "$(redis HGET 'treadle:{0}:counters' promoted)" 1
is 'nothing is delayed any more' "$(redis ZCARD 'treadle:{0}:delayed')" 0

# A later one must not hide an earlier one that comes after it.
cat >"$TREADLE_TEST_TMP/long.yaml" <<'YAML'
name: sleeper
steps:
  pause: {wait: {for: 1h}}
YAML
sleeper=$(treadle submit "$TREADLE_TEST_TMP/long.yaml")
wait_until '[ "$(redis ZCARD "treadle:{0}:delayed")" = 1 ]'
run=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml")
until_state "$run" done 20
waited=$(($(started after) - $(started before)))
ok "nor did the one after a sleeper ($waited ms)" [ "$waited" -ge 700 ]
is 'the sleeper sleeps on' "$(run_state "$sleeper")" running

# Many at one time come all.
for _ in 1 2 3 4 5 6 7 8; do
	treadle submit "$TREADLE_TEST_TMP/wait.yaml" >/dev/null
done
wait_until '[ "$(redis HGET "treadle:{0}:counters" promoted)" -ge 10 ]' 20
wait_until '[ "$(redis ZCARD "treadle:{0}:runs:done")" = 10 ]' 20
note "later than 20 ms: $(late 20) of 10"
is 'none was late by more than a second' "$(late 1000)" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
