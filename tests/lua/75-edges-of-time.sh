#!/bin/bash
# SPDX-License-Identifier: MIT
# What is lost, late or too much: found again, put in order, or left alone.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null

# Ids that come in no order.
call submit "$(run_id 5)" one '' '' 0 "$(run_id 3)" one '' '' 0 \
	"$(run_id 7)" one '' '' 0 >/dev/null
call submit "$(run_id 1)" one '' '' 0 >/dev/null
is 'the newest come first' "$(call list '' '' 9 flow |
	query '[.runs[].run[22:24]] | join(" ")')" '07 05 03 01'

# A lost worker holds more than one call looks at, and an entry that is gone.
for _ in 1 2 3; do take w1; done
redis XDEL "$P:queue:q" "$ENTRY" >/dev/null
redis ZADD "$P:workers" 1 w1 >/dev/null
is 'one at a time' "$(call reclaim c1 1000 1 | query '.more')" true
is 'until all is looked at' "$(call reclaim c1 1000 9 | query '.more')" false
is 'who was lost is shown for a while' \
	"$(call workers | query '.workers[0].state')" lost
is 'nobody holds anything' \
	"$(redis XPENDING "$P:queue:q" workers | head -n 1)" 0

# What is said to be due but runs; what has no definition any more.
register w2 >/dev/null
take w2
redis ZADD "$P:delayed" 1 "$RUN/a" >/dev/null
is 'what runs is not promoted' "$(call promote c1 1000 9 | query .promoted)" 0
is 'nor disturbed' "$(state_of "$RUN" a)" running
redis HSET "$P:run:$RUN" def nothing >/dev/null
is 'without a definition it can not fail' "$(fail_step w2 5)" GONE
is 'nor be completed' "$(complete w2)" GONE
redis HSET "$P:run:$RUN" def one >/dev/null
is 'with it again it can' "$(complete w2)" COMMITTED
read -r ENTRY RUN STEP < <(read_entry w2)
redis HSET "$P:run:$RUN" def nothing >/dev/null
is 'and is not begun without' "$(call take w2 q "$ENTRY" "$RUN" a |
	sed -n 2p)" DROPPED

# A step that runs while its run has failed is not handed back.
r=$(run_id 20)
call submit "$r" diamond '' '' 0 >/dev/null
while take w2 && [ "$RUN" != "$r" ]; do complete w2 >/dev/null; done
complete w2 >/dev/null
take w2
one=$ENTRY name=$STEP
take w2
fail_step w2 -1 rejected >/dev/null
like 'what still runs is not begun again' "$(call retry "$r" "$name" 2>&1)" \
	'^CONFLICT .* still running'
is 'it is over with its run' \
	"$(call release w2 q "$one" "$r" "$name") $(state_of "$r" "$name")" \
	'FENCED cancelled'
is 'its dead letter is young' \
	"$(call dead '' 9 '' '' '' 99999999 | query '.dead | length')" 0
is 'is of its class' "$(call dead '' 9 '' '' rejected | query '.dead | length')" 1
is 'and of no other' "$(call dead '' 9 '' '' timeout | query '.dead | length')" 0
call submit "$(run_id 30)" diamond '' '' 0 >/dev/null
while take w2 && [ "$RUN" != "$(run_id 30)" ]; do complete w2 >/dev/null; done
fail_step w2 -1 rejected >/dev/null
is 'a page of one goes on' "$(call dead '' 1 | query '.cursor != null')" true

# Of finished runs only so many are kept; a definition in use stays.
redis ZADD "$P:definitions" 1 diamond >/dev/null
is 'the oldest beyond the limit go' \
	"$(call sweep c1 1000 9 99999999 1 | query '.removed > 0')" true
is 'one is kept' "$(redis ZCARD "$P:finished")" 1
is 'with what it was started with' "$(redis EXISTS "$P:def:diamond")" 1
done_testing
