#!/bin/bash
# SPDX-License-Identifier: MIT
# The items of a list in runs that fail, are closed, or are tried again.
. "$(dirname "$0")/lib.sh"

start_library
with() { jq -c ". + {$1}" <<<"$2"; }
# each MEMBERS NEEDS NEXT: a step with items, two of them at a time.
each() {
	with "kind: \"each\", each: ({kind: \"exec\", max: 2,
		reads: [], input: false} + {$1})" "$(step "$2" "$3")"
}
# l beside w; z cleans up behind both.
define closes "$(with 'branches: true, closing: ["z"]' \
	"$(graph 3 '["l","w"]' "$(printf '"l":%s,"w":%s,"z":%s' \
	"$(each 'x: 1' '[]' '["z"]')" "$(step '[]' '["z"]')" \
	"$(with 'when: "always"' "$(step '["l","w"]' '[]')")")")")" >/dev/null
# What cleans up has items itself.
define cleans "$(with 'branches: true, closing: ["z"]' \
	"$(graph 2 '["a"]' "$(printf '"a":%s,"z":%s' "$(step '[]' '["z"]')" \
	"$(with 'when: "always"' "$(each 'x: 1' '["a"]' '[]')")")")")" >/dev/null
define plain "$(graph 1 '["l"]' "\"l\":$(each 'x: 1' '[]' '[]')")" >/dev/null
define wide "$(graph 1 '["l"]' \
	"\"l\":$(each 'kind: "pass", max: 100' '[]' '[]')")" >/dev/null
for w in w1 w2 w3; do register $w >/dev/null; done

expand() { call expand w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "$@"; }
total() { printf "\\xa${#1}%d" "$1"; }
items() { field "$r" "items:${1:-l}"; }
# records STEP...: their states.
records() {
	local name
	for name in "$@"; do printf '%s ' "$(state_of "$r" "$name")"; done
}
letters() { # the steps that are dead letters
	call dead '' 10 '' '' '' '' "$r" |
		query '[.dead[].step] | sort | join(" ")'
}
held() { echo "$ENTRY $RUN $STEP $ATTEMPT"; }
hold() { read -r ENTRY RUN STEP ATTEMPT <<<"$1"; }
submit() { # N DEFINITION
	redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null # what others have left
	r=$(run_id "$1")
	call submit "$r" "$2" in '' 0 >/dev/null
}
# begin N DEFINITION ITEM...: a run whose first list w1 has evaluated.
begin() {
	submit "$1" "$2"
	take w1
	expand 0 "${@:3}" >/dev/null
	complete w1 "$(total $(($# - 2)))" >/dev/null
}

# --- its run is being closed ---------------------------------------------------

begin 1 closes a b c
take w2
of_w=$(held)
take w1
of_item=$(held)
hold "$of_w"; fail_step w2 -1 rejected >/dev/null
is 'a run that fails lets an item end that runs' \
	"$(field "$r" state),$(records l l/0 l/1)" \
	'running 1 draining,cancelled running cancelled '
left_alone 'and waits for it' run "$r"
hold "$of_item"
is 'it may' "$(complete w1 r0) $(items)" 'COMMITTED 3 2 1 0'
is 'then the run cleans up' "$(field "$r" state),$(records z)" \
	'running 1 cleaning,ready '
left_alone 'and waits for that' run "$r"
take w1; complete w1 >/dev/null
is 'until it has failed' "$(field "$r" state)" 'failed 2'
call retry "$r" >/dev/null
is 'a retry goes on with the list' "$(records l l/0 l/1 l/2 w z)" \
	'spread  ready ready ready waiting '
is 'what has ended is kept' "$(items)" '3 3 1 0'
for _ in 1 2 3 4; do take w1; complete w1 >/dev/null; done
is 'and the run is done' "$(field "$r" state) $(items)" 'done 0 3 3 3 0'

begin 2 closes a
take w2
of_w=$(held)
take w1
of_item=$(held)
hold "$of_w"; fail_step w2 -1 rejected >/dev/null
hold "$of_item"; complete w1 r0 >/dev/null
is 'the last item ends its step' "$(records l z),$(field "$r" state)" \
	'done ready ,running 1 cleaning'
take w1; complete w1 >/dev/null
is 'and only what failed is left' "$(field "$r" state)" 'failed 1'

submit 3 closes
take w1
of_l=$(held)
expand 0 a b >/dev/null
take w2
fail_step w2 -1 rejected >/dev/null
hold "$of_l"
is 'a list that is complete too late' "$(complete w1 "$(total 2)")" COMMITTED
is 'is kept' "$(records l z)$(items),$(field "$r" state)" \
	'cancelled ready 2 0 0 0,running 1 cleaning'
take w1; complete w1 >/dev/null
call retry "$r" >/dev/null
is 'for a retry' "$(records l l/0 l/1)$(items)" 'spread ready ready 2 2 0 0'
call cancel "$r" enough >/dev/null
call cancel "$r" 'at once' >/dev/null

submit 4 cleans
take w1
fail_step w1 -1 rejected >/dev/null
take w1
expand 0 a b c >/dev/null
complete w1 "$(total 3)" >/dev/null
is 'a list may clean up' "$(records z z/0 z/1),$(field "$r" state)" \
	'spread ready ready ,running 1 cleaning'
left_alone 'its run waits for the step' run "$r"
take w1
fail_step w1 -1 rejected >/dev/null
is 'where an item fails, that has failed' "$(records z z/0 z/1)" \
	'cancelled dead cancelled '
is 'and the run ends' "$(field "$r" state) $(redis XLEN "$P:queue:q")" 'failed 2 0'
is 'there is a dead letter of both' "$(letters)" 'a z/0'

# --- it has failed, and what ran goes on ---------------------------------------

begin 5 plain a b c d
take w1
of_first=$(held)
take w2
of_second=$(held)
hold "$of_first"; fail_step w1 -1 rejected >/dev/null
is 'an item that fails fails the run' "$(field "$r" state),$(records l l/0 l/1)" \
	'failed 1,cancelled dead running '
like 'who runs still is waited for' "$(call retry "$r" l)" \
	'CONFLICT step l is still running'
call retry "$r" >/dev/null
is 'or goes on as it is' "$(records l l/0 l/1)$(items)" 'spread ready running 4 2 0 0'
hold "$of_second"
is 'it may end' "$(complete w2 r1) $(items)" 'COMMITTED 4 3 1 0'
take w1
of_first=$(held)
take w2
of_second=$(held)
hold "$of_first"; fail_step w1 -1 rejected >/dev/null
hold "$of_second"
is 'one that fails after the run' "$(fail_step w2 -1 rejected)" COMMITTED
is 'is a dead letter, too' "$(records l/0 l/2),$(field "$r" state)" \
	'dead dead ,failed 1 again'
is 'of which there are two' "$(letters)" 'l/0 l/2'
call retry "$r" l >/dev/null
is 'from the step on, nothing of it is kept' \
	"$(records l l/0 l/1 l/2)$(items)$(letters)" 'ready    '
call cancel "$r" enough >/dev/null

# --- an item that was done is asked for again, before all have begun ------------

begin 6 plain a b c d e
take w1; complete w1 r0 >/dev/null
take w1
fail_step w1 -1 rejected >/dev/null
call retry "$r" l/0 >/dev/null
is 'an item is performed again' "$(records l l/0 l/1 l/2)" \
	'spread ready ready ready '
is 'and what failed' "$(items)" '5 3 0 0'
for _ in 1 2; do take w1; complete w1 >/dev/null; done
is 'those that begin later' "$(records l/3)" 'ready '
while [ "$STEP" != l/3 ]; do take w1; [ "$STEP" = l/3 ] || complete w1 >/dev/null; done
is 'have a key of their own, as the greatest' "$(sed -n 3p <<<"$TAKEN")" '1 0 0 1 3'
call cancel "$r" enough >/dev/null

# --- what its tries have left, and cost -----------------------------------------

begin 7 plain a b
note() { call note w1 "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" '' '' "$1" ''; }
take w2
redis HSET "$P:worker:w2" lease_ms 0 >/dev/null
redis ZADD "$P:workers" 1 w2 >/dev/null
call reclaim c1 1000 10 >/dev/null
take w1; complete w1 >/dev/null
is 'of an item that was recovered there is a trace' "$(redis HLEN "$P:log:$r")" 1
take w1
is 'it is tried again' "$STEP $ATTEMPT" 'l/0 1'
note '{"USD": 0.5, "EUR": 2}' >/dev/null
complete w1 >/dev/null
is 'nothing stays but its result' \
	"$(redis EXISTS "$P:log:$r")$(records l/0)$(field "$r" cost:l/0)" '0 '
is 'and what it has cost' "$(field "$r" cost:l | jq -cS .)" '{"EUR":2,"USD":0.5}'

begin 8 plain a b
for _ in 1 2; do
	take w1
	note '{"USD": 0.25}' >/dev/null
	complete w1 >/dev/null
done
is 'costs of items are added' "$(field "$r" cost:l)" '{"USD":0.5}'

# --- many ---------------------------------------------------------------------------

like 'a call keeps some of the items' \
	"$(expand 0 $(seq 8000))" '^USAGE at most [0-9]+ items in a call'
like 'and there is an end to all' "$(expand 999999 a b)" '1000000 in all$'
begin 9 wide $(seq 70)
is 'many may be there at a time' "$(items)" '70 70 0 0'
for _ in $(seq 70); do take w1; complete w1 "$(printf '\x07')" >/dev/null; done
is 'all are done' "$(field "$r" state)" 'done 0'
is 'a short list is shown' "$(call status "$r" |
	query '.steps[0].output | "\(length) \(add)"')" '70 490'
results() { call results "$r" l "$1" | wc -l; }
is 'all of it is told' "$(results 0) $(results 60)" '70 10'
begin 10 wide $(seq 101)
for _ in $(seq 101); do take w1; complete w1 "$(printf '\x07')" >/dev/null; done
is 'a long one is not shown' "$(call status "$r" | query '.steps[0].output')" null
done_testing
