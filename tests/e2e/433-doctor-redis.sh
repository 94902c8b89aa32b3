#!/bin/bash
# SPDX-License-Identifier: MIT
# The doctor says what is wrong with Redis itself, which other verbs may refuse, and changes nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
P='treadle:{0}'
program storm/clock.so
offset=$TREADLE_TEST_TMP/offset
echo 0 >"$offset"
REDIS_WRAPPER=(env "LD_PRELOAD=$PROGRAM" "TREADLE_CLOCK=$offset")
mkdir -p "$TREADLE_TEST_TMP/data/taken/folder"
start_redis --latency-tracking no --dbfilename taken

ids() { treadle doctor "$@" --json | jq -r '.id // empty' | sort -u | xargs; }
config() { redis CONFIG SET "$@" >/dev/null; }

is 'an empty Redis lacks the library' "$(ids)" library-missing
is 'which the doctor has not loaded' "$(redis FUNCTION LIST)" ''
redis FUNCTION LOAD "#!lua name=treadle
local VERSION = 1
redis.register_function('treadle_version', function() return 1 end)" >/dev/null
is 'another library is not ours' "$(ids)" library-differs
redis FUNCTION FLUSH >/dev/null
run=$(treadle submit "$one")
is 'no coordinator leads' "$(ids)" 'coordinator-none queue-unserved'
is 'which is not asked with --data' "$(ids --data)" ''
start_coordinator
is 'now one does' "$(ids)" queue-unserved
start_worker
until_state "$run" done
is 'and a worker takes' "$(ids)" ''

config maxmemory-policy allkeys-lru
is 'eviction' "$(ids)" eviction
config maxmemory-policy noeviction
config appendonly no
is 'no append-only file' "$(ids)" not-durable
config appendonly yes
config appendfsync no
is 'no fsync' "$(ids)" fsync-never
config appendfsync everysec
config maxmemory $(($(redis INFO memory |
	sed -n 's/^used_memory:\([0-9]*\).*/\1/p') * 8 / 7))
is 'little memory left' "$(ids)" memory-short
config maxmemory 1
# Redis then refuses to be read as well, and Valkey 8 does not.
like 'no memory left' "$(treadle doctor 2>&1)" 'error memory-full'
config maxmemory 0

redis ACL SETUSER reader on nopass '~*' '&*' +@all -xadd -config >/dev/null
like 'a right is missing' "$(ids --redis-url "unix://reader:x@${TREADLE_TEST_TMP}/redis.sock")" \
	'right-missing rights-unreadable'
redis ACL SETUSER reader reset on nopass '~other:*' '&*' +@all >/dev/null
like 'so is the right to keys' \
	"$(treadle doctor --redis-url "unix://reader:x@${TREADLE_TEST_TMP}/redis.sock" 2>&1)" \
	'NOPERM'

said() { # what the library says to Redis, by its source
	grep -ohE "(call|call_many)\('[A-Z]+'" "$ROOT"/common/lua/*.lua |
		sed "s/.*('//; s/'//" | tr A-Z a-z | sort -u
}
is 'no command of the library is forgotten among the rights' "$(said |
	grep -vxF "$(grep -oE '^	"[a-z_]+' "$ROOT/producer/doctor/server.c" |
		tr -d '	"')")" ''

config slowlog-log-slower-than 0
treadle status "$run" >/dev/null
is 'a quick call is not slow' "$(ids)" ''

redis FUNCTION LOAD "#!lua name=slow
redis.register_function('treadle_slow', function()
	local from = redis.call('TIME')
	repeat
		local t = redis.call('TIME')
	until (t[1] - from[1]) * 1000000 + t[2] - from[2] > 60000
end)" >/dev/null
redis FCALL treadle_slow 0 >/dev/null
redis FUNCTION DELETE slow >/dev/null
like 'a slow one is' "$(treadle doctor --json | grep slow-function)" \
	'"key":"treadle_slow"'
redis SLOWLOG RESET >/dev/null
config slowlog-log-slower-than -1

# No snapshot can be written where a folder stands.
config save '3600 1'
redis BGSAVE >/dev/null
wait_until 'redis INFO persistence | grep -q rdb_last_bgsave_status:err'
like 'a snapshot could not be written' "$(ids)" write-failed
config save ''
wait_until '[ "$(ids)" = "" ]'
is 'which matters where there are to be some' "$(ids)" ''

# One that has asked for all data, which Redis waits with.
config repl-diskless-sync-delay 1000
start replica "${REDIS_CLI:-redis-cli}" -s "$TREADLE_TEST_TMP/redis.sock" --replica
wait_until 'redis INFO replication | grep -q state=wait_bgsave'
is 'a replica that is not there yet' "$(ids)" replica-behind
crash "$PID"
wait_until 'redis INFO replication | grep -q connected_slaves:0'

config stream-node-max-entries 1
treadle pause default >/dev/null 2>&1
yes '{}' | head -n 1100 |
	treadle submit "$good" --bulk - --quiet >/dev/null 2>&1
is 'entries that each have a block' "$(ids)" stream-sparse
treadle resume default >/dev/null 2>&1
wait_until '[ "$(runs)" = 0 ]' 60

program helpers/fault_proxy
start proxy "$PROGRAM" 0 "$TREADLE_TEST_TMP/redis.sock" 1
proxy=$PID
until_started "$PID" 'log_of "$PID" | grep -q " "'
read -r port control < <(log_of "$proxy")
exec {control_fd}<>"/dev/tcp/127.0.0.1/$control"
echo 'wire latency 25' >&"$control_fd"
read -r said <&"$control_fd"
is 'the wire is slow' "$said" ok
is 'Redis is far away' \
	"$(ids --redis-url "redis://127.0.0.1:$port/0")" slow-answer
crash "$proxy"

treadle doctor >/dev/null 2>&1
is 'it exits with 0 when all is well' $? 0
before=$(redis TIME | head -n 1)
echo 3600 >"$offset"
[ $(($(redis TIME | head -n 1) - before)) -lt 3000 ] ||
	like 'Redis lives in another hour' "$(treadle doctor --json)" \
		'"id":"clock-differs"'
echo 0 >"$offset"
redis SET "$P:colour" red >/dev/null
treadle doctor >/dev/null 2>&1
is 'with 1 when something is wrong' $? 1
refused 'with 6 when there is no Redis' 6 'cannot connect|no answer|gave up' \
	treadle doctor --redis-url unix:///nowhere --redis-timeout 200ms
refused 'with 2 for nonsense' 2 'explain' treadle doctor nonsense
refused 'with 4 for a finding that there is not' 4 'no finding' \
	treadle doctor explain nonsense
like 'each finding is explained' "$(treadle doctor explain eviction)" noeviction
is 'all of them are' "$(treadle doctor explain --json | jq -r .id | sort)" \
	"$(grep -oE '^FINDING\([A-Z_]+, "[a-z-]+' "$ROOT/producer/doctor/findings.def" |
		sed 's/.*"//' | sort)"
like 'a terminal shows the remedy' "$(treadle doctor 2>&1)" 'do +see who writes'
done_testing
