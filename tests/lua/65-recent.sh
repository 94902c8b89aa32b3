#!/bin/bash
# SPDX-License-Identifier: MIT
# The runs of one workflow are found among many others, all of them, each once.
. "$(dirname "$0")/lib.sh"

start_library
define one "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")" >/dev/null
for name in rare late; do
	define $name "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')" |
		sed "s/\"flow\"/\"$name\"/")" >/dev/null
done
look() { redis FCALL_RO "treadle_$1" 1 "$P" "${@:2}"; }
submit_all() { # DIGEST RUN...
	local digest=$1 id items=()
	shift
	for id; do items+=("$id" "$digest" '' '' 0); done
	call submit "${items[@]}" >/dev/null
}
flow_ids() { seq -f '01k1%020.0f00' "$1" "$2"; } # FIRST LAST
# all STATE WORKFLOW: by all pages; CALLS, how many these were.
all() {
	local cursor='' page
	: >"$TREADLE_TEST_TMP/found"
	CALLS=0
	while :; do
		page=$(look list "$1" "$cursor" 400 "$2")
		CALLS=$((CALLS + 1))
		query '.runs[].run' <<<"$page" >>"$TREADLE_TEST_TMP/found"
		cursor=$(query '.cursor // empty' <<<"$page")
		[ -n "$cursor" ] && [ $CALLS -lt 99 ] || break
	done
}
found() { cat "$TREADLE_TEST_TMP/found"; }

first=01k00000000000000000000000 last=01kzzzzzzzzzzzzzzzzzzzzz00
submit_all rare "$first"
# One at a time, by a single client, and the last of them together.
flow_ids 1 1600 | sed "s/.*/FCALL treadle_submit 1 $P & one '' '' 0/" |
	redis >/dev/null
mapfile -t ids < <(flow_ids 1601 2000)
submit_all one "${ids[@]}"
submit_all rare "$last"

page=$(look list '' '' 20 rare)
is 'those of a rare one come in one answer, the newest first' \
	"$(query '[.runs[].run] | join(" ")' <<<"$page")" "$last $first"
is 'nothing else was looked at' "$(query .examined <<<"$page")" 2
is 'and there are no more' "$(query .cursor <<<"$page")" null
is 'nobody looks for what was never submitted' \
	"$(look list '' '' 20 none | jq -c)" '{"runs":[],"cursor":null,"examined":0}'

is 'so many are remembered' "$(redis LLEN "$P:recent:flow")" 601
is 'and where that ends' "$(redis LINDEX "$P:recent:flow" 0)" \
	"below $(flow_ids 1001 1001)"
all '' flow
is 'of the others all are found' "$(found)" "$(flow_ids 1 2000 | sort -r)"
is 'a page begins at any id' \
	"$(look list '' "$(flow_ids 1002 1002)" 1 flow | query '.runs[0].run')" \
	"$(flow_ids 1001 1001)"

# The clocks of producers differ: what is submitted last may have any id.
late=()
for n in $(seq 1 2 1199); do late+=("01k2$(printf %020d "$n")00"); done
submit_all late "${late[@]}"
late=()
for n in $(seq 1200 -2 2); do late+=("01k2$(printf %020d "$n")00"); done
submit_all late "${late[@]}"
all '' late
is 'those out of order too' "$(found)" \
	"$(seq -f '01k2%020.0f00' 1 1200 | sort -r)"

for n in 3 1599; do call cancel "$(flow_ids $n $n)" '' >/dev/null; done
all cancelled flow
is 'a state filters further' "$(found)" "$(flow_ids 1599 1599; flow_ids 3 3)"
all done flow
is 'down to nothing' "$(found)" ''
call cancel "$last" '' >/dev/null
call forget "$last" >/dev/null
all '' rare
is 'what was removed is not found' "$(found)" "$first"

call cancel "$first" '' >/dev/null
call forget "$first" >/dev/null
redis ZADD "$P:definitions" 1 rare >/dev/null
call sweep c1 1000 100 1000000000 1000000 >/dev/null
is 'nothing is kept for a workflow without a definition' \
	"$(redis EXISTS "$P:recent:rare" "$P:def:rare")$(
	redis HGET "$P:workflows" rare)" 0
done_testing
