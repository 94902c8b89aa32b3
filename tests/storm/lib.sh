#!/bin/bash
# SPDX-License-Identifier: MIT
# What every storm sources: a world under load, what is done to it, a verdict.
# DESIGN.md says how the parts belong together.
#
# A storm is tests/storm/NN-name.sh:
#
#	. "$(dirname "$0")/lib.sh"
#	begin_world --appendfsync always
#	begin_load 40
#	for i in $(counted 300); do kill_worker; rest 30; done
#	verdict 'workers are killed'
#
# Knobs: STORM_SCALE multiplies what is done (1), STORM_SEED decides chances,
# STORM_REPORT names a file that the figures are appended to.

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/sentinels.sh"
. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

STORM=$ROOT/tests/storm
SEED=${STORM_SEED:-$$}
SCALE=${STORM_SCALE:-1}
RANDOM=$((SEED % 32768))
begun_at=$SECONDS
ledgers=$TREADLE_TEST_TMP/ledger
mkdir -p "$ledgers"
: >"$ledgers/producer" >"$ledgers/handler" >"$ledgers/nemesis"
export TREADLE_WORKER_LEASE=1s TREADLE_COORDINATOR_LEAD=1s
export TREADLE_WORKER_GRACE=200ms TREADLE_REDIS_TIMEOUT=2s
PREFIX='treadle:{0}:'

counted() { seq $(($1 * SCALE)); }	 # COUNT
rest() { # MS
	read -r -t "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))" -u "$pause_fd"
}
now_ms() { NOW=$((${EPOCHREALTIME/[.,]/} / 1000)); } # in NOW

# fault KIND [TARGET]: a line of the ledger of what is done to the world.
fault() {
	now_ms
	echo "fault $1 ${2:--} $NOW" >>"$ledgers/nemesis"
}

# From now on nobody hears any more of what a cut has taken.
cut_is_over() {
	now_ms
	echo "back $NOW" >>"$ledgers/nemesis"
}

# sample NAME MS: how long something took.
sample() { echo "figure $1 $2" >>"$ledgers/samples"; }

# --- the world ------------------------------------------------------------------

# begin_world REDIS_ARGUMENT...: Redis, two coordinators, WORKER_COUNT workers.
# PRELOAD: libraries that Redis is given. VIA_PROXY: all go through the proxy.
# VIA_SENTINELS: there are three Redis, and Sentinels who know the primary.
begin_world() {
	program storm/effect
	begin_api
	write_workflows
	write_graph
	if [ -n "${PRELOAD:-}" ]; then
		REDIS_WRAPPER=(env "LD_PRELOAD=$PRELOAD"
			"TREADLE_CLOCK=$TREADLE_TEST_TMP/clock"
			"TREADLE_DISK=$TREADLE_TEST_TMP/disk")
		echo 0 >"$TREADLE_TEST_TMP/clock"
	fi
	if [ -n "${VIA_SENTINELS:-}" ]; then
		start_nodes "$@"
		start_sentinels
	else
		# The file is the history: nobody may write it anew.
		start_redis --auto-aof-rewrite-percentage 0 \
			--aof-timestamp-enabled no \
			--rename-command BGREWRITEAOF '' "$@"
	fi
	[ -z "${VIA_PROXY:-}" ] || begin_proxy
	start_coordinator
	start_coordinator
	fleet=()
	for _ in $(seq "${WORKER_COUNT:-6}"); do add_worker; done
	until_started "${fleet[0]}" "is_registered ${fleet[0]}"
}

# Everything ends; what the ledgers said is put aside, for another world.
end_world() {
	end_programs
	rm -rf "$TREADLE_TEST_TMP/data" "$ledgers".old "$TREADLE_TEST_TMP/disk"
	mv "$ledgers" "$ledgers".old
	mkdir "$ledgers"
	: >"$ledgers/producer" >"$ledgers/handler" >"$ledgers/nemesis"
	REDIS='' COORDINATORS=() WORKERS=()
}

begin_api() {
	start api "$TREADLE_BUILD/storm/api" "$ledgers/handler" 40 15
	until_started "$PID" "log_of $PID | grep -q ."
	api_port=$(log_of "$PID")
}

# A worker more; nobody waits for it.
add_worker() {
	start worker "$TREADLE_BUILD/treadle-worker" --worker-slots 12 \
		--worker-exec-slots 4
	fleet+=("$PID")
}

# Of the workers one by chance: its place in the fleet in AT, its pid in VICTIM.
pick_worker() {
	AT=$((RANDOM % ${#fleet[@]}))
	VICTIM=${fleet[AT]}
}

drop_worker() { # PLACE
	unset "fleet[$1]"
	fleet=("${fleet[@]}")
}

# --- what is done to workers --------------------------------------------------------

kill_worker() {
	pick_worker
	fault kill "$VICTIM"
	crash "$VICTIM"
	drop_worker "$AT"
	add_worker
}

kill_coordinator() {
	local at=$((RANDOM % ${#COORDINATORS[@]})) pid
	pid=${COORDINATORS[at]}
	fault coordinator "$pid"
	crash "$pid"
	unset "COORDINATORS[$at]"
	COORDINATORS=("${COORDINATORS[@]}")
	add_coordinator
}
add_coordinator() {
	TREADLE_COORDINATOR_LISTEN=127.0.0.1:0 start coordinator \
		"$TREADLE_BUILD/treadle-coordinator"
	COORDINATORS+=("$PID")
}

# The oldest is told to stop, and replaced.
replace_coordinator() {
	local pid=${COORDINATORS[0]}
	fault coordinator-term "$pid"
	COORDINATORS=("${COORDINATORS[@]:1}")
	until_started "$pid" "log_of $pid | grep -q ."
	stop "$pid" 30
	[ "$STATUS" = 0 ] || is "coordinator $pid stops well" "$STATUS" 0
	add_coordinator
}

# The oldest is told to stop, and replaced; who does not stop within the limit
# fails the test. Before it has said a word it may still be this very shell.
replace_worker() {
	VICTIM=${fleet[0]}
	until_started "$VICTIM" "log_of $VICTIM | grep -q ."
	fault term "$VICTIM"
	kill -TERM "$VICTIM"
	add_worker
	stopping+=("$VICTIM")
	drop_worker 0
}
stopping=()
until_stopped() {
	local pid
	for pid in ${stopping[@]+"${stopping[@]}"}; do
		wait_until "! is_running $pid" 30
		reap "$pid"
		[[ $STATUS == ${STOPS_WELL:-0} ]] ||
			is "worker $pid stops well" "$STATUS" 0
	done
	stopping=()
}

# Frozen until they have been declared lost; then they go on.
freeze_workers() { # COUNT
	local frozen=("${fleet[@]:0:$1}") pid before
	before=$(lost_count)
	for pid in "${frozen[@]}"; do
		fault freeze "$pid"
		kill -STOP "$pid"
	done
	wait_until "[ \$((\$(lost_count) - $before)) -ge $1 ]" 30
	for pid in "${frozen[@]}"; do kill -CONT "$pid"; done
	fleet=("${fleet[@]:$1}" "${frozen[@]}")
}
lost_count() {
	local pid
	for pid in "${!log_files[@]}"; do
		case ${log_files[$pid]} in
		*/coordinator.*) cat "${log_files[$pid]}" ;;
		esac
	done | grep -c 'worker lost.*pid [0-9]'
}

# --- what is done to Redis --------------------------------------------------------

# Killed and started again: as fast as a supervisor would.
bounce_redis() { # KIND
	fault "$1"
	kill_redis
	[ "$1" != cut ] || cut_power
	mend_history
	cut_is_over
	restart_redis
	now_ms
	back_at=$NOW
}

# Half a call at the end of the file is cut off as a whole, which Redis itself
# does not do (coordinator/rewrite.h): what FAULTS.md asks of whoever does not
# let the file be written anew.
mend_history() {
	local check=${REDIS_SERVER:-redis-server}
	echo y | "${check%-server}-check-aof" --fix \
		"$TREADLE_TEST_TMP"/data/appendonlydir/*.manifest >/dev/null ||
		fail 'the append-only file can not be mended'
}

# What the old primary has said was heard, and no other one is there to say
# anything yet: Sentinels wait twice as long.
until_nobody_hears() {
	rest $((250 * PATIENCE))
	cut_is_over
}

# The primary dies. Its supervisor starts it again, and it thinks that it leads.
kill_primary() {
	local old=$NODE
	fault cut
	local cut_at=$NOW
	kill_node "$old"
	until_nobody_hears
	follow_failover
	until_over "$cut_at"
	start_node "$old"
	until_replicas "$NODE" 2
}

# The primary freezes, and goes on when it has been replaced, with programs that
# have not noticed: what it takes from them until it is told is lost.
freeze_primary() {
	local old=$NODE
	fault cut
	local cut_at=$NOW
	kill -STOP "${node_pids[$old]}"
	until_nobody_hears
	follow_failover
	fault thawed
	kill -CONT "${node_pids[$old]}"
	wait_until "node $old ROLE | grep -q slave"
	until_over "$cut_at"
	# Not earlier: what it took may be written down later than it was deposed.
	fault deposed
	until_replicas "$NODE" 2
}

until_over() { # MS: when it began
	fault failover
	until_connected
	now_ms
	sample failover $((NOW - $1))
}

# What was not synced is gone.
cut_power() {
	local size file
	size=$(cat "$TREADLE_TEST_TMP/disk" 2>/dev/null)
	for file in "$TREADLE_TEST_TMP"/data/appendonlydir/*.incr.aof; do
		truncate -s "$((10#${size:-0}))" "$file"
	done
	: >"$TREADLE_TEST_TMP/disk"
}

# All programs are here; each has two connections at least.
until_connected() {
	local wanted=$((${#fleet[@]} * 2 + ${#COORDINATORS[@]}))
	wait_until "[ \"\$(redis CLIENT LIST | grep -c name=treadle-)\" -ge $wanted ]" 30
}

# How long it takes all programs to be back.
until_back() {
	until_connected
	now_ms
	sample reconnect $((NOW - back_at))
}

# --- the proxy ----------------------------------------------------------------------

begin_proxy() {
	program helpers/fault_proxy
	start proxy "$PROGRAM" 0 "${1:-$TREADLE_TEST_TMP/redis.sock}" "$SEED"
	PROXY=$PID
	until_started "$PID" "log_of $PID | grep -q ' '"
	read -r proxy_port proxy_control < <(log_of "$PID")
	export TREADLE_REDIS_URL=redis://127.0.0.1:$proxy_port/0
	open_control
}
open_control() { exec {control_fd}<>"/dev/tcp/127.0.0.1/$proxy_control"; }

# order WORD...: what the proxy shall do; its answer in ANSWER.
order() {
	local line
	ANSWER=
	echo "$*" >&"$control_fd"
	while read -r line <&"$control_fd"; do
		[ "$line" != ok ] || return 0
		[ "$line" != error ] || fail "the proxy refused: $*"
		ANSWER+=$line$'\n'
	done
	fail 'the proxy is gone'
}

# What rules have done: "ACTION CALL LEFT DONE" each.
rules() {
	order rules
	printf %s "$ANSWER"
}

# Of the next replies to each CALL so many are lost, by that chance.
lose() { # COUNT PERCENT CALL...
	local call
	for call in "${@:3}"; do order "rule lose $call $1 $2"; done
}
left() { # CALL...: how many replies to them are yet to be lost
	rules | awk -v names=" $* " 'index(names, " " $2 " ") { n += $3 }
		END { print n + 0 }'
}

# provoke LANES "CALL..." COMMAND...: in so many loops at once, each of which
# knows its own number as $lane, until no reply to these calls is to be lost.
provoke() {
	local lane pid log
	for lane in $(seq "$1"); do
		log=$TREADLE_TEST_TMP/provoke.${#order[@]}.log
		provoke_lane "$2" "${@:3}" </dev/null >"$log" 2>&1 &
		pid=$!
		running[$pid]=provoker
		log_files[$pid]=$log
		order+=("$pid")
		provokers+=("$pid")
		ends+=("$log.end")
	done
}
provokers=() ends=()
# Says itself how it has ended: with the next process of that number bash
# forgets whose it was, and they are soon used up.
provoke_lane() { # CALLS COMMAND...
	trap - INT TERM HUP
	trap 'echo $? >"$log.end"' EXIT
	open_control
	while is_running $$ && [ "$(left "$1")" != 0 ]; do
		"${@:2}" || exit
	done
}
until_provoked() { # SECONDS
	local i pid
	for i in "${!ends[@]}"; do
		wait_until "[ -s ${ends[i]} ]" "$1"
		[ "$(cat "${ends[i]}")" = 0 ] ||
			is "what provokes replies, ${ends[i]##*/}" \
				"$(cat "${ends[i]}")" 0
		pid=${provokers[i]}
		[ "${running[$pid]:-}" != provoker ] || unset "running[$pid]"
	done
	provokers=() ends=()
}

# --- the verdict ------------------------------------------------------------------

is_settled() {
	[ "$(redis ZCARD "${PREFIX}runs:running")" = 0 ] &&
		[ "$(redis XLEN "${PREFIX}queue:default")" = 0 ]
}

# What INTERNALS names in its first table: a pattern of all keys. Of several in
# one row the later ones are given without the word before the last colon.
owned_keys() {
	awk '/^### /{ exit } /^\| `:/ {
		split($0, column, "|")
		count = split(column[2], name, "`")
		for (i = 2; i <= count; i += 2) {
			if (i > 2)
				name[i] = word name[i]
			word = name[i]
			sub(/:[^:]*$/, "", word)
			gsub(/<[^>]*>/, "[^:]+", name[i])
			printf "%s%s", all++ ? "|" : "^(", substr(name[i], 2)
		}
	} END { print ")$" }' "$ROOT/docs/INTERNALS.md"
}

# Reaches beyond the dump, whose place in it the checker sees.
read_history() {
	"$TREADLE_BUILD/storm/aof" \
		"$TREADLE_TEST_TMP"/data/appendonlydir/*.incr.aof \
		>"$ledgers/history" && grep -q storm:dump "$ledgers/history"
}

judge() {
	redis --raw --eval "$STORM/dump.lua" >"$ledgers/dump"
	[ "$(tail -n 1 "$ledgers/dump")" = end ] || return 1
	: >"$ledgers/history"
	[ -z "${HISTORY-1}" ] || wait_until read_history
	(cd "$ledgers" && LC_ALL=C awk -v prefix="$PREFIX" \
		-v history="${HISTORY-1}" -v whole="${WHOLE-1}" \
		-v loss_ms="${LOSS_MS:-0}" -v owned="$(owned_keys)" \
		-f "$STORM/check.awk" -f "$STORM/shapes.awk" \
		kind=graph graph kind=nemesis nemesis kind=producer producer \
		kind=handler handler FS='\t' kind=history history \
		kind=dump dump) >"$ledgers/verdict"
}

figure() { # NAME: the sum
	awk -v name="$1" '$1 == "figure" && $2 == name { n += $3 }
		END { print n + 0 }' "$ledgers/verdict"
}

# The number, the median and the maximum of samples.
spread() { # NAME
	cat "$ledgers/verdict" "$ledgers/samples" 2>/dev/null |
		awk -v name="$1" '$1 == "figure" && $2 == name { print $3 }' |
		sort -n | awk '{ a[NR] = $1 } END { if (NR) print NR " times, " \
			a[int((NR + 1) / 2)] " ms, at most " a[NR] " ms" }'
}

# verdict NAME: ends the load, waits until all is done, and judges.
verdict() {
	local id settled_from=$SECONDS name
	end_load
	until [ $((SECONDS - settled_from)) -gt $((${SETTLE_S:-90} * PATIENCE)) ]; do
		! is_settled || break
		pause
	done
	ok "$1: V1, all has ended" is_settled
	note "settled after $((SECONDS - settled_from)) s"
	judge || fail 'the checker failed'
	for id in S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S15 S16 S18 S20 \
		V1 R1 R2 R3 M1 M2; do
		is "$1: $id" "$(grep "^violation $id " "$ledgers/verdict" |
			head -n 5)" ''
	done
	ok "$1: there was something to be judged" \
		[ "$(figure commits)" -gt "${COMMITS_MIN:-50}" ]
	is "$1: no handler is left" "$(leftover)" ''
	is "$1: the doctor finds nothing" "$(examined)" ''
	report "$1"
}

# What the doctor finds, but for what this storm has set itself (EXCUSED), how
# fast the machine is, and names of workers that the next sweep will forget.
examined() {
	TREADLE_REDIS_TIMEOUT=30s treadle doctor --json >"$ledgers/doctor" \
		2>"$TREADLE_TEST_TMP/said"
	grep -q '^{"errors":' "$ledgers/doctor" || cat "$TREADLE_TEST_TMP/said"
	jq -r --arg excused \
		"slow-answer slow-function consumer-stray ${EXCUSED:-}" '
		select(.id) | select(.id as $id |
			$excused | split(" ") | index($id) | not) |
		[.id, .run, .step, .key, .entry, .found] |
		map(strings) | join(" ")' "$ledgers/doctor" | head -n 10
}

# R5: handlers that began, never ended, and live.
leftover() {
	awk '$1 == "start" { open[$7] = 1 } $1 == "end" { delete open[$7] }
		END { for (pid in open) print pid }' "$ledgers/handler" |
		while read -r pid; do
			[[ $(readlink "/proc/$pid/exe") != */storm/effect ]] ||
				echo "handler $pid is still there"
		done
}

report() { # NAME
	local name
	for name in recovery recovery_unwatched reconnect failover; do
		[ -z "$(spread $name)" ] || note "$name: $(spread $name)"
	done
	note "$(awk '$1 == "figure" && $2 !~ /^recovery/ {
		text = text " " $2 "=" $3 } END { print substr(text, 2) }' \
		"$ledgers/verdict")"
	[ -n "${STORM_REPORT:-}" ] || return 0
	{
		echo "storm ${0##*/} $SEED $((SECONDS - begun_at)) $1"
		grep '^figure' "$ledgers/verdict"
		cat "$ledgers/samples" 2>/dev/null
		[ -z "${PROXY:-}" ] || rules | sed 's/^/rule /'
		echo end
	} >"$ledgers/report"
	cat "$ledgers/report" >>"$STORM_REPORT"
}
