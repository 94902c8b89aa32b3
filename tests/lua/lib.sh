#!/bin/bash
# SPDX-License-Identifier: MIT
# What every dialogue with the function library sources.
#
# A dialogue says what a producer, a worker or a coordinator would say, with
# redis-cli, and looks at the answers and at what is in Redis afterwards. There
# is no program of ours in it: what is tested is the library alone.

. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

P='treadle:{0}'

# The library as the programs embed it: in the order of the Makefile.
start_library() {
	start_redis
	make --no-print-directory -s build/gen/library.lua ||
		fail 'the library could not be joined'
	redis -x FUNCTION LOAD REPLACE >/dev/null \
		<"${LIBRARY_BRANCHES:-build/gen}/library.lua" ||
		fail 'the library could not be loaded'
}

# call NAME ARGUMENT...: one call; the answer as redis-cli prints it, flat.
call() {
	local name=$1
	shift
	redis FCALL "treadle_$name" 1 "$P" "$@"
}

# define DIGEST GRAPH: stores a definition whose graph is given as JSON.
define() {
	redis EVAL 'return redis.call("SET", KEYS[1],
		cmsgpack.pack(cjson.decode(ARGV[1])))' 1 test:graph "$2" >/dev/null
	redis --raw GET test:graph | head -c -1 |
		redis -x FCALL treadle_define 1 "$P" "$1" canonical
	redis DEL test:graph >/dev/null
}

# step NEEDS NEXT [READS] [RECOVERIES]: one step of a graph; lists as JSON.
step() {
	printf '{"queue":"q","kind":"exec","needs":%s,"next":%s,"reads":%s,' \
		"$1" "$2" "${3:-[]}"
	printf '"input":false,"recoveries":%s}' "${4:-1}"
}

# graph TOTAL ROOTS STEPS [DEADLINE_MS]: a graph, steps as members of JSON.
graph() {
	printf '{"name":"flow","deadline":%s,"total":%s,"roots":%s,' \
		"${4:-0}" "$1" "$2"
	printf '"queues":["q"],"steps":{%s}}' "$3"
}

# The definitions that most dialogues use.
define_all() {
	define one "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")"
	define chain "$(graph 2 '["a"]' \
		"\"a\":$(step '[]' '["b"]'),\"b\":$(step '["a"]' '[]' '["a"]')")"
	define diamond "$(graph 4 '["a"]' "$(printf '%s,%s,%s,%s' \
		"\"a\":$(step '[]' '["b","c"]')" "\"b\":$(step '["a"]' '["d"]')" \
		"\"c\":$(step '["a"]' '["d"]')" \
		"\"d\":$(step '["b","c"]' '[]' '["b","c"]')")")"
} >/dev/null

# run_id N: a run id that is easy to read.
run_id() { printf '01k0000000000000000000%02d00' "$1"; }

# A lease that does not end while a busy machine has a dialogue.
register() { call register "$1" "${LEASE_MS:-600000}" host 1 v1 4 q; } # WORKER

# read_entry WORKER: the next entry of the queue, as "ENTRY RUN STEP"; empty
# where there is none.
read_entry() {
	redis XREADGROUP GROUP workers "$1" COUNT 1 STREAMS "$P:queue:q" '>' |
		awk 'NR == 2 { e = $1 } NR == 4 { r = $1 } NR == 6 { print e, r, $1 }'
}

# take WORKER: reads an entry and takes it; ENTRY, RUN, STEP, ATTEMPT, and the
# whole answer in TAKEN.
take() {
	read -r ENTRY RUN STEP < <(read_entry "$1") || fail 'nothing to take'
	take_again "$1"
}

# take_again WORKER: takes ENTRY once more, as after a lost reply.
take_again() {
	TAKEN=$(call take "$1" q "$ENTRY" "$RUN" "$STEP" | tr -d '\0')
	read -r ATTEMPT _ < <(sed -n 3p <<<"$TAKEN")
}

# complete WORKER [OUTPUT [HEIR]]: the answer without the time before it.
complete() {
	call complete "$1" q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "${2:-x}" \
		"${3:-0}" | sed 1d
}

fail_step() { # WORKER DELAY_MS [CLASS] [LOG]
	call fail "$1" q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "$2" \
		"${3:-error}" 1 'it broke' "${4:-}"
}

field() { redis HGET "$P:run:$1" "$2"; }		 # RUN FIELD
state_of() { field "$1" "step:$2" | cut -d ' ' -f 1; }	 # RUN STEP
query() { jq -r "$1"; }
mend() { call mend "$@" | query .mended; }		 # KIND ARGUMENT...
# repaired NAME KIND ARGUMENT...: what is damaged is mended, and then is well.
repaired() {
	is "$1" "$(mend "${@:2}") $(mend "${@:2}")" 'true false'
}
left_alone() { is "$1" "$(mend "${@:2}")" false; } # NAME KIND ARGUMENT...
