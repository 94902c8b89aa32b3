#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the system refuses to a coordinator: what is due comes, in the end.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/exhaust.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_COORDINATOR_LEAD=1s
export TREADLE_COORDINATOR_RETENTION=1s
start_redis
start_worker
well=$WORKER
cat >"$TREADLE_TEST_TMP/due.yaml" <<'YAML'
name: due
steps:
  a: {wait: {for: 10ms}}
  b: {needs: [a], pass: {value: 1}}
YAML
cat >"$TREADLE_TEST_TMP/overdue.yaml" <<'YAML'
name: overdue
deadline: 20ms
steps:
  a: {wait: {for: 1h}}
YAML
runs=0

left() { redis ZCARD 'treadle:{0}:runs:running'; }
is_over() { ! is_running "$PID" || [ "$(left)" = 0 ]; }
url() { grep -oE 'http://[0-9.:]+' "$SAID" | head -n 1; }

# perform_under WISH: a coordinator moves two runs on, if it can, answers, and is
# told to stop. STATUS, SAID. The lead of one that has died is not waited for.
perform_under() {
	wish=$1
	{
		program treadle-coordinator
		redis --raw KEYS 'treadle:{0}:lead:*' | xargs -r "${REDIS_CLI:-redis-cli}" \
			-s "$TREADLE_TEST_TMP/redis.sock" DEL >/dev/null
		exhausted "$1"
		treadle submit "$TREADLE_TEST_TMP/due.yaml" >/dev/null &&
			treadle submit "$TREADLE_TEST_TMP/overdue.yaml" >/dev/null ||
			fail 'not submitted'
		runs=$((runs + 1))
		start coordinator "${EXHAUSTED[@]}" "$PROGRAM" \
			--coordinator-listen 127.0.0.1:0
		SAID=${log_files[$PID]}
		within 10 '! is_running "$PID" || [ -n "$(url)" ] ||
			[ "$(refusals)" -gt 2 ]' &&
			curl -sm 5 "$(url)/metrics" "$(url)/readyz" >/dev/null
		within 20 'is_over || { [[ $wish == *+ ]] && [ "$(refusals)" -gt 2 ]; }' ||
			echo "$1: it lives and does nothing" >&3
		kill -TERM "$PID"
		within 25 "! is_running $PID" || kill -KILL "$PID"
		reap "$PID"
	} 2>"$TREADLE_TEST_TMP/talk" # of the shell, when a child aborts
}

try() { # WISH
	perform_under "$1"
	judge "$STATUS" "$1" "$SAID" >&3
	: >"$SAID"
}

perform_under none 3>&2
is 'in peace it does all' "$STATUS $(left)" '0 0'
each_kind 'a coordinator'
start_coordinator --coordinator-retention 1h
wait_until '[ "$(left)" = 0 ]' 30
is 'what was due has come' "$(redis HGET 'treadle:{0}:counters' runs_done)" "$runs"
is 'so have the deadlines' \
	"$(redis HGET 'treadle:{0}:counters' runs_failed)" "$runs"
is 'each step is committed once' \
	"$(redis HGET 'treadle:{0}:counters' steps_done)" $((runs * 2))
is 'nothing is delayed any more' "$(redis ZCARD 'treadle:{0}:delayed')" 0
ok 'the worker was never missed' is_running "$well"
is 'nor declared lost' "$(log_of "$well" | grep -c 'worker lost')" 0
note "$tried cases"
done_testing
