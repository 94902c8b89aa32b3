#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps that are performed for each item of a list.
. "$(dirname "$0")/lib.sh"

start_library
# each MEMBERS NEEDS NEXT: a step with items, two of them at a time.
each() {
	jq -c ". + {kind: \"each\", each: ({kind: \"exec\", max: 2,
		reads: [], input: false} + {$1})}" <<<"$(step "$2" "$3")"
}
# flow NAME MEMBERS [STEP_MEMBERS [MEMBERS]]: each of l, then b.
flow() {
	define "$1" "$(graph 2 '["l"]' "$(printf '"l":%s,"b":%s' \
		"$(each "$2" '[]' '["b"]' | jq -c ". + {${3:-x: 1}}")" \
		"$(step '["l"]' '[]')")" | jq -c ". + {${4:-x: 1}}")" >/dev/null
}
flow plain 'x: 1'
flow half 'tolerates_percent: 50'
flow caught 'x: 1' 'tolerates: true' 'branches: true'
flow cleans 'x: 1' 'when: "always"' 'branches: true, closing: ["l"]'
register w1 >/dev/null
register w2 >/dev/null

# begin N DEFINITION ITEM...: a run whose list w1 has evaluated.
begin() {
	r=$(run_id "$1")
	call submit "$r" "$2" in '' 0 >/dev/null
	take w1
	expand 0 "${@:3}" >/dev/null
	SPREAD=$(complete w1 "$(total $(($# - 2)))")
}
total() { printf '\xa1%d' "$1"; } # how many items there are, msgpack
expand() { call expand w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "$@"; }
items() { field "$r" items:l; }
results() { redis LRANGE "$P:results:$r/l" 0 -1 | tr -s ' ' | xargs -d '\n'; }
live() { redis HKEYS "$P:run:$r" | grep '^step:l/' | sort | xargs; }
counter() { redis HGET "$P:counters" "$1"; }

begin 1 plain i0 i1 i2 i3
is 'a list is complete' "$SPREAD" COMMITTED
is 'its step is spread' "$(state_of "$r" l)" spread
is 'said again, it is known' "$(complete w1 "$(total 4)")" DUPLICATE
is 'as many items begin as may be there at a time' "$(live)" 'step:l/0 step:l/1'
is 'the counts say so' "$(items)" '4 2 0 0'
is 'its entry is gone, theirs are there' "$(redis XLEN "$P:queue:q")" 2
take w1
is 'an item is taken like a step' "$STEP $ATTEMPT" 'l/0 1'
is 'it is given itself, behind all else' "$(tail -n 1 <<<"$TAKEN")" i0
is 'it is running' "$(state_of "$r" l/0)" running
is 'it ends well' "$(complete w1 r0)" COMMITTED
is 'said again, it is known' "$(complete w1 r0)" DUPLICATE
is 'its result has its place' "$(redis LINDEX "$P:results:$r/l" 0)" r0
is 'nothing else is left of it' "$(state_of "$r" l/0)" ''
is 'the next has begun' "$(live)" 'step:l/1 step:l/2'
is 'the counts say so' "$(items)" '4 3 1 0'
for i in 1 2 3; do
	take w1
	complete w1 "r$STEP" >/dev/null
done
is 'with the last the step is done' "$(state_of "$r" l)" done
is 'the results are in the order of the items' "$(results)" 'r0 rl/1 rl/2 rl/3'
is 'its output says how many there are' \
	"$(redis HGET "$P:out:$r" l)" "$(printf '\x04')"
is 'what is behind it is ready' "$(state_of "$r" b)" ready
is 'once' "$(redis XLEN "$P:queue:q")" 1
take w1
complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'
is 'results and step are counted' "$(counter steps_done)" 6
call forget "$r" >/dev/null
is 'nothing is left of a run that is forgotten' \
	"$(redis KEYS "$P:*$r*" | xargs)" ''

begin 11 plain a b c d e
ends=()
for i in 0 1; do
	take w1
	ends+=(q "$ENTRY" "$r" "$STEP" 1 "r$i" 0)
done
is 'items that end in one call, one said twice' \
	"$(call complete w1 "${ends[@]}" "${ends[@]:0:7}" | tail -n +2 | xargs)" \
	'COMMITTED COMMITTED DUPLICATE'
is 'are counted once, and as many begin' "$(items), $(live)" \
	'5 4 2 0, step:l/2 step:l/3'
ends=()
for i in 2 3; do
	take w1
	ends+=(q "$ENTRY" "$r" "$STEP" 1 "r$i" 0)
done
call complete w1 "${ends[@]}" >/dev/null
take w1
complete w1 r4 >/dev/null
is 'to the last' "$(results), $(state_of "$r" b)" 'r0 r1 r2 r3 r4, ready'
take w1
complete w1 >/dev/null

begin 2 plain
is 'an empty list is done at once' "$(state_of "$r" l)" done
take w1
is 'and what is behind it begins' "$STEP" b
complete w1 >/dev/null

r=$(run_id 3)
call submit "$r" plain in '' 0 >/dev/null
take w1
is 'a list is kept in parts' "$(expand 0 a b)$(expand 2 c)" COMMITTEDCOMMITTED
is 'a part that is repeated changes nothing' \
	"$(expand 2 c) $(redis LLEN "$P:items:$r/l")" 'COMMITTED 3'
like 'a part is missing' "$(expand 7 x)" 'there are 3 items, not 7'
is 'from the beginning it is another list' \
	"$(expand 0 z) $(redis LRANGE "$P:items:$r/l" 0 -1 | xargs)" 'COMMITTED z'
is 'nobody else may' \
	"$(call expand w2 q "$ENTRY" "$r" l 1 0 x)" FENCED
redis DEL "$P:items:$r/l" >/dev/null
is 'a list that somebody has deleted is evaluated anew' \
	"$(complete w1 "$(total 1)") $(state_of "$r" l)" 'FENCED ready'
take w1
expand 0 >/dev/null
complete w1 "$(total 0)" >/dev/null
take w1
complete w1 >/dev/null

begin 4 half a b c d
take w1
is 'an item that fails' "$(fail_step w1 -1 timeout)" COMMITTED
is 'is tolerated' "$(field "$r" state) $(items)" 'running 2 4 3 0 1'
is 'said again, it is known' "$(fail_step w1 -1 timeout)" DUPLICATE
like 'why it failed is its result' \
	"$(redis LINDEX "$P:results:$r/l" 0 | tr -d '\0')" 'timeout'
is 'it is no dead letter' "$(redis XLEN "$P:dead")" 0
take w1
is 'one may be tried again' "$(fail_step w1 0) $(state_of "$r" "$STEP")" \
	'COMMITTED delayed'
call promote c1 1000 10 >/dev/null
take w1
fail_step w1 -1 >/dev/null
take w1
fail_step w1 -1 rejected >/dev/null
is 'more than half is too much' "$(field "$r" state)" 'failed 2'
is 'that item is a dead letter' \
	"$(state_of "$r" "$STEP") $(redis XLEN "$P:dead")" 'dead 1'
is 'its step is stopped' "$(state_of "$r" l)" cancelled
is 'and nothing of it waits' "$(redis XLEN "$P:queue:q")" 0
call retry "$r" >/dev/null
is 'a retry goes on with the list' "$(state_of "$r" l) $(items)" \
	'spread 4 4 0 2'
is 'only with what had not ended' "$(live)" 'step:l/1 step:l/3'
for i in 1 2; do
	take w1
	complete w1 "r$STEP" >/dev/null
done
is 'it ends with what it has' "$(state_of "$r" l) $(items)" 'done 4 4 2 2'
take w1
complete w1 >/dev/null
is 'and its run as well' "$(field "$r" state)" 'done 0'

call retry "$r" l/0 >/dev/null
is 'one item is performed again' "$(live) $(items)" 'step:l/0 4 4 2 1'
is 'and what is behind its step' "$(state_of "$r" b)" waiting
take w1
is 'nothing else' "$STEP $(redis XLEN "$P:queue:q")" 'l/0 1'
complete w1 new >/dev/null
is 'the others are kept' "$(redis LINDEX "$P:results:$r/l" 0) $(items)" \
	'new 4 4 3 1'
take w1
complete w1 >/dev/null
call retry "$r" l/0 >/dev/null
take w1
is 'what was done has another key then' "$(sed -n 3p <<<"$TAKEN")" '1 0 0 1 3'
complete w1 newer >/dev/null
take w1
complete w1 >/dev/null
f=$(run_id 94)
call fork "$r" "$f" b >/dev/null
is 'a fork has the lists of the other run' \
	"$(field "$f" items:l) $(redis LINDEX "$P:results:$f/l" 0) $(state_of "$f" b)" \
	'4 4 3 1 newer ready'
take w1
complete w1 >/dev/null
like 'it is forked from a step' "$(call fork "$r" "$(run_id 95)" l/0)" \
	'not from an item: l'
call forget "$f" >/dev/null
is 'what is forgotten of one is kept of the other' \
	"$(redis EXISTS "$P:results:$f/l" "$P:results:$r/l")" 1
like 'an item that is not there' "$(call retry "$r" l/9)" 'no item l/9'
call retry "$r" l >/dev/null
is 'from the step on, all of it begins anew' \
	"$(state_of "$r" l)$(items)$(redis EXISTS "$P:results:$r/l")" ready0
call cancel "$r" enough >/dev/null

begin 5 caught a b c
take w1
first="$ENTRY $STEP"
take w2
fail_step w2 -1 >/dev/null
is 'a step may fail with its items' "$(state_of "$r" l) $(field "$r" state)" \
	'failed running 1'
is 'nothing is left of them' \
	"$(live)$(items)$(redis EXISTS "$P:items:$r/l" "$P:results:$r/l")" 0
is 'who performs one is told to stop' \
	"$(redis ZRANGE "$P:stop:w1" 0 -1)" "${first% *}"
read -r ENTRY STEP <<<"$first"
is 'and can not end it' "$(complete w1)" FENCED
is 'the run goes on' "$(state_of "$r" b)" ready
take w1
complete w1 >/dev/null

note_cost() { # USD
	call note w1 "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" '' '' "{\"usd\":$1}" ''
}
begin 7 half a b
take w1
fail_step w1 -1 >/dev/null
take w1
fail_step w1 -1 >/dev/null
call retry "$r" >/dev/null
is 'what was given up is tried again' "$(live) $(field "$r" again:l/1)" \
	"step:l/1 1 0"
take w1
complete w1 ok >/dev/null
is 'no count of its tries is left then' \
	"$(redis HKEYS "$P:run:$r" | grep -c l/)" 0
is 'nor what they have said' "$(redis EXISTS "$P:log:$r")" 0
take w1
complete w1 >/dev/null

begin 8 caught a b c
take w1
note_cost 3 >/dev/null
take w2
fail_step w2 -1 >/dev/null
is 'what items have cost that are stopped is the cost of their step' \
	"$(field "$r" cost:l)" '{"usd":3}'
is 'and theirs no more' "$(redis HKEYS "$P:run:$r" | grep -c l/)" 0
take w1
complete w1 >/dev/null

begin 9 cleans a b c
take w1
complete w1 ok >/dev/null
call cancel "$r" enough >/dev/null
is 'who cleans up for each item begins anew' \
	"$(state_of "$r" l)$(live)$(items)" ready
take w1
expand 0 >/dev/null
complete w1 "$(total 0)" >/dev/null

begin 6 plain a b c d
take w1
is 'a cancelled run' "$(call cancel "$r" enough | query .stopped)" 1
is 'has no live item' "$(state_of "$r" l/0) $(state_of "$r" l/1)" \
	'cancelled cancelled'
is 'what comes late is refused' "$(complete w1)" CANCELLED
call retry "$r" >/dev/null
is 'a retry begins them again' "$(live) $(items)" \
	'step:l/0 step:l/1 4 2 0 0'
is 'in order' "$(redis XLEN "$P:queue:q")" 2
take w1
is 'as another attempt' "$STEP $ATTEMPT" 'l/0 2'
redis HSET "$P:worker:w1" lease_ms 0 >/dev/null
redis ZADD "$P:workers" 1 w1 >/dev/null
call reclaim c1 1000 10 >/dev/null
is 'of a lost worker, it is recovered' "$(field "$r" step:l/0 | cut -d ' ' -f 1-3)" \
	'ready 1 1'
is 'status tells how far it is' "$(call status "$r" |
	query '.steps[0] | [.state, .items.total, .items.begun] | join(" ")')" \
	'spread 4 2'
done_testing
