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
# STORM_REPORT names a file that the figures are appended to, STORM_LONG asks for
# what takes minutes.

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

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

# sample NAME MS: how long something took.
sample() { echo "figure $1 $2" >>"$ledgers/samples"; }

# --- the world ------------------------------------------------------------------

# The workflow of the load; EXTRA is a step more, which `join` needs as well.
write_workflow() { # [EXTRA_NAME EXTRA]
	local effect="$TREADLE_BUILD/storm/effect" ledger="$ledgers/handler"
	cat >"$TREADLE_TEST_TMP/storm.yaml" <<-YAML
		name: storm
		input: {type: object, properties: {key: {type: string}}}
		defaults: {recoveries: 100, retry: {attempts: 4, delay: 10ms, max_delay: 100ms}}
		steps:
		  split: {pass: {value: "\${.input.key}"}}
		  work: {needs: split, exec: {command: ["$effect", "$ledger", "${EFFECT_MS:-60}", "15"], stdin: "\${.steps.split.output}"}}
		  more: {needs: split, exec: {command: ["$effect", "$ledger", "10", "0"], stdin: "\${.steps.split.output}"}}
		  pause: {needs: split, wait: {for: 20ms}}
		  ${1:-call}: {needs: split, ${2:-"pass: {}"}}
		  join:
		    needs: [work, more, pause, ${1:-call}]
		    exec: {command: ["$effect", "$ledger", "0", "0"], stdin: "\${.steps.work.output} \${.steps.more.output}"}
	YAML
	cat >"$ledgers/graph" <<-GRAPH
		expect storm done
		step storm split - pass 4 100
		step storm work split exec 4 100
		step storm more split exec 4 100
		step storm pause split wait 4 100
		step storm ${1:-call} split other 4 100
		step storm join work,more,pause,${1:-call} exec 4 100
	GRAPH
}

# begin_world REDIS_ARGUMENT...: Redis, two coordinators, WORKER_COUNT workers.
# PRELOAD: libraries that Redis is given. VIA_PROXY: all go through the proxy.
begin_world() {
	program storm/effect
	write_workflow
	if [ -n "${PRELOAD:-}" ]; then
		REDIS_WRAPPER=(env "LD_PRELOAD=$PRELOAD"
			"TREADLE_CLOCK=$TREADLE_TEST_TMP/clock"
			"TREADLE_DISK=$TREADLE_TEST_TMP/disk")
		echo 0 >"$TREADLE_TEST_TMP/clock"
	fi
	# The file is the history: nobody may write it anew.
	start_redis --auto-aof-rewrite-percentage 0 --aof-timestamp-enabled no \
		--rename-command BGREWRITEAOF '' "$@"
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

# --- load -------------------------------------------------------------------------

# begin_load RUNNING: keeps so many runs in progress, submitted by one producer
# after the other, until end_load. A producer that fails is followed by one that
# submits again, under the same keys, what was not acknowledged.
begin_load() {
	: >"$TREADLE_TEST_TMP/load"
	feed "$1" </dev/null >"$TREADLE_TEST_TMP/feeder.log" 2>&1 &
	FEEDER=$!
	running[$FEEDER]=feeder
	log_files[$FEEDER]=$TREADLE_TEST_TMP/feeder.log
}

end_load() {
	rm -f "$TREADLE_TEST_TMP/load"
	wait_until "! is_running $FEEDER" 60
	reap "$FEEDER"
	is 'the load was submitted' "$STATUS" 0
}

acked_count() { grep -c '^acked' "$ledgers/producer"; }

# One producer: reads what a fifo is given, as long as there is load.
feed() { # RUNNING
	local session=0 number=0 again=
	trap - EXIT INT TERM HUP
	while { [ -e "$TREADLE_TEST_TMP/load" ] || [ -n "$again" ]; } && is_running $$; do
		session=$((session + 1))
		feed_session "$1"
	done
}

feed_session() { # RUNNING
	local fifo=$TREADLE_TEST_TMP/fifo.$session producer fifo_fd done_count
	mkfifo "$fifo"
	TREADLE_REDIS_TIMEOUT=10s "$TREADLE_BUILD/treadle" submit \
		"$TREADLE_TEST_TMP/storm.yaml" \
		--bulk "$fifo" --key-field key {pause_fd}>&- |
		"$TREADLE_BUILD/storm/stamp" "$ledgers/producer" "acked $session" &
	producer=$!
	exec {fifo_fd}<>"$fifo"
	for key in $again; do submit_line "$key"; done
	again=
	while [ -e "$TREADLE_TEST_TMP/load" ] && is_running "$producer" &&
		is_running $$; do
		if [ "$(redis ZCARD "${PREFIX}runs:running" 2>/dev/null || echo 9999)" \
			-lt "$1" ] 2>/dev/null; then
			for _ in 1 2 3 4 5 6; do
				number=$((number + 1))
				submit_line "$SEED-$number"
			done
		fi
		rest 30
	done
	exec {fifo_fd}>&-
	wait "$producer"
	rm -f "$fifo"
	done_count=$(grep -c "^acked $session " "$ledgers/producer")
	again=$(awk -v s=$session -v done="$done_count" '$1 == "intent" &&
		$2 == s && ++n > done { print $3 }' "$ledgers/producer")
}

submit_line() { # KEY
	now_ms
	echo "intent $session $1 $NOW" >>"$ledgers/producer"
	echo "{\"key\":\"$1\"}" >&"$fifo_fd" 2>/dev/null
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
	TREADLE_COORDINATOR_LISTEN=127.0.0.1:0 start coordinator \
		"$TREADLE_BUILD/treadle-coordinator"
	COORDINATORS+=("$PID")
}

# Told to stop, and replaced; who does not stop within the limit fails the test.
replace_worker() {
	pick_worker
	fault term "$VICTIM"
	kill -TERM "$VICTIM"
	add_worker
	stopping+=("$VICTIM")
	drop_worker "$AT"
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

# What was not synced is gone.
cut_power() {
	local size file
	size=$(cat "$TREADLE_TEST_TMP/disk" 2>/dev/null)
	for file in "$TREADLE_TEST_TMP"/data/appendonlydir/*.incr.aof; do
		truncate -s "$((10#${size:-0}))" "$file"
	done
	: >"$TREADLE_TEST_TMP/disk"
}

# How long it takes all programs to be back; each has two connections at least.
until_back() {
	local wanted=$((${#fleet[@]} * 2 + ${#COORDINATORS[@]}))
	wait_until "[ \"\$(redis CLIENT LIST | grep -c name=treadle-)\" -ge $wanted ]" 30
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
	exec {control_fd}<>"/dev/tcp/127.0.0.1/$proxy_control"
}

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

judge() {
	local files=$TREADLE_TEST_TMP/data/appendonlydir
	redis --raw --eval "$STORM/dump.lua" >"$ledgers/dump"
	[ "$(tail -n 1 "$ledgers/dump")" = end ] || return 1
	: >"$ledgers/history"
	[ -z "${HISTORY-1}" ] || "$TREADLE_BUILD/storm/aof" \
		"$files"/*.incr.aof >"$ledgers/history"
	(cd "$ledgers" && LC_ALL=C awk -v prefix="$PREFIX" \
		-v history="${HISTORY-1}" -v whole="${WHOLE-1}" \
		-v loss_ms="${LOSS_MS:-0}" -v owned="$(owned_keys)" -f "$STORM/check.awk" \
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
	for id in S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S15 S16 \
		V1 R1 R2 R3 M1 M2; do
		is "$1: $id" "$(grep "^violation $id " "$ledgers/verdict" |
			head -n 5)" ''
	done
	ok "$1: there was something to be judged" \
		[ "$(figure commits)" -gt "${COMMITS_MIN:-50}" ]
	is "$1: no handler is left" "$(leftover)" ''
	report "$1"
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
	for name in recovery reconnect; do
		[ -z "$(spread $name)" ] || note "$name: $(spread $name)"
	done
	note "$(awk '$1 == "figure" && $2 != "recovery" {
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
