#!/bin/bash
# SPDX-License-Identifier: MIT
# Heirs: a worker that completes a step goes on with its successor at once,
# under the same entry; and what becomes of that entry.
. "$(dirname "$0")/lib.sh"

start_library
define_all
lose() { # WORKER: its lease has run out
	redis ZADD "$P:workers" 1 "$1" >/dev/null
	call reclaim c1 1000 100
}
pending() { redis XPENDING "$P:queue:q" workers | head -n 1; }
lines() { tr '\n' ' ' <<<"$1" | sed 's/ *$//'; }
start() { # N WORKER: a run of the chain, whose first step the worker takes
	RUN_HERE=$(run_id "$1")
	call submit "$RUN_HERE" chain in '' 0 >/dev/null
	take "$2"
}
# What the library knows about memory is a tenth of a second old at most.
bound_memory() { # BYTES
	redis CONFIG SET maxmemory 0 >/dev/null
	redis SET test:moment 1 PX 150 >/dev/null
	redis CONFIG SET maxmemory "$1" >/dev/null
	wait_until '[ "$(redis PTTL test:moment)" = -2 ]'
}
for w in w1 w2 w3 w4 w5 w6; do register $w >/dev/null; done

start 1 w1
r=$RUN_HERE
said=$(complete w1 one 1)
is 'the answer names the heir' "$(sed -n 1p <<<"$said")" 'COMMITTED b'
is 'and is that of take' "$(sed -n '2,3p' <<<"$said")" $'chain\n1 0 0 0 3'
is 'with what it reads' "$(sed -n 6p <<<"$said")" one
is 'it runs under the same entry' \
	"$(field "$r" step:b | cut -d ' ' -f 1-5)" "running 1 0 $ENTRY w1"
is 'which stays pending' "$(pending) $(redis XLEN "$P:queue:q")" '1 1'
is 'the attempt is counted' "$(redis HGET "$P:counters" attempts)" 2
is 'a repeat, after a lost reply, names it again' \
	"$(complete w1 one 1 | sed -n 1,3p)" $'DUPLICATE b\nchain\n1 0 0 0 3'
is 'nobody else hears of it' "$(complete w2 one 1)" DUPLICATE
is 'nor one that does not ask' "$(complete w1 one 0)" DUPLICATE
is 'and it is begun once' "$(redis HGET "$P:counters" attempts)" 2
STEP=b
is 'its end ends the run' "$(lines "$(complete w1 two 1; field "$r" state)")" \
	'COMMITTED done 0'
is 'and frees the entry' "$(pending) $(redis XLEN "$P:queue:q")" '0 0'

start 2 w1
complete w1 one 1 >/dev/null
said=$(lose w1)
is 'an heir is recovered like any step' \
	"$(query '.workers[0].recovered' <<<"$said")" 1
is 'under an entry of its own' \
	"$(field "$RUN_HERE" step:b | cut -d ' ' -f 1-3)" 'ready 0 1'
is 'what is done stays done' "$(state_of "$RUN_HERE" a)" done
is 'the old entry is gone' "$(redis XLEN "$P:queue:q") $(pending)" '1 0'
is 'its old worker hears of no heir' "$(complete w1 one 1)" DUPLICATE
STEP=b
is 'and is fenced' "$(complete w1 two)" FENCED
take w2
is 'it is its own step now' "$STEP,$(complete w2 two)" b,COMMITTED

start 3 w5
redis ZADD "$P:workers" 1 w5 >/dev/null
redis HSET "$P:worker:w5" lost 1 >/dev/null
is 'a lost worker gets none' "$(complete w5 one 1)" COMMITTED
is 'its successor is queued' "$(state_of "$RUN_HERE" b)" ready
take w2
complete w2 >/dev/null

start 4 w6
call pause q >/dev/null
is 'nor one whose queue is paused' "$(complete w6 one 1)" COMMITTED
call resume q >/dev/null
take w2
complete w2 >/dev/null

start 5 w6
bound_memory 1
is 'nor one while memory is full' "$(complete w6 one 1)" COMMITTED
bound_memory 0
call cancel "$RUN_HERE" >/dev/null

start 12 w6
complete w6 one 1 >/dev/null
is 'an heir may be released' \
	"$(call release w6 q "$ENTRY" "$RUN_HERE" b)" COMMITTED
is 'and is ready again' \
	"$(field "$RUN_HERE" step:b | cut -d ' ' -f 1-3)" 'ready 0 0'
take w2
complete w2 >/dev/null

start 6 w6
complete w6 one 1 >/dev/null
is 'who takes an entry anew has forgotten its heir' \
	"$(call take w6 q "$ENTRY" "$RUN_HERE" a | sed -n 2p)" DROPPED
is 'which is ready again then' \
	"$(field "$RUN_HERE" step:b | cut -d ' ' -f 1-3)" 'ready 0 0'
take w2
complete w2 >/dev/null

start 7 w6
complete w6 one 1 >/dev/null
STEP=b ATTEMPT=1
fail_step w6 0 >/dev/null
is 'an heir may fail' "$(state_of "$RUN_HERE" b) $(pending)" 'delayed 0'
call cancel "$RUN_HERE" >/dev/null

start 8 w6
complete w6 one 1 >/dev/null
call cancel "$RUN_HERE" >/dev/null
is 'an heir may be cancelled' "$(state_of "$RUN_HERE" b) $(pending)" \
	'cancelled 0'
is 'its worker is told by the entry' "$(redis ZRANGE "$P:stop:w6" -1 -1)" \
	"$ENTRY"
is 'what has ended so has no heir' "$(complete w6 one 1)" DUPLICATE

r=$(run_id 9)
call submit "$r" diamond '' '' 0 >/dev/null
take w6
is 'of several, the first is the heir' "$(complete w6 x 1 | sed -n 1p)" 'COMMITTED b'
is 'the others are queued' "$(state_of "$r" b) $(state_of "$r" c)" \
	'running ready'
STEP=b
is 'a join that waits is no heir' "$(complete w6 x 1)" COMMITTED
take w2
is 'a join whose last need is done is one' \
	"$(complete w2 x 1 | sed -n 1p) $(state_of "$r" d)" \
	'COMMITTED d running'
STEP=d
complete w2 x 1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'

# A long chain under one entry: who has lost it is found through all of it.
step_of() { # KIND NEXT NEEDS
	step "$3" "$2" | sed "s/\"exec\"/\"$1\"/"
}
define long "$(graph 4 '["a"]' "$(printf '%s,%s,%s,%s' \
	"\"a\":$(step_of pass '["b"]' '[]')" \
	"\"b\":$(step_of pass '["c"]' '["a"]')" \
	"\"c\":$(step_of exec '["d"]' '["b"]')" \
	"\"d\":$(step_of exec '[]' '["c"]')")")" >/dev/null
r=$(run_id 10)
call submit "$r" long '' '' 0 >/dev/null
take w3
is 'one heir' "$(complete w3 x 1 | sed -n 1p)" 'COMMITTED b'
STEP=b
is 'exec is no heir of what had no exec slot' "$(complete w3 x 1)" COMMITTED
take w3
is 'but of exec' "$(complete w3 x 1 | sed -n 1p)" 'COMMITTED d'
lose w3 >/dev/null
is 'the last of them is recovered' \
	"$(field "$r" step:d | cut -d ' ' -f 1-3)" 'ready 0 1'
is 'once' "$(redis XLEN "$P:queue:q")" 1
take w4
complete w4 >/dev/null
is 'and finishes its run' "$(field "$r" state)" 'done 0'
r=$(run_id 11)
call submit "$r" long '' '' 0 >/dev/null
take w4
complete w4 x 1 >/dev/null
lose w4 >/dev/null
is 'an heir one step away' "$(field "$r" step:b | cut -d ' ' -f 1-3)" \
	'ready 0 1'
is 'the queue is clean' "$(pending) $(redis XLEN "$P:queue:q")" '0 1'

# An entry of another queue may have the same id, in the same millisecond.
define pair "$(graph 2 '["a"]' "\"a\":$(step '[]' '["b"]'),\"b\":$(
	step '["a"]' '[]' | sed s/\"q\"/\"other\"/)")"
r=$(run_id 77)
take w4
call submit "$r" pair '' '' 0 >/dev/null
register w9 >/dev/null
take w9
complete w9 x 1 >/dev/null
redis HSET "$P:run:$r" step:b "running 1 0 $ENTRY w9 1" >/dev/null
is 'what runs in another queue is nobody'"'"'s heir' \
	"$(complete w9 x 1)" DUPLICATE
done_testing
