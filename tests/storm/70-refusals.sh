#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis is full, forgetful, locked, in another time: programs wait, and go on by themselves.
. "$(dirname "$0")/lib.sh"

# Beats are then far enough apart for a jump to fall between two.
export TREADLE_WORKER_LEASE=3s
program storm/disk.so
PRELOAD="$PROGRAM $TREADLE_BUILD/storm/clock.so"
# Redis' clock stays an hour ahead of ours.
EXCUSED=clock-differs
secret=$TREADLE_TEST_TMP/secret
echo first >"$secret"
export TREADLE_REDIS_PASSWORD_FILE=$secret REDISCLI_AUTH=first
# A pause of reclaiming after each jump is a part of what is tried.
begin_world --appendfsync everysec --requirepass first
begin_load 20

commits() { redis HGET "${PREFIX}counters" steps_done; }
# Something is done again, so what stood in the way is out of it.
goes_on() {
	local before
	before=$(commits)
	wait_until "[ \"\$(commits)\" -gt \"${before:-0}\" ]" 40
}
drop_clients() { redis CLIENT KILL TYPE normal SKIPME yes >/dev/null; }

for i in $(counted 1); do
	fault maxmemory
	redis CONFIG SET maxmemory "$(($(redis INFO memory |
		sed -n 's/^used_memory:\([0-9]*\).*/\1/p') + 100000))" >/dev/null
	rest 2000
	redis CONFIG SET maxmemory 0 >/dev/null
	goes_on

	fault function-flush
	redis FUNCTION FLUSH >/dev/null
	goes_on

	fault older-library
	sed 's/^local VERSION = .*/local VERSION = 0/' build/gen/library.lua |
		redis -x FUNCTION LOAD REPLACE >/dev/null
	drop_clients
	goes_on
	is 'an older library is replaced' \
		"$(redis FCALL_RO treadle_version 1 'treadle:{0}')" \
		"$(sed -n 's/^local VERSION = //p' build/gen/library.lua)"

	# The last jump is ahead: what was put aside by a clock that then goes back
	# is due by that clock, an hour later.
	# A look for lost workers, and the pause after it, come between two jumps.
	before=$(lost_count)
	for jump in $(seq "${STORM_JUMPS:-3}"); do
		fault clock
		echo $((jump % 2 * 3600)) >"$TREADLE_TEST_TMP/clock"
		rest 4500
	done
	goes_on
	is 'S17: no lease was stolen' "$(($(lost_count) - before))" 0

	fault disk-full
	touch "$TREADLE_TEST_TMP/disk.full"
	wait_until 'redis PING | grep -q MISCONF || redis SET x y | grep -q MISCONF' 20
	rest 1000
	rm "$TREADLE_TEST_TMP/disk.full"
	goes_on
	redis DEL x >/dev/null
done

# Last, for the load asks Redis under the first one. Nobody hammers meanwhile:
# each connection is tried again after a pause that grows, to a second.
fault password
redis CONFIG SET requirepass second >/dev/null
export REDISCLI_AUTH=second
connections() {
	redis INFO stats | sed -n 's/^total_connections_received:\([0-9]*\).*/\1/p'
}
tries=$(connections)
refused_at=$SECONDS
clients=$(redis CLIENT LIST | grep -c name=treadle)
drop_clients
rest 2000
tries=$(($(connections) - tries))
ok "V4: $clients clients do not hammer, $tries times refused" \
	[ "$tries" -le $((clients * (20 + 4 * (SECONDS - refused_at)))) ]
echo second >"$secret"
goes_on
verdict 'Redis refuses'

# Somebody flushes all: what was there is gone, and new runs are done.
end_world
PRELOAD='' REDIS_WRAPPER=() EXCUSED=
unset TREADLE_REDIS_PASSWORD_FILE REDISCLI_AUTH
begin_world --appendfsync everysec
begin_load 20
for i in $(counted 1); do
	wait_until '[ "$(commits)" -gt 100 ]' 60
	fault cut
	fault flush
	redis FLUSHALL >/dev/null
	rest 500
	cut_is_over
done
wait_until '[ "$(commits)" -gt 100 ]' 60
LOSS_MS=-1
verdict 'Redis is flushed'
done_testing
