#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever is wrong with Redis, one line names it and what would help.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
export TREADLE_REDIS_TIMEOUT=400ms

refused 'nobody there' 6 'connection refused.*TREADLE_REDIS_URL' \
	treadle list --redis-url redis://127.0.0.1:1
refused 'no such socket' 6 'none.sock' \
	treadle list --redis-url "unix://$files/none.sock"
refused 'no such host' 6 'nowhere.invalid' \
	treadle list --redis-url redis://nowhere.invalid
refused 'a URL that is none' 2 'redis' treadle list --redis-url http://x

start_redis
ok 'the library is loaded where it is missing' treadle list
redis FUNCTION FLUSH >/dev/null
id=$(treadle submit "$one")
is 'also when it was lost' "$(run_state "$id")" running

redis CONFIG SET maxmemory 1 >/dev/null
refused 'out of memory' 6 '[mM]emory|OOM' treadle submit "$one"
redis FUNCTION FLUSH >/dev/null
refused 'no memory for the library' 6 'gave up.*memory is full' \
	treadle list
redis CONFIG SET maxmemory 0 >/dev/null

redis CONFIG SET maxmemory-policy allkeys-lru >/dev/null
refused 'a policy that evicts' 6 'noeviction' treadle list
redis CONFIG SET maxmemory-policy noeviction >/dev/null

redis REPLICAOF 127.0.0.1 1 >/dev/null
refused 'a replica' 6 'replica' treadle submit "$one"
redis REPLICAOF NO ONE >/dev/null

redis CONFIG SET requirepass open-sesame >/dev/null
refused 'a password is missing' 2 'password' treadle list
refused 'the password is wrong' 2 'password' treadle list \
	--redis-url "unix://:guess@$TREADLE_TEST_TMP/redis.sock"
echo open-sesame >"$files/password"
ok 'the password is right' treadle list --redis-password-file "$files/password"
refused 'the file of the password is not there' 2 'none' \
	treadle list --redis-password-file "$files/none"
redis -a open-sesame --no-auth-warning CONFIG SET requirepass '' >/dev/null

newer=$(redis FUNCTION LIST LIBRARYNAME treadle WITHCODE |
	sed -n '/^library_code$/,$p' | sed 1d |
	sed -E 's/^(local VERSION *= *).*/\1999999/')
redis -x FUNCTION LOAD REPLACE >/dev/null <<<"$newer"
refused 'a library that is newer' 2 'redis has 999999: upgrade' treadle list
redis FUNCTION FLUSH >/dev/null

# It loads for a long time: 200 keys, 50 ms each.
value=$(od -An -v -tx1 -N 1024 /dev/urandom | tr -d ' \n')
for i in $(seq 200); do echo "SET key$i $value"; done | redis >/dev/null
redis SAVE >/dev/null
stop_redis
start redis "${REDIS_SERVER:-redis-server}" --port 0 \
	--unixsocket "$TREADLE_TEST_TMP/redis.sock" \
	--dir "$TREADLE_TEST_TMP/data" --key-load-delay 50000 \
	--loading-process-events-interval-bytes 1024
REDIS=$PID
wait_until 'redis PING 2>&1 | grep -q LOADING'
refused 'it is still loading' 6 '[lL]oading|LOADING' treadle list

kill_redis

# It comes back while we try.
program treadle
TREADLE_REDIS_TIMEOUT=20s start patient "$PROGRAM" submit "$one"
patient=$PID
restart_redis
reap "$patient"
is 'one that comes back in time is no error' "$STATUS" 0
like 'and the run is there' "$(run_state "$(log_of "$patient")")" running
done_testing
