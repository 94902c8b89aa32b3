#!/bin/bash
# SPDX-License-Identifier: MIT
# The primary dies, its replica takes over behind the same address: the state stays whole.
. "$(dirname "$0")/lib.sh"

VIA_PROXY=yes
# A replica's own log begins in the middle, so there is no whole history, and
# what the primary had not sent yet is lost: that is what is measured.
HISTORY='' WHOLE='' LOSS_MS=1000
REPLICA_DIR=$TREADLE_TEST_TMP/replica
begin_world --appendfsync everysec

# begin_replica NUMBER: of whoever is primary; ready when it has all.
begin_replica() {
	mkdir -p "$REPLICA_DIR.$1"
	start redis "${REDIS_SERVER:-redis-server}" --port 0 \
		--unixsocket "$TREADLE_TEST_TMP/redis.$1.sock" \
		--dir "$REPLICA_DIR.$1" --appendonly yes --save '' \
		--repl-diskless-sync-delay 0
	replica=$PID
	until_started "$PID" "ask_replica $1 PING | grep -q PONG"
	ask_replica "$1" REPLICAOF 127.0.0.1 "$primary_port" >/dev/null
	# The primary sends nothing more before it has heard that all arrived.
	wait_until "redis INFO replication | grep -q state=online" 30
}
ask_replica() { "${REDIS_CLI:-redis-cli}" -s "$TREADLE_TEST_TMP/redis.$1.sock" "${@:2}"; }

# Replication needs a port: each primary gets one of its own, any that is free.
open_port() {
	local port
	for port in $(shuf -i 20000-30000 -n 20); do
		! redis CONFIG SET port "$port" 2>&1 | grep -q OK || break
	done
	primary_port=$port
}
begin_load 20
open_port
for i in $(counted 3); do
	begin_replica "$i"
	rest 500
	fault cut
	kill_redis
	fault failover
	ask_replica "$i" REPLICAOF NO ONE >/dev/null
	order target "$TREADLE_TEST_TMP/redis.$i.sock"
	REDIS=$replica
	# From now on `redis` means the new primary.
	ln -sf "redis.$i.sock" "$TREADLE_TEST_TMP/redis.sock"
	now_ms
	back_at=$NOW
	until_back
	open_port
done
verdict 'a replica takes over'
note "acknowledged and lost: $(figure lost_acked)"
done_testing
