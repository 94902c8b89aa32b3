#!/bin/bash
# SPDX-License-Identifier: MIT
# What every e2e test sources: real programs, a private Redis, TAP.
#
# A test is tests/e2e/NNN-behaviour.sh: line 1 the shebang, line 2 the licence,
# line 3 its goal, then
#
#	. "$(dirname "$0")/lib.sh"
#	start_redis
#	start_coordinator
#	start_worker --worker-slots 4
#	run=$(treadle submit "$workflow")
#	until_state "$run" done
#	is 'there is one run' "$(redis ZCARD 'treadle:{0}:runs:done')" 1
#	done_testing
#
# Programs come from TREADLE_BUILD (build/test). Everything lives in
# TREADLE_TEST_TMP, which is removed unless the test fails. Whatever was
# started is ended, by its pid, and reaped; a program that leaves a sanitizer's
# report, or that does not stop when told to, fails the test.
#
# Knobs: TREADLE_PATIENCE multiplies every time limit (1), REDIS_SERVER and
# REDIS_CLI name the server and its client (valkey-server, valkey-cli),
# TREADLE_TEST_KEEP keeps the folder.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
cd "$ROOT" || exit 1
TREADLE_BUILD=$(cd "${TREADLE_BUILD:-build/test}" 2>/dev/null && pwd)
PATIENCE=${TREADLE_PATIENCE:-1}
KEEP=${TREADLE_TEST_KEEP:-}
# Nothing of the caller's configuration may reach the programs.
for name in ${!TREADLE_@}; do
	[ "$name" = TREADLE_BUILD ] || unset "$name"
done

TREADLE_TEST_TMP=$(mktemp -d "${TMPDIR:-/tmp}/treadle.XXXXXX") || exit 1
export TREADLE_BUILD TREADLE_TEST_TMP
reports=$TREADLE_TEST_TMP/sanitizer
export ASAN_OPTIONS="detect_leaks=1:log_path=$reports:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports:${UBSAN_OPTIONS:-}"

tests=0		# how many results were printed
failed=0	# how many of them were not ok
has_plan=	# done_testing or skip_all was reached
REDIS=		# pid of the server, empty while there is none
WORKER= COORDINATOR= COORDINATOR_URL=	# the newest of each
WORKERS=() COORDINATORS=() worker_arguments=()
declare -A running=()	# pid to name, of all that was started and not reaped
declare -A log_files=()	# pid to log file, of all that was ever started
order=()		# pids in the order in which they were started

# The one pause of all tests: a read that nobody ever answers.
mkfifo "$TREADLE_TEST_TMP/pause" && exec {pause_fd}<>"$TREADLE_TEST_TMP/pause"
pause() { read -r -t 0.02 -u "$pause_fd"; }

# --- results -----------------------------------------------------------------

note() { printf '%s\n' "$*" | sed 's/^/# /'; }
# What is wrong with a result: shown whoever runs the test.
explain() { note "$@" >&2; }

result() { # STATUS NAME
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - $2"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $2"
	fi
	return "$1"
}

# ok NAME COMMAND...: the command succeeds; what it says is shown if not.
ok() {
	local name=$1 status=0 said
	shift
	"$@" >"$TREADLE_TEST_TMP/said" 2>&1 || status=$?
	result $((status != 0)) "$name" && return
	said=$(tail -n 30 "$TREADLE_TEST_TMP/said")
	explain "status $status of: $*${said:+$'\n'$said}"
}

# is NAME GOT EXPECTED: two texts are the same.
is() {
	[ "$2" = "$3" ]
	result $? "$1" || explain "     got: $2"$'\n'"expected: $3"
}

# like NAME GOT REGEX: a text matches an extended regular expression.
like() {
	[[ $2 =~ $3 ]]
	result $? "$1" || explain "     got: $2"$'\n'"expected: /$3/"
}

# unlike NAME GOT REGEX: it does not.
unlike() {
	[[ ! $2 =~ $3 ]]
	result $? "$1" || explain "       got: $2"$'\n'"unexpected: /$3/"
}

# fail MESSAGE: the test can't go on.
fail() {
	result 1 "$1"
	exit 1
}

done_testing() {
	[ -z "${LIBRARY_BRANCHES:-}" ] || redis FCALL treadle_branches 1 any |
		grep . >>"$LIBRARY_BRANCHES/taken"
	echo "1..$tests"
	has_plan=yes
	exit $((failed != 0))
}

skip_all() { # REASON
	echo "1..0 # SKIP $1"
	has_plan=yes
	exit 0
}

# wait_until COMMAND [SECONDS=30]: evaluates it until it succeeds.
wait_until() {
	local end=$((SECONDS + ${2:-30} * PATIENCE + 1))
	until eval "$1" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "waited ${2:-30} s for: $1"
		pause
	done
}

# --- programs ----------------------------------------------------------------

# start NAME COMMAND...: in the background, its pid in PID, its log a file.
start() {
	local name=$1 log
	shift
	log=$TREADLE_TEST_TMP/$name.${#order[@]}.log
	"$@" </dev/null >"$log" 2>&1 {pause_fd}>&- &
	PID=$!
	running[$PID]=$name
	log_files[$PID]=$log
	order+=("$PID")
}

is_running() { kill -0 "$1" 2>/dev/null; } # PID
log_of() { cat "${log_files[$1]}"; }	   # PID

# until_started PID COMMAND: as wait_until, but notices that PID has died.
until_started() {
	wait_until "! is_running $1 || { $2; }" 60
	is_running "$1" || fail "${running[$1]} ended before it was ready"
}

# reap PID: waits for its end; its exit status in STATUS.
reap() {
	STATUS=0
	{ wait "$1" || STATUS=$?; } 2>/dev/null
	unset "running[$1]"
}

# crash PID: as if the machine had lost it. Where branches of C are counted,
# CRASH_SIGNAL has it write the counts before (tests/counts.c); who is stopped
# could not, and who was just started is this shell still, with its traps.
crash() {
	local signal=${CRASH_SIGNAL:-KILL}
	grep -q "^State:.T" "/proc/$1/status" 2>/dev/null && signal=KILL
	[ "/proc/$1/exe" -ef "/proc/$$/exe" ] && signal=KILL
	kill "-$signal" "$1" 2>/dev/null
	reap "$1"
}

# stop PID [SECONDS=20]: tells it to end and waits; exit status in STATUS.
stop() {
	kill -TERM "$1" 2>/dev/null
	wait_until "! is_running $1" "${2:-20}"
	reap "$1"
}

program() { # NAME: its path, or the test is over
	[ -n "$TREADLE_BUILD" ] && [ -x "$TREADLE_BUILD/$1" ] ||
		fail "there is no $1 in the build folder; make MODE=test built"
	PROGRAM=$TREADLE_BUILD/$1
}

treadle() {
	local PROGRAM
	program treadle
	"$PROGRAM" "$@"
}

# start_worker [ARGUMENT...]: returns when it has registered.
start_worker() {
	worker_arguments=("$@")
	program treadle-worker
	start worker "$PROGRAM" "$@"
	WORKER=$PID
	WORKERS+=("$PID")
	until_started "$PID" "is_registered $PID"
}

is_registered() { # PID
	redis FCALL_RO treadle_workers 1 'treadle:{0}' |
		grep -qE "\"pid\":\"?$1\\b"
}

# start_coordinator [ARGUMENT...]: returns when it listens, on a free port.
start_coordinator() {
	program treadle-coordinator
	TREADLE_COORDINATOR_LISTEN=${TREADLE_COORDINATOR_LISTEN:-127.0.0.1:0} \
		start coordinator "$PROGRAM" "$@"
	COORDINATOR=$PID
	COORDINATORS+=("$PID")
	until_started "$PID" "log_of $PID | grep -q 'http://'"
	COORDINATOR_URL=$(log_of "$PID" |
		grep -oE 'http://[][0-9a-f.:]+' | head -n 1)
}

# --- Redis -------------------------------------------------------------------

# start_redis [ARGUMENT...]: on a socket of its own, with an append-only file.
# REDIS_WRAPPER: a command to run the server under, as an array.
REDIS_WRAPPER=()
start_redis() {
	redis_arguments=("$@")
	mkdir -p "$TREADLE_TEST_TMP/data"
	export TREADLE_REDIS_URL=unix://$TREADLE_TEST_TMP/redis.sock
	restart_redis
}

# restart_redis: the same server with the same data, once more.
restart_redis() {
	[ -z "$REDIS" ] || stop_redis
	start redis ${REDIS_WRAPPER[@]+"${REDIS_WRAPPER[@]}"} \
		"${REDIS_SERVER:-redis-server}" --port 0 \
		--unixsocket "$TREADLE_TEST_TMP/redis.sock" \
		--dir "$TREADLE_TEST_TMP/data" --appendonly yes --save '' \
		--enable-debug-command local \
		${redis_arguments[@]+"${redis_arguments[@]}"}
	REDIS=$PID
	until_started "$REDIS" 'redis PING | grep -qE "PONG|NOAUTH"'
	# The library that counts what is taken of it, see tests/coverage.
	[ -z "${LIBRARY_BRANCHES:-}" ] || redis -x FUNCTION LOAD REPLACE \
		<"$LIBRARY_BRANCHES/library.lua" >/dev/null
}

stop_redis() {
	stop "$REDIS"
	REDIS=
}

kill_redis() {
	crash "$REDIS"
	REDIS=
}

redis() {
	"${REDIS_CLI:-redis-cli}" -s "$TREADLE_TEST_TMP/redis.sock" "$@"
}

# everything_dies: worker, coordinator and Redis are killed, and come again.
everything_dies() {
	crash "$WORKER"
	crash "$COORDINATOR"
	kill_redis
	restart_redis
	start_coordinator
	start_worker ${worker_arguments[@]+"${worker_arguments[@]}"}
}

# --- what Redis knows ---------------------------------------------------------

# submit NAME [ARGUMENT...]: a run of NAME.yaml of TREADLE_TEST_TMP, in `run`.
submit() {
	run=$(treadle submit "$TREADLE_TEST_TMP/$1.yaml" "${@:2}") ||
		fail "$1 was not submitted"
}

# ask FUNCTION [ARGUMENT...]: the JSON that a function of the library answers.
ask() {
	redis FCALL_RO "treadle_$1" 1 'treadle:{0}' "${@:2}"
}

run_state() { ask status "$1" | jq -r .state; } # RUN
step_field() {					# RUN STEP FIELD
	ask status "$1" | jq -r --arg step "$2" --arg field "$3" \
		'.steps[] | select(.step == $step) | .[$field]'
}
until_state() { # RUN STATE [SECONDS]
	wait_until "[ \"\$(run_state $1)\" = $2 ]" "${3:-20}"
}

# doctor_says_well NAME [ARGUMENT...]: a result; what it finds is shown if not.
doctor_says_well() {
	ok "$1" treadle doctor "${@:2}"
}

# --- the end -----------------------------------------------------------------

# Ends PIDs: asks, asks again after 2 s, and after 20 s forces.
end_all() {
	local pid begun=$SECONDS asked=1
	kill -CONT "$@" 2>/dev/null
	kill -TERM "$@" 2>/dev/null
	for pid; do
		while is_running "$pid"; do
			if [ $asked = 1 ] && [ $((SECONDS - begun)) -gt 2 ]; then
				kill -TERM "$@" 2>/dev/null
				asked=2
			fi
			if [ $((SECONDS - begun)) -gt $((20 * PATIENCE)) ]; then
				note "${running[$pid]} did not stop when told to"
				failed=$((failed + 1))
				kill -ABRT "$pid"
				crash "$pid"
				continue 2
			fi
			pause
		done
		reap "$pid"
	done
}

# Redis goes last, and before it what leads to it (PROXY): what stops may still
# have something to say.
end_programs() {
	local pid others=()
	for pid in ${order[@]+"${order[@]}"}; do
		[ -n "${running[$pid]:-}" ] && [ "$pid" != "$REDIS" ] &&
			[ "$pid" != "${PROXY:-}" ] && others+=("$pid")
	done
	[ ${#others[@]} = 0 ] || end_all "${others[@]}"
	for pid in ${PROXY:-} $REDIS; do
		[ -z "${running[$pid]:-}" ] || end_all "$pid"
	done
}

show_logs() {
	local pid
	for pid in ${order[@]+"${order[@]}"}; do
		note "--- ${log_files[$pid]##*/}, pid $pid"
		tail -n 60 "${log_files[$pid]}" | cut -c 1-400 | sed 's/^/# /'
	done
}

finish() {
	local status=$? report
	trap '' HUP INT TERM
	trap - EXIT
	end_programs
	for report in "$reports".*; do
		[ -e "$report" ] || continue
		failed=$((failed + 1))
		note "--- a sanitizer complains: ${report##*/}"
		head -n 60 "$report" | sed 's/^/# /'
	done
	[ -n "$has_plan" ] || [ "$status" != 0 ] || status=1
	[ "$failed" = 0 ] || status=1
	[ "$status" = 0 ] || show_logs
	exec {pause_fd}>&-
	if [ "$status" = 0 ] && [ -z "$KEEP" ]; then
		rm -rf "$TREADLE_TEST_TMP"
	else
		note "its files are in $TREADLE_TEST_TMP"
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
