#!/bin/bash
# SPDX-License-Identifier: MIT
# Taking and completing: order, joins, lost replies, the fence.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null
register w2 >/dev/null

r=$(run_id 1)
call submit "$r" chain in '' 0 >/dev/null
take w1
is 'the root comes first' "$STEP" a
is 'it is running, with its worker' \
	"$(field "$r" step:a | cut -d ' ' -f 1-5)" "running 1 0 $ENTRY w1"
is 'take again, after a lost reply, is the same attempt' \
	"$(take_again w1; echo "$ATTEMPT")" 1
is 'another worker cannot take it' \
	"$(call take w2 q "$ENTRY" "$r" a | sed -n 2p)" DROPPED
is 'its output is committed' "$(complete w1 one)" COMMITTED
is 'the record says done' "$(state_of "$r" a)" done
is 'the entry is gone' "$(redis XPENDING "$P:queue:q" workers | head -n 1)" 0
is 'a repeat is known as such' "$(complete w1 one)" DUPLICATE
is 'and commits nothing' "$(redis HGET "$P:out:$r" a)" one
ATTEMPT=2
is 'another attempt is fenced' "$(complete w1 two)" FENCED

take w2
is 'the successor is ready' "$STEP" b
is 'it reads the output before it' "$(sed -n '6p' <<<"$TAKEN")" one
is 'its end ends the run' "$(complete w2 two; field "$r" state)" \
	$'COMMITTED\ndone 0'
is 'which changes its index' "$(redis ZRANGE "$P:runs:done" 0 -1)" "$r"
is 'and will be swept in time' "$(redis ZCARD "$P:finished")" 1
is 'nothing is left in the queue' "$(redis XLEN "$P:queue:q")" 0

r=$(run_id 2)
call submit "$r" diamond '' '' 0 >/dev/null
take w1
complete w1 >/dev/null
take w1
complete w1 >/dev/null
is 'a join waits for both sides' "$(field "$r" step:d)" 'waiting 1'
take w2
complete w2 >/dev/null
is 'and is ready once' "$(state_of "$r" d),$(redis XLEN "$P:queue:q")" ready,1

is 'an entry of no run is dropped' \
	"$(call take w1 q 1-1 "$(run_id 9)" a | sed -n 2p)" DROPPED
is 'a completion of no run finds it gone' \
	"$(call complete w1 q 1-1 "$(run_id 9)" a 1 x 0 | sed 1d)" GONE
call pause q >/dev/null
take w1
is 'a paused queue lets nothing begin' "$(sed -n 2p <<<"$TAKEN")" PAUSED
is 'but keeps it' "$(state_of "$r" d),$(redis XLEN "$P:queue:q")" ready,1
call resume q >/dev/null
take w1
is 'until it is resumed' "$STEP,$ATTEMPT" d,1
is 'the totals agree' "$(redis HMGET "$P:counters" attempts steps_done \
	runs_done duplicates fenced | paste -sd,)" 6,5,1,1,1
done_testing
