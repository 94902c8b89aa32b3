#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever is wrong with Redis, all programs name it, lose nothing, and go on when it is mended.
. "$(dirname "$0")/lib.sh"

# One pair of daemons lives through all of it. What the command line says in
# each case is in 417, a coordinator that serves HTTP meanwhile in 560, a Redis
# that is too old in 642, what daemons do when it has a newer library in 645.
export TREADLE_REDIS_URL=unix://$TREADLE_TEST_TMP/redis.sock
export TREADLE_REDIS_TIMEOUT=400ms TREADLE_WORKER_LEASE=20s
password=$TREADLE_TEST_TMP/password
cat >"$TREADLE_TEST_TMP/two.yaml" <<YAML
name: two
input: {type: object, properties: {gate: {type: string, default: /}}}
steps:
  hold:
    retry: {attempts: 1}
    recoveries: 0
    exec: {command: [sh, -c, 'echo x >>"\$1"; while [ ! -e "\$0" ]; do sleep 0.02; done', "\${.input.gate}", "$TREADLE_TEST_TMP/begun"]}
  after: {needs: [hold], pass: {value: 1}}
YAML

# Each program, asked whether it could work: exit CODE, one line, a remedy.
all_refuse() { # NAME CODE REGEX [ARGUMENT...]
	local name=$1 code=$2 regex=$3 command said status
	shift 3
	for command in 'treadle-worker --check' 'treadle-coordinator --check' \
		'treadle list'; do
		status=0
		# shellcheck disable=SC2086 # a program and its arguments
		said=$("$TREADLE_BUILD/"$command "$@" 2>&1) || status=$?
		[ "$status" = "$code" ] && [[ $said =~ $regex ]] &&
			[[ $said == "${command%% *}: "* ]] &&
			[[ $said != *$'\n'* ]]
		result $? "$name: ${command%% *} refuses" ||
			note "$status: $said"$'\n'"expected $code: /$regex/"
	done
}
# A daemon that is started gives up at once, with one line about it.
gives_up() { # NAME CODE REGEX PROGRAM
	local name=$1
	program "$4"
	TREADLE_COORDINATOR_LISTEN='' start starter "$PROGRAM"
	wait_until "! is_running $PID" 20
	reap "$PID"
	is "$name: $4 gives up" "$STATUS" "$2"
	like "$name: and says why" "$(log_of "$PID" | grep ' error ')" "$3"
	is "$name: in one line" "$(log_of "$PID" | grep -c ' error ')" 1
}
# While something is wrong: both daemons say so, in a line with the remedy.
both_say() { # NAME REGEX
	wait_until "log_since '$WORKER' | grep -qE '$2' &&
		log_since '$COORDINATOR' | grep -qE '$2'" 20
	ok "$1: both daemons say so" true
}
declare -A seen=()
log_since() { log_of "$1" | tail -n "+$((${seen[$1]:-0} + 1))"; } # PID
look_from_here() {
	local pid
	for pid in "$WORKER" "$COORDINATOR"; do
		seen[$pid]=$(log_of "$pid" | wc -l)
	done
}
# A step begins to be performed, and goes on while Redis is bad.
waves=0
begin_work() {
	waves=$((waves + 1))
	run=$(treadle submit "$TREADLE_TEST_TMP/two.yaml" \
		-i gate="$TREADLE_TEST_TMP/gate.$waves") || fail 'not submitted'
	wait_until "[ \"\$(grep -c . '$TREADLE_TEST_TMP/begun')\" = $waves ]"
	look_from_here
}
end_work() { # what it did meanwhile counts, and was done once
	touch "$TREADLE_TEST_TMP/gate.$waves"
	until_state "$run" done
	is "$1: its work is done, once" \
		"$(grep -c . "$TREADLE_TEST_TMP/begun")" "$waves"
}
drop_connections() { redis CLIENT KILL TYPE normal >/dev/null; }

# --- nobody is there
all_refuse absent 6 'no such file.*TREADLE_REDIS_URL'
program treadle-worker
start worker "$PROGRAM"
WORKER=$PID
start_coordinator
both_say absent 'redis unreachable.*is it running.*TREADLE_REDIS_URL'
start_redis
wait_until 'log_of "$WORKER" | grep -q "worker ready"' 20
begin_work
end_work absent

# --- it wants a password
begin_work
redis CONFIG SET requirepass open-sesame >/dev/null
all_refuse 'a password is missing' 2 'NOAUTH.*--redis-password-file'
gives_up 'a password is missing' 2 'NOAUTH.*--redis-password-file' treadle-worker
gives_up 'a password is missing' 2 'NOAUTH.*--redis-password-file' \
	treadle-coordinator
export REDISCLI_AUTH=open-sesame
drop_connections
both_say 'a password is missing' 'redis unreachable.*NOAUTH'
redis CONFIG SET requirepass '' >/dev/null
unset REDISCLI_AUTH
end_work 'a password is missing'
stop "$COORDINATOR"
stop "$WORKER"

# From a file it is read at each try, so a new one is found.
echo open-sesame >"$password"
export TREADLE_REDIS_PASSWORD_FILE=$password
redis CONFIG SET requirepass open-sesame >/dev/null
export REDISCLI_AUTH=open-sesame
start_coordinator
start_worker
begin_work
redis CONFIG SET requirepass close-sesame >/dev/null
REDISCLI_AUTH=close-sesame
all_refuse 'the password is wrong' 2 'WRONGPASS.*--redis-password-file'
drop_connections
both_say 'the password is wrong' 'redis unreachable.*WRONGPASS'
echo close-sesame >"$password"
end_work 'the password is wrong'
redis CONFIG SET requirepass '' >/dev/null
unset REDISCLI_AUTH

# --- it is a replica
begin_work
redis REPLICAOF 127.0.0.1 1 >/dev/null
all_refuse 'a replica' 6 'is a replica: connect to its primary'
touch "$TREADLE_TEST_TMP/gate.$waves"
both_say 'a replica' 'redis unreachable.*is a replica: connect to its primary'
unlike 'a replica: nothing else is wrong' "$(log_since "$WORKER")" 'vanished'
redis REPLICAOF NO ONE >/dev/null
end_work 'a replica'

# --- it has no memory left: what ends is kept, nothing new begins
begin_work
# What the library knows about memory is a tenth of a second old at most.
redis SET test:moment 1 PX 150 >/dev/null
redis CONFIG SET maxmemory 1 >/dev/null
wait_until '[ "$(redis PTTL test:moment)" = -2 ]'
touch "$TREADLE_TEST_TMP/gate.$waves"
wait_until '[ "$(step_field "$run" hold state)" = done ]'
wait_until 'log_since "$WORKER" | grep -q "memory is full: raise maxmemory"'
is 'out of memory: what follows waits' "$(step_field "$run" after state)" ready
redis CONFIG SET maxmemory 0 >/dev/null
end_work 'out of memory'

# --- a script of somebody else holds it
begin_work
redis CONFIG SET busy-reply-threshold 50 >/dev/null
redis FUNCTION LOAD $'#!lua name=busy\nredis.register_function("busy",
	function() while true do end end)' >/dev/null
start script redis FCALL busy 0
script=$PID
wait_until 'redis PING 2>&1 | grep -q BUSY'
all_refuse 'a script runs too long' 6 'BUSY.*FUNCTION KILL'
both_say 'a script runs too long' 'BUSY.*FUNCTION KILL'
ok 'a script runs too long: it is not said again and again' \
	[ "$(log_since "$WORKER" | grep -c BUSY)" -le 2 ]
redis FUNCTION KILL >/dev/null
reap "$script"
redis FUNCTION DELETE busy >/dev/null
end_work 'a script runs too long'

# --- it lost the library
begin_work
redis FUNCTION FLUSH >/dev/null
end_work 'the library is missing'

# --- it has an older one
library() { # VERSION: the library, as if it were of that version
	redis FUNCTION LIST LIBRARYNAME treadle WITHCODE |
		sed -n '/^library_code$/,$p' | sed 1d |
		sed -E "s/^(local VERSION *= *).*/\\1$1/"
}
version() { redis FCALL_RO treadle_version 1 'treadle:{0}'; }
ours=$(version)
older=$(library 0)
newer=$(library 99)
stop "$WORKER" # neither may be the one who replaces it
stop "$COORDINATOR"
for command in 'treadle-worker --check' 'treadle-coordinator --check' \
	'treadle list'; do
	redis -x FUNCTION LOAD REPLACE >/dev/null <<<"$older"
	is 'there is an older library' "$(version)" 0
	# shellcheck disable=SC2086 # a program and its arguments
	"$TREADLE_BUILD/"$command >/dev/null 2>&1
	is "${command%% *} replaces it" "$(version)" "$ours"
done
start_coordinator
start_worker
begin_work
redis -x FUNCTION LOAD REPLACE >/dev/null <<<"$older"
drop_connections
wait_until '[ "$(version)" = "$ours" ]'
end_work 'the library is older'

# --- it has a newer one
redis -x FUNCTION LOAD REPLACE >/dev/null <<<"$newer"
all_refuse 'the library is newer' 2 'redis has 99: upgrade the program'
gives_up 'the library is newer' 2 'redis has 99: upgrade' treadle-worker
gives_up 'the library is newer' 2 'redis has 99: upgrade' treadle-coordinator
is 'the library is newer: and stays' "$(version)" 99
look_from_here
drop_connections
both_say 'the library is newer' 'error .*redis has 99: upgrade the program'
for pid in "$WORKER" "$COORDINATOR"; do # what they ran meanwhile: 645
	wait_until "! is_running $pid" 20
	reap "$pid"
	is 'the library is newer: who ran ends' "$STATUS" 2
done
redis FUNCTION DELETE treadle >/dev/null
start_coordinator
start_worker
begin_work
end_work 'the library is newer'

# --- it may throw away what it holds
redis CONFIG SET maxmemory-policy allkeys-lru >/dev/null
all_refuse 'a policy that evicts' 6 'maxmemory-policy is allkeys-lru.*noeviction'
gives_up 'a policy that evicts' 6 'noeviction' treadle-worker
redis CONFIG SET maxmemory-policy noeviction >/dev/null

# --- it is still reading its data
begin_work
value=$(od -An -v -tx1 -N 1024 /dev/urandom | tr -d ' \n')
for i in $(seq 200); do echo "SET key$i $value"; done | redis >/dev/null
redis BGREWRITEAOF >/dev/null
wait_until 'redis INFO persistence | grep -q "^aof_rewrite_in_progress:0"'
kill_redis
start redis "${REDIS_SERVER:-redis-server}" --port 0 \
	--unixsocket "$TREADLE_TEST_TMP/redis.sock" \
	--dir "$TREADLE_TEST_TMP/data" --appendonly yes --save '' \
	--key-load-delay 15000 --loading-process-events-interval-bytes 1024
REDIS=$PID
until_started "$REDIS" 'redis PING 2>&1 | grep -q LOADING'
all_refuse 'it is loading' 6 'LOADING|[lL]oading'
both_say 'it is loading' 'LOADING.*still reading its data'
wait_until 'redis PING | grep -q PONG' 60
end_work 'it is loading'

is 'all was done without a failure' "$(redis HGET 'treadle:{0}:counters' dead)" ''
is 'nor was a worker missed' "$(redis HGET 'treadle:{0}:counters' recoveries)" ''
is 'nothing is left' "$(redis XLEN 'treadle:{0}:queue:default')" 0
done_testing
