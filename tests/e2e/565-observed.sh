#!/bin/bash
# SPDX-License-Identifier: MIT
# Metrics, logs and what attempts wrote tell of each outcome, in the same words.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator --log-format json
start_worker --log-format json --worker-lease 3s
cat >"$TREADLE_TEST_TMP/seen.yaml" <<'YAML'
name: seen
steps:
  first: {pass: {value: 1}}
  later: {needs: [first], wait: {for: 50ms}}
  ship:
    needs: [later]
    retry: {attempts: 2, delay: 50ms, factor: 1, jitter: 0}
    exec: {command: [sh, -c, 'seq 20000 >&2; echo end >&2; exit 3']}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/seen.yaml")
until_state "$run" failed
get() { curl -s "$COORDINATOR_URL/metrics"; }
metric() { # NAME VALUE: until it says so
	wait_until "get | grep -qxF '$1 $2'"
	ok "$1 is $2" true
}
# The times are told by heartbeats.
metric 'treadle_attempt_duration_seconds_count{kind="exec"}' 2
metric 'treadle_attempt_duration_seconds_count{kind="pass"}' 1
metric treadle_attempts_total 5
metric treadle_steps_done_total 2
metric treadle_retries_total 1
metric treadle_deferrals_total 1
metric 'treadle_failures_total{class="error"}' 2
metric 'treadle_failures_total{class="timeout"}' 0
metric treadle_dead_total 1
metric treadle_dead_letters 1
metric treadle_promoted_total 2
metric treadle_late_seconds_count 2
metric treadle_runs_failed_total 1
metric 'treadle_runs{state="failed"}' 1

# One line for each outcome; nothing but JSON.
wait_until 'log_of "$WORKER" | grep -q "step dead"'
worker=$(ask workers | jq -r '.workers[0].worker')
told() { log_of "$WORKER" | jq -c "select(.run == \"$run\") | $1"; }
ok 'all of the log is JSON' jq -e . "${log_files[$WORKER]}"
ok 'that of the coordinator too' jq -e . "${log_files[$COORDINATOR]}"
is 'each outcome has its line' "$(told '[.what, .step, .attempt] | join(" ")' |
	tr -d '"' | paste -sd,)" \
	'step done first 1,step put aside later 1,step done later 1,step failed ship 1,step dead ship 2'
is 'which says whose it is' "$(told '[.workflow, .worker, .program] | join(" ")' |
	sort -u)" "\"seen $worker worker\""
is 'how it failed' "$(told 'select(.step == "ship") | .class' | sort -u)" '"error"'
is 'and how long it took' "$(told 'select(.step == "ship") | .duration_ms > 0' |
	sort -u)" true

# The last 64 KiB of what a program said are kept of each attempt.
treadle logs "$run" ship --json >"$TREADLE_TEST_TMP/logs"
is 'so many bytes are kept of each' "$(jq '.log | utf8bytelength' \
	"$TREADLE_TEST_TMP/logs" | paste -sd,)" 65536,65536
is 'the last of them' "$(jq -r '.log | split("\n")[-3:] | join(" ")' \
	"$TREADLE_TEST_TMP/logs" | sort -u)" '20000 end '
done_testing
