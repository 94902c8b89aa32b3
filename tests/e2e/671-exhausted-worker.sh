#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the system refuses to a worker: nothing is lost, nothing is committed twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/exhaust.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_GRACE=10s
export TREADLE_WORKER_WATCHDOG=15s # less than `within 25` below
start_redis
start_coordinator
start_api
ledger=$TREADLE_TEST_TMP/ledger
runs=0 yield=.steps.s.output

# The effect: a line with its process, JSON on all its pipes.
cat >"$TREADLE_TEST_TMP/effect" <<'SH'
#!/bin/sh
echo "$TREADLE_RUN $TREADLE_IDEMPOTENCY_KEY $$" >>"$1"
echo '{"progress": 0.5}' >&3
echo 'a line of log' >&2
cat
SH
chmod +x "$TREADLE_TEST_TMP/effect"

# Each try has a queue of its own, so that what one leaves isn't done by the
# next: `mend` does all that is left of a scenario.
submit() { # KIND of the step, YAML; sets RUN, QUEUE
	runs=$((runs + 1))
	QUEUE=q$runs
	RUN=$(treadle submit - 2>"$TREADLE_TEST_TMP/said" <<YAML
name: one
defaults: {queue: $QUEUE, retry: {attempts: 50, delay: 10ms, max_delay: 100ms}}
steps:
  s: {$1}
  t: {needs: [s], pass: {value: "\${$yield}"}}
YAML
	) || fail "not submitted: $(cat "$TREADLE_TEST_TMP/said")"
	echo "$RUN $QUEUE ${name// /-}" >>"$TREADLE_TEST_TMP/runs"
}
state_now() { redis HGET "treadle:{0}:run:$RUN" state | cut -d ' ' -f 1; }
is_over() { ! is_running "$PID" || [ "$(state_now)" != running ]; }

# perform_under WISH: a worker does RUN, if it can, and is told to stop.
# SAID, STATUS.
perform_under() {
	wish=$1
	{
		program treadle-worker
		exhausted "$1"
		start worker "${EXHAUSTED[@]}" "$PROGRAM" --worker-queues "$QUEUE" \
			--worker-directory "$TREADLE_TEST_TMP/work"
		SAID=${log_files[$PID]}
		within 20 'is_over || { [[ $wish == *+ ]] && [ "$(refusals)" -gt 2 ]; }' ||
			echo "$1: it lives and does nothing" >&3
		kill -TERM "$PID"
		within 25 "! is_running $PID" ||
			kill -KILL "$PID"
		reap "$PID"
	} 2>"$TREADLE_TEST_TMP/talk" # of the shell, when a child aborts
}

try() { # WISH
	submit "$step"
	perform_under "$1"
	judge "$STATUS" "$1" "$SAID" >&3
	[ "$(state_now)" != failed ] || echo "$1: the run failed: $(redis HGET \
		"treadle:{0}:run:$RUN" reason)" >&3
	: >"$SAID"
}

# mend: a worker that is well does what is left over.
mend() {
	local queues
	touch "$ledger.mending"
	queues=$(cut -d ' ' -f 2 "$TREADLE_TEST_TMP/runs" | paste -sd ,)
	start_worker --worker-queues "$queues" --worker-lease 15s \
		--worker-directory "$TREADLE_TEST_TMP/work"
	wait_until '[ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]' 240
	stop "$WORKER"
	is 'every run is done' \
		"$(redis ZCARD 'treadle:{0}:runs:done')" "$runs"
	is 'each step is committed once' \
		"$(redis HGET 'treadle:{0}:counters' steps_done)" $((runs * 2))
	is 'and yields what the others of its kind do' \
		"$(while read -r run _ name; do
			echo "$name $(redis --raw HGET \
				"treadle:{0}:out:$run" t | md5sum)"
		done <"$TREADLE_TEST_TMP/runs" | sort -u | wc -l)" \
		"$(cut -d ' ' -f 3 "$TREADLE_TEST_TMP/runs" | sort -u | wc -l)"
	is 'no queue holds an entry' "$(cut -d ' ' -f 2 \
		"$TREADLE_TEST_TMP/runs" | while read -r queue; do
		redis XLEN "treadle:{0}:queue:$queue"
	done | sort -u)" 0
	wait_until '[ -z "$(left_behind)" ]' 10
	is 'no half file is left' \
		"$(find "$TREADLE_TEST_TMP/work" -name '.*' -type f)" ''
	forget
}

# Whoever lives still and was begun by a worker that has ended: an effect, a
# warden, an evaluator. Their log is that of their worker.
left_behind() {
	awk '{ print $3 }' "$ledger" 2>/dev/null | while read -r pid; do
		kill -0 "$pid" 2>/dev/null && echo "$pid"
	done
	find /proc/[0-9]*/fd/2 -lname "$TREADLE_TEST_TMP/worker.*" 2>/dev/null
}
forget() {
	redis FLUSHALL >/dev/null
	: >"$TREADLE_TEST_TMP/runs"
	rm -f "$ledger" "$ledger.mending"
	runs=0
	stop "$COORDINATOR"
	start_coordinator
}

# holds NAME STEP [PEACE]: whatever is refused, the step is done in the end; and
# how the worker ends, and the run is, where nothing is refused.
holds() {
	local name=$1
	is_chosen "$name" || return 0
	step=$2
	submit "$step"
	perform_under none 3>&2
	is "$name: in peace it is done" "$STATUS $(state_now)" \
		"${3:-0 done}"
	each_kind "$name"
	[ -z "${EXHAUST_CASES:-}" ] || mend
}
mkdir "$TREADLE_TEST_TMP/work" "$TREADLE_TEST_TMP/secrets"
echo open-sesame >"$TREADLE_TEST_TMP/secrets/WORD"
export TREADLE_WORKER_SECRETS=$TREADLE_TEST_TMP/secrets

holds 'a program' \
	"exec: {command: [$TREADLE_TEST_TMP/effect, $ledger], stdin: {a: 1}}"
holds 'much output' "exec: {command: [sh, -c, 'yes 0123456789 | head -c 600000']}"
holds 'an expression' 'pass: {value: "${[range(9)] | map(. * 2) | add}"}'
yield=1 holds 'a wait' 'wait: {for: 20ms}'
holds 'a secret' "exec: {command: [printenv, S], env: {S: '\${secret:WORD}'}}"
holds 'a request' "http: {url: '$API/echo', method: POST, json: {a: 1}, output: '\${.response.body.body}'}"
holds 'a download' "http: {url: '$API/bytes/20000', download: file}"
holds 'connections that break' "exec: {command: [redis-cli, -s, $TREADLE_TEST_TMP/redis.sock, CLIENT, KILL, TYPE, normal], output: none}"
# It ends its worker, which finishes what it does, and goes.
holds 'a worker that is told to stop' "exec: {command: [sh, -c, '[ -e $ledger.mending ] || kill -TERM \$PPID; echo 1']}" '0 running'
[ -n "${EXHAUST_CASES:-}" ] || mend
note "$tried cases"
done_testing
