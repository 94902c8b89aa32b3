#!/bin/bash
# SPDX-License-Identifier: MIT
# A step that is repeated: what is kept from one round to the next.
. "$(dirname "$0")/lib.sh"

start_library
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }
define rounds "$(graph 2 '["a"]' "\"a\":$(with 'rounds: 5' \
	"$(step '[]' '["b"]' '[]' 2)"),\"b\":$(with 'rounds: 3, kind: "pass"' \
	"$(step '["a"]' '[]' '["a"]')")")" >/dev/null
register w1 >/dev/null
register w2 >/dev/null
register w3 >/dev/null
begin() { # N: a run; its first step is taken by $worker
	r=$(run_id "$1")
	call submit "$r" rounds '' '' 0 >/dev/null
	take "${worker:=w1}"
}
# end_round LEFT: it is put aside, and due at once.
end_round() {
	call defer $worker q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" 1 "$1"
}
next_round() {
	wait_until "call promote c1 1000 10 | jq -e '.promoted == 1'"
	take "$worker"
}
last() { sed -n 6p <<<"$TAKEN"; } # after memo and input
shown() { call status "$r" | query ".steps[] | select(.step == \"$1\") | $2"; }

begin 1
is 'the first round finds nothing' "$(last)" ''
is 'and is shown as such' "$(shown a '"\(.round) of \(.rounds)"')" '0 of 5'
call note w1 "$ENTRY" "$RUN" a 1 '{"progress":0.5}' half '' '' >/dev/null
is 'what a try notes' "$(redis HGET "$P:out:$r" .memo:a)" half
is 'is not what the round leaves' "$(end_round '1 0 0 one')" COMMITTED
is 'said again, it is known' "$(end_round '1 0 0 one')" DUPLICATE
is 'it is neither held nor queued' \
	"$(state_of "$r" a) $(redis XLEN "$P:queue:q")" 'delayed 0'
is 'the next try of another round does not get it' \
	"$(redis HEXISTS "$P:out:$r" .memo:a)" 0
is 'nor is its progress shown' "$(redis HEXISTS "$P:run:$r" progress:a)" 0
is 'how many there were is' "$(shown a .round)" 1
next_round
is 'the next finds what the last has left' "$(last)" '1 0 0 one'
is 'no attempt was counted' "$ATTEMPT" 1
fail_step w1 0 timeout >/dev/null
next_round
is 'another try at the round finds the same' "$ATTEMPT $(last)" '2 1 0 0 one'

lose() { # WORKER: its lease has run out
	redis ZADD "$P:workers" 1 "$1" >/dev/null
	call reclaim c1 1000 100 >/dev/null
}
lose w1
worker=w2
take w2
is 'so does one after a loss' "$(sed -n 3p <<<"$TAKEN" | cut -d ' ' -f 3) $(
	last)" '1 1 0 0 one'
end_round '2 1 0 two' >/dev/null
next_round
is 'losses are counted for each round anew' \
	"$(sed -n 3p <<<"$TAKEN" | cut -d ' ' -f 3)" 0
complete w2 done >/dev/null
is 'with the last one goes what is carried over' \
	"$(redis HEXISTS "$P:out:$r" .last:a) $(shown a .round)" '0 null'

take w2
is 'a step that shapes data' "$STEP $(end_round '1 0 0 one')" 'b COMMITTED'
next_round
is 'is repeated alike' "$(sed -n 7p <<<"$TAKEN")" '1 0 0 one'
complete w2 x >/dev/null
is 'and leaves nothing either' \
	"$(field "$r" state) $(redis HEXISTS "$P:out:$r" .last:b)" 'done 0 0'

begin 2
complete w2 x 1 >"$TREADLE_TEST_TMP/heir"
is 'an heir begins its first round' \
	"$(sed -n 1p "$TREADLE_TEST_TMP/heir") $(sed -n 3p \
		"$TREADLE_TEST_TMP/heir")" 'COMMITTED b 1 0 0 0 4'
STEP=b ATTEMPT=1
end_round '1 0 0 one' >/dev/null
call cancel "$r" why >/dev/null
is 'what waits for its next round can be cancelled' "$(state_of "$r" b)" \
	cancelled
call retry "$r" >/dev/null
take w2
is 'and goes on where it was' "$(sed -n 7p <<<"$TAKEN")" '1 0 0 one'
fail_step w2 -1 exhausted >/dev/null
is 'having failed' "$(field "$r" state)" 'failed 1 again'
call retry "$r" >/dev/null
take w2
is 'it still knows' "$(sed -n '3p;7p' <<<"$TAKEN" | tr '\n' ,)" \
	'2 1 0 0 4,1 0 0 one,'
call cancel "$r" why >/dev/null

# --- items ------------------------------------------------------------------

define items "$(graph 1 '["l"]' "\"l\":$(with 'kind: "each", each: {
	kind: "exec", max: 1, reads: [], input: false, rounds: 3}' \
	"$(step '[]' '[]' '[]' 2)")")" >/dev/null
r=$(run_id 3)
call submit "$r" items '' '' 0 >/dev/null
take w2
call expand w2 q "$ENTRY" "$RUN" l "$ATTEMPT" 0 a >/dev/null
complete w2 $'\xa11' >/dev/null # a list of one
for worker in w2 w3; do
	take $worker
	lose $worker
done
is 'of the losses of a round of an item there are traces' \
	"$(redis HLEN "$P:log:$r")" 2
register w4 >/dev/null
worker=w4
take w4
end_round '1 0 0 one' >/dev/null
next_round
is 'the next round of an item finds what the last has left' \
	"$STEP $(sed -n 6p <<<"$TAKEN")" 'l/0 1 0 0 one'
complete w4 x >/dev/null
is 'none of them stays when the item has ended' \
	"$(redis EXISTS "$P:log:$r") $(redis HLEN "$P:out:$r")" '0 1'
done_testing
