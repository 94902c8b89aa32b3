#!/bin/bash
# SPDX-License-Identifier: MIT
# Lost workers: recoveries, the fence against zombies, poison, release.
. "$(dirname "$0")/lib.sh"

pending_of() { # WORKER
	redis --raw XPENDING "$P:queue:q" workers - + 10 "$1" | grep -c "^$1"
}

start_library
define_all
lose() { # WORKER: its lease has run out
	redis ZADD "$P:workers" 1 "$1" >/dev/null
	call reclaim c1 1000 100
}

r=$(run_id 1)
register w1 >/dev/null
call submit "$r" one '' '' 0 >/dev/null
take w1
said=$(lose w1)
is 'its step is recovered' "$(query '.workers[0].recovered' <<<"$said")" 1
is 'the worker counts as lost' "$(redis FCALL_RO treadle_stats 1 "$P" |
	query '.workers | "\(.live) \(.lost)"')" '0 1'
is 'a recovery is counted, no attempt' \
	"$(field "$r" step:a | cut -d ' ' -f 1-3)" 'ready 0 1'
is 'the zombie is fenced' "$(complete w1)" FENCED
is 'the zombie hears that it is lost' \
	"$(call heartbeat w1 15000 0 | head -n 1)" LOST
is 'and can take nothing' "$(call take w1 q 1-1 "$r" a | sed -n 2p)" LOST

register w2 >/dev/null
take w2
is 'another worker makes the same attempt' "$ATTEMPT" 1
lose w2 >/dev/null
is 'past its recoveries the step is dead' "$(state_of "$r" a)" dead
is 'as lost' "$(field "$r" reason | query .class)" worker_lost
is 'the queue is clean' "$(redis XLEN "$P:queue:q")" 0

r=$(run_id 2)
register w3 >/dev/null
call submit "$r" one '' '' 0 >/dev/null
read_entry w3 >/dev/null
said=$(lose w3)
is 'what was read but not taken is given back' \
	"$(query '.workers[0].returned' <<<"$said")" 1
is 'without counting anything' \
	"$(field "$r" step:a | cut -d ' ' -f 1-3)" 'ready 0 0'

call submit "$(run_id 9)" one '' '' 0 >/dev/null
redis XREADGROUP GROUP workers w3 STREAMS "$P:queue:q" '>' >/dev/null
said=$(call reclaim c1 1000 100)
is 'what Redis gave to a lost one afterwards is found as well' \
	"$(query '.workers[0].returned' <<<"$said")" 2
for lost in w1 w2 w3; do redis ZADD "$P:lost" 1 $lost; done >/dev/null
is 'when no read can last any more it is forgotten' \
	"$(call reclaim c1 1000 100 | query '.workers | length')$(
	redis EXISTS "$P:worker:w3" "$P:lost")" 00
is 'and no consumer is left behind' \
	"$(redis XINFO CONSUMERS "$P:queue:q" | grep -c w3)" 0
call cancel "$(run_id 9)" '' >/dev/null

register w4 >/dev/null
take w4
like 'a worker that holds something cannot leave' "$(call leave w4 2>&1)" \
	'^CONFLICT '
is 'a release hands it back' "$(call release w4 q "$ENTRY" "$r" a)" COMMITTED
is 'and counts nothing' "$(field "$r" step:a | cut -d ' ' -f 1-3)" 'ready 0 0'
is 'a second release finds nothing' \
	"$(call release w4 q "$ENTRY" "$r" a)" FENCED
is 'then it can leave' "$(call leave w4)" OK
is 'and is gone' "$(redis EXISTS "$P:worker:w4")" 0

register w5 >/dev/null
is 'a live worker is left alone' \
	"$(call reclaim c1 1000 100 | query '.workers | length')" 0
redis ZADD "$P:workers" 99999999999999 w5 >/dev/null
call reclaim c1 1000 100 >/dev/null
ok 'a lease from before the clock went back is shortened' \
	[ "$(redis ZSCORE "$P:workers" w5)" -lt 99999999999999 ]

# Which of two has ended their worker? At their limit (1) they are parted.
call cancel "$r" '' >/dev/null
r=$(run_id 5) s=$(run_id 6)
register w6 >/dev/null
call submit "$r" one '' '' 0 "$s" one '' '' 0 >/dev/null
take w6
take w6
lose w6 >/dev/null
register w7 >/dev/null
take w7
is 'one of two suspects is begun' "$(state_of "$r" a)" running
read -r ENTRY2 _ < <(read_entry w7)
is 'the other is not, by the same worker' \
	"$(call take w7 q "$ENTRY2" "$s" a | sed -n 2p)" DROPPED
is 'it waits, and nothing is counted' \
	"$(field "$s" step:a | cut -d ' ' -f 1-3)" 'delayed 0 1'
is 'its entry is gone' "$(redis XLEN "$P:queue:q")" 1
is 'what was begun before its answer was lost goes on' \
	"$(call take w7 q "$ENTRY" "$r" a | sed -n 3p)" '1 0 1 0 2'
redis ZADD "$P:delayed" 1 "$s/a" >/dev/null
call promote c1 1000 100 >/dev/null
lose w7 >/dev/null
is 'the next loss is that of the first alone' \
	"$(state_of "$r" a) $(state_of "$s" a)" 'dead ready'
register w8 >/dev/null
take w8
is 'and clears the other' "$RUN $(complete w8)" "$s COMMITTED"
is 'counters arrive with a beat' "$(call heartbeat w5 15000 1 took:exec:5 3 \
	| head -n 1; redis HGET "$P:counters" took:exec:5)" $'LIVE\n3'

# A worker that was forgotten while it stood still reads once more, and dies.
r=$(run_id 77)
call submit "$r" one '' '' 0 >/dev/null
redis XGROUP CREATECONSUMER "$P:queue:q" workers w10 >/dev/null
read_entry w9 >/dev/null
call reclaim c1 1000 100 >/dev/null
is 'nobody knows who holds it' "$(pending_of w9)" 1
call sweep c1 1000 100 3600000 1000 >/dev/null
is 'a sweep finds it' "$(redis HEXISTS "$P:worker:w9" lost)" 1
is 'and forgets a reader that holds nothing' "$(redis XINFO CONSUMERS \
	"$P:queue:q" workers | grep -c w10)" 0
call reclaim c1 1000 100 >/dev/null
is 'then it is put back' "$(pending_of w9) $(state_of "$r" a)" '0 ready'

r=$(run_id 77)
register w77 >/dev/null
call submit "$r" one '' '' 0 >/dev/null
take w77
lose w77 >/dev/null
register w78 >/dev/null
take w78
is 'who has the entry by rights that were rolled back is fenced' \
	"$(complete w2)" FENCED
is 'also when failing' "$(fail_step w2 -1)" FENCED
is 'unlike its holder' "$(complete w78)" COMMITTED


# The clock went back by years after this one was lost.
register w99 >/dev/null
redis ZREM "$P:workers" w99 >/dev/null
redis ZADD "$P:lost" 99999999999999 w99 >/dev/null
call reclaim c1 1000 100 >/dev/null
ok 'who is lost is forgotten in seconds, not when the clock has caught up' \
	[ "$(redis ZSCORE "$P:lost" w99)" -lt 99999999999999 ]
done_testing
