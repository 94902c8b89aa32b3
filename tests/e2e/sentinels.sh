#!/bin/bash
# SPDX-License-Identifier: MIT
# What tests of failovers source besides lib.sh: several Redis, and Sentinels that watch them.
#
#	start_nodes
#	start_sentinels
#
# Of three nodes the first is the primary, which takes nothing without a
# replica; `redis` means it. `follow_failover` waits until the Sentinels name
# another, and `redis` means that one from then on.

PRIMARY=treadle	# as the Sentinels call it
node_ports=() node_pids=() sentinel_ports=() sentinel_pids=()

node() { "${REDIS_CLI:-redis-cli}" -s "$TREADLE_TEST_TMP/node.$1.sock" "${@:2}"; }
sentinel() { "${REDIS_CLI:-redis-cli}" -s "$TREADLE_TEST_TMP/sentinel.$1.sock" "${@:2}"; }

# start_on_port COMMAND...: on any free port, in PORT, given behind all else;
# ready when it answers at SOCKET.
start_on_port() {
	for PORT in $(shuf -i 20000-30000 -n 20); do
		rm -f "$SOCKET"
		start redis "$@" --port "$PORT"
		wait_until "! is_running $PID || [ -S $SOCKET ]" 60
		! is_running "$PID" || return 0
		reap "$PID"
	done
	fail 'no port is free'
}

# start_node NUMBER [ARGUMENT...]: a Redis with a file of its own; the same port
# and the same data when it is started once more.
start_node() {
	local folder=$TREADLE_TEST_TMP/node.$1 command
	mkdir -p "$folder"
	SOCKET=$folder.sock
	command=("${REDIS_SERVER:-redis-server}" --bind 127.0.0.1
		--unixsocket "$SOCKET" --dir "$folder" --appendonly yes --save ''
		--min-replicas-to-write 1 --min-replicas-max-lag 2
		--repl-diskless-sync-delay 0 "${@:2}")
	if [ -n "${node_ports[$1]:-}" ]; then
		start redis "${command[@]}" --port "${node_ports[$1]}"
	else
		start_on_port "${command[@]}"
		node_ports[$1]=$PORT
	fi
	node_pids[$1]=$PID
	until_started "$PID" "node $1 PING | grep -q PONG"
}

kill_node() { crash "${node_pids[$1]}"; } # NUMBER

until_replicas() { # NODE COUNT: so many have all that it has
	wait_until "[ \"\$(node $1 INFO replication | grep -c state=online)\" -ge $2 ]"
}

start_nodes() { # [ARGUMENT...]
	local i
	start_node 1 "$@"
	for i in 2 3; do
		start_node "$i" --replicaof 127.0.0.1 "${node_ports[1]}" "$@"
	done
	until_replicas 1 2
	be_primary 1
}

# Three, who agree about the first node. They look more often than by default,
# and a primary counts as dead when it was silent for half a second, or longer
# where patience is asked for.
start_sentinels() {
	local i file hosts
	for i in 1 2 3; do
		SOCKET=$TREADLE_TEST_TMP/sentinel.$i.sock
		file=$TREADLE_TEST_TMP/sentinel.$i.conf
		cat >"$file" <<-CONF
			bind 127.0.0.1
			unixsocket "$SOCKET"
			dir "$TREADLE_TEST_TMP"
			sentinel monitor $PRIMARY 127.0.0.1 ${node_ports[1]} 2
			sentinel down-after-milliseconds $PRIMARY $((500 * PATIENCE))
			sentinel failover-timeout $PRIMARY 5000
		CONF
		start_on_port "${REDIS_SERVER:-redis-server}" "$file" --sentinel
		sentinel_ports[$i]=$PORT
		sentinel_pids[$i]=$PID
		hosts=${hosts:+$hosts,}127.0.0.1:$PORT
		until_started "$PID" "sentinel $i PING | grep -q PONG"
		sentinel "$i" SENTINEL DEBUG info-period 200 ping-period 200 \
			ask-period 200 publish-period 200 >/dev/null
	done
	for i in 1 2 3; do
		wait_until "sentinel $i SENTINEL CKQUORUM $PRIMARY | grep -q '^OK 3'"
		wait_until "[ \"\$(sentinel_knows $i num-slaves)\" = 2 ]"
	done
	export TREADLE_REDIS_URL=redis+sentinel://$hosts/$PRIMARY
}
sentinel_knows() { # SENTINEL FIELD
	sentinel "$1" SENTINEL MASTER "$PRIMARY" | sed -n "/^$2\$/{n;p}"
}
named_port() { # SENTINEL
	sentinel "$1" SENTINEL GET-MASTER-ADDR-BY-NAME "$PRIMARY" | tail -n 1
}

# be_primary NODE: `redis` means it from now on, REDIS is its pid.
be_primary() {
	NODE=$1
	REDIS=${node_pids[$1]}
	ln -sf "node.$1.sock" "$TREADLE_TEST_TMP/redis.sock"
}

# Whether all Sentinels name another one than OLD, the same; which is NODE then.
# It agrees, unless they have found the next by now.
has_moved() { # OLD
	local i port named=
	for i in "${!sentinel_ports[@]}"; do
		is_running "${sentinel_pids[$i]}" || continue
		port=$(named_port "$i")
		[[ -n $port && $port != "${node_ports[$1]}" ]] &&
			[ "${named:-$port}" = "$port" ] || return 1
		named=$port
	done
	for i in "${!node_ports[@]}"; do
		[ "${node_ports[$i]}" != "$named" ] || be_primary "$i"
	done
	redis ROLE | grep -q master
}
follow_failover() { wait_until "has_moved $NODE" 90; }
