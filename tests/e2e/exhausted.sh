#!/bin/bash
# SPDX-License-Identifier: MIT
# What the tests of an exhausted worker source besides lib.sh, steps.sh and
# exhaust.sh: a worker to which things are refused while it performs a run, and
# what must have become of all such runs when a worker that is well has mended them.
#
# A scenario is a workflow whose step `t` comes last and yields what the others
# did; the same of all tries.

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_GRACE=10s
export TREADLE_WORKER_WATCHDOG=15s # less than `within 25` below
# The system is slow where others use it; what an expression takes is tried elsewhere.
export TREADLE_WORKER_EXPRESSION_TIMEOUT=20s
ledger=$TREADLE_TEST_TMP/ledger
tries=$TREADLE_TEST_TMP/tries # RUN QUEUE NAME DONE ENDS, one line each
runs=0
part=	# the steps of the workflow `part`, which a scenario performs
signal= # what its runs are given before a worker has begun

# The effect: a line with its process, JSON on all its pipes.
cat >"$TREADLE_TEST_TMP/effect" <<'SH'
#!/bin/sh
echo "$TREADLE_RUN $TREADLE_IDEMPOTENCY_KEY $$" >>"$1"
echo '{"progress": 0.5}' >&3
echo 'a line of log' >&2
cat
SH
chmod +x "$TREADLE_TEST_TMP/effect"
effect="command: [$TREADLE_TEST_TMP/effect, $ledger]"
mkdir "$TREADLE_TEST_TMP/work"

# Each try has a queue of its own, so that what one leaves isn't done by the
# next: `mend` does all that is left of a scenario.
workflow() { # NAME STEPS
	printf 'name: %s\ndefaults: {queue: %s, retry: {attempts: 50, %s}}\n%s\n' \
		"$1" "$QUEUE" 'delay: 10ms, max_delay: 100ms' "$2"
}
submit() { # sets RUN, QUEUE
	runs=$((runs + 1))
	QUEUE=q$runs
	[ -z "$part" ] || workflow part "$part" | treadle apply - >/dev/null ||
		fail 'what is performed is not applied'
	RUN=$(workflow one "$steps" | treadle submit - \
		2>"$TREADLE_TEST_TMP/said") ||
		fail "not submitted: $(cat "$TREADLE_TEST_TMP/said")"
	[ -z "$signal" ] ||
		treadle signal "$RUN" "$signal" --data 7 >"$TREADLE_TEST_TMP/said" 2>&1 ||
		fail "the signal is not taken: $(cat "$TREADLE_TEST_TMP/said")"
	echo "$RUN $QUEUE ${name// /-} $done_count $ends" >>"$tries"
}
state_of() { redis HGET "treadle:{0}:run:$1" state | cut -d ' ' -f 1; } # RUN
is_over() { ! is_running "$PID" || [ "$(state_of "$RUN")" != running ]; }

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
	local state
	submit
	perform_under "$1"
	judge "$STATUS" "$1" "$SAID" >&3
	state=$(state_of "$RUN")
	[[ $state =~ ^(running|$ends)$ ]] || echo "$1: the run is $state: $(
		redis HGET "treadle:{0}:run:$RUN" reason)" >&3
	: >"$SAID"
}

# mend: a worker that is well does what is left over.
mend() {
	touch "$ledger.mending"
	start_worker --worker-queues "$(cut -d ' ' -f 2 "$tries" | paste -sd ,)" \
		--worker-lease 15s --worker-directory "$TREADLE_TEST_TMP/work"
	wait_until '[ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]' 240
	stop "$WORKER"
	is 'every run has ended as it must' "$(while read -r run _ _ _ ends; do
		[ "$(state_of "$run")" = "$ends" ] || echo "$run"
	done <"$tries")" ''
	is 'each step is committed once' \
		"$(redis HGET 'treadle:{0}:counters' steps_done)" \
		"$(awk '{ n += $4 } END { print n }' "$tries")"
	is 'and yields what the others of its kind do' \
		"$(while read -r run _ name _; do
			echo "$name $(redis --raw HGET \
				"treadle:{0}:out:$run" t | md5sum)"
		done <"$tries" | sort -u | wc -l)" \
		"$(cut -d ' ' -f 3 "$tries" | sort -u | wc -l)"
	is 'no queue holds an entry' "$(cut -d ' ' -f 2 "$tries" |
		while read -r queue; do
			redis XLEN "treadle:{0}:queue:$queue"
		done | sort -u)" 0
	is 'the doctor finds nothing' "$(treadle doctor --data --json |
		jq -r '.id // empty' | sort -u)" ''
	wait_until '[ -z "$(left_behind)" ]' 10
	is 'no half file is left' \
		"$(find "$TREADLE_TEST_TMP/work" -name '.*' -type f)" ''
	forget
}

# Whoever lives still and was begun by a worker that has ended: an effect, a
# warden, an evaluator. Their log is that of their worker.
left_behind() {
	awk '{ print $3 }' "$ledger" 2>/dev/null | while read -r pid; do
		grep -qsF "$TREADLE_TEST_TMP/effect" "/proc/$pid/cmdline" &&
			echo "$pid" # numbers of processes are used again
	done
	find /proc/[0-9]*/fd/2 -lname "$TREADLE_TEST_TMP/worker.*" 2>/dev/null
}
forget() {
	redis FLUSHALL >/dev/null
	: >"$tries"
	rm -f "$ledger" "$ledger.mending"
	runs=0
	stop "$COORDINATOR"
	start_coordinator
}

# comes_to_its_end NAME WORKFLOW DONE [ENDS [PEACE]]: whatever is refused, so
# many steps are done in the end, and the run ends so (done); PEACE: how the worker
# does, and how the run is then, where nothing is refused.
comes_to_its_end() {
	name=$1 steps=$2 done_count=$3 ends=${4:-done}
	is_chosen "$name" || return 0
	submit
	perform_under none 3>&2
	is "$name: in peace it comes to its end" \
		"$STATUS $(state_of "$RUN")" "${5:-0 $ends}"
	[ "$(state_of "$RUN")" = "$ends" ] ||
		explain "$(redis HGET "treadle:{0}:run:$RUN" reason)"
	each_kind "$name"
	[ -z "${EXHAUST_CASES:-}" ] || mend
}

# know_beginning: what a worker wishes before it has work was tried with those
# of other tests. From here on only what comes after that is.
know_beginning() {
	local kind
	program treadle-worker
	exhausted none
	start worker "${EXHAUSTED[@]}" "$PROGRAM" --worker-queues nothing \
		--worker-directory "$TREADLE_TEST_TMP/work"
	until_started "$PID" "is_registered $PID"
	for kind in "${KINDS[@]}"; do
		known[$kind]=$(wishes "$kind")
	done
	stop "$PID"
}
