#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps that are skipped, that may fail, and that handle the failures of others.
. "$(dirname "$0")/lib.sh"

start_library
# branch NAME ROOTS STEPS [MEMBER...]: a graph with branches.
branch() {
	local name=$1 roots=$2 steps=$3 graph
	shift 3
	graph=$(graph "$(jq -n "{$steps} | length")" "$roots" "$steps")
	define "$name" "$(jq -c ". + {branches: true$(printf ', %s' "$@")}" \
		<<<"$graph")" >/dev/null
}
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }

# a; b and c need it, d both of them, e b alone; f is behind e.
branch fork '["a"]' "$(printf '"%s":%s,' \
	a "$(step '[]' '["b","c"]')" b "$(step '["a"]' '["d","e"]')" \
	c "$(step '["a"]' '["d"]')" d "$(step '["b","c"]' '[]')" \
	e "$(step '["b"]' '["f"]')")\"f\":$(step '["e"]' '[]')" 'x: 1'
begin() { # N DEFINITION: a run; its first step is taken by w1
	r=$(run_id "$1")
	call submit "$r" "$2" in '' 0 >/dev/null
	take "${worker:-w1}"
}
skip() { complete "$1" '' skip; }
records() { # STEP...
	local name
	for name in "$@"; do printf '%s ' "$(state_of "$r" "$name")"; done
}
counter() { redis HGET "$P:counters" "$1"; }
register w1 >/dev/null

begin 1 fork
complete w1 >/dev/null
take w1
is 'b is taken' "$STEP" b
is 'its condition does not hold' "$(skip w1)" COMMITTED
is 'what needs it alone is skipped too, and what is behind that' \
	"$(records b e f)" 'skipped skipped skipped '
is 'what needs another as well waits' "$(field "$r" step:d)" 'waiting 1'
is 'a step that was skipped has no output' \
	"$(redis HEXISTS "$P:out:$r" b)" 0
is 'nothing of it is left in the queue' "$(redis XLEN "$P:queue:q")" 1
is 'said again, it is known' "$(skip w1)" DUPLICATE
is 'but not as a result' "$(complete w1 y)" FENCED
is 'three are settled so' "$(counter steps_skipped)" 3
is 'and two are left' "$(field "$r" state)" 'running 2'
take w1
complete w1 >/dev/null
is 'one need that is done is enough' "$(state_of "$r" d)" ready
take w1
complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'

begin 2 fork
complete w1 >/dev/null
take w1
complete w1 >/dev/null
take w1
is 'the other way round' "$STEP $(skip w1)" 'c COMMITTED'
is 'it waits no longer' "$(records d e)" 'ready ready '
take w1; skip w1 >/dev/null
take w1; skip w1 >/dev/null
is 'the last may be skipped as well' "$(field "$r" state)" 'done 0'

begin 3 fork
complete w1 >/dev/null
take w1; skip w1 >/dev/null
take w1; skip w1 >/dev/null
is 'where no need has passed, nothing begins' "$(records d e f)" \
	'skipped skipped skipped '
is 'and the run is done' "$(field "$r" state)" 'done 0'

# An heir whose condition does not hold leaves the entry to nobody.
branch heirs '["a"]' "\"a\":$(step '[]' '["b"]'),\"b\":$(step '["a"]' \
	'["c"]'),\"c\":$(step '["b"]' '[]')" 'x: 1'
begin 4 heirs
is 'an heir' "$(complete w1 one 1 | sed -n 1p)" 'COMMITTED b'
STEP=b ATTEMPT=1
is 'is skipped' "$(skip w1) $(records b c)" 'COMMITTED skipped skipped '
is 'its entry is gone' "$(redis XLEN "$P:queue:q")" 0
is 'and its run is done' "$(field "$r" state)" 'done 0'

# b may fail.
branch tolerant '["a"]' "$(printf '"%s":%s,' \
	a "$(step '[]' '["b"]')" \
	b "$(with 'tolerates: true' "$(step '["a"]' '["c"]')")")\"c\":$(step \
	'["b"]' '[]' '["b",".error:b"]')" 'x: 1'
begin 5 tolerant
complete w1 >/dev/null
take w1
is 'a failure that is tolerated' "$(fail_step w1 -1 rejected)" COMMITTED
is 'settles the step' "$(records b c)" 'failed ready '
is 'and leaves no dead letter' "$(redis XLEN "$P:dead") $(counter tolerated)" \
	'0 1'
is 'said again, it is known' "$(fail_step w1 -1 rejected)" DUPLICATE
take w1
like 'what is behind it can read why' "$TAKEN" 'rejected'
complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'
call retry "$r" b >/dev/null
is 'the step can be run again' "$(records b c)" 'ready waiting '
is 'what is known of its failure is forgotten' \
	"$(redis HEXISTS "$P:out:$r" .error:b)" 0
take w1; complete w1 >/dev/null
take w1; complete w1 >/dev/null
is 'and ends well' "$(field "$r" state) $(records b c)" \
	'done 0 done done '

register w2 >/dev/null
begin 6 tolerant
complete w1 >/dev/null
lose() { # WORKER: its lease has run out
	redis ZADD "$P:workers" 1 "$1" >/dev/null
	call reclaim c1 1000 100 >/dev/null
}
take w1
lose w1
take w2
lose w2
register w3 >/dev/null
worker=w3
is 'so is the loss of its workers' "$(state_of "$r" b)" failed
take w3; complete w3 >/dev/null

# b's failures have handlers: c for timeouts, d for all others; e is behind.
branch handled '["a"]' "$(printf '"%s":%s,' \
	a "$(step '[]' '["b"]')" \
	b "$(with 'catches: [{classes: ["timeout"], step: "c"}, {step: "d"}]' \
		"$(step '["a"]' '["c","d","e","f"]')")" \
	c "$(with 'handles: "b"' "$(step '["b"]' '["e"]')")" \
	d "$(with 'handles: "b"' "$(step '["b"]' '["e"]')")" \
	e "$(step '["b","c","d"]' '[]')")\"f\":$(step '["b"]' '[]')" 'x: 1'
begin 7 handled
complete w3 >/dev/null
take w3
fail_step w3 -1 timeout >/dev/null
is 'the class decides who handles a failure' "$(records b c d)" \
	'failed ready skipped '
is 'others take it as skipped' "$(records f)" 'skipped '
is 'the rest waits for the handler' "$(field "$r" step:e)" 'waiting 1'
take w3; complete w3 >/dev/null
take w3
is 'and goes on with it' "$STEP $(complete w3)" 'e COMMITTED'
is 'the run is done' "$(field "$r" state)" 'done 0'

begin 8 handled
complete w3 >/dev/null
take w3
fail_step w3 -1 error >/dev/null
is 'a clause without classes is for all' "$(records b c d)" \
	'failed skipped ready '
take w3; complete w3 >/dev/null
take w3; complete w3 >/dev/null

begin 9 handled
complete w3 >/dev/null
take w3
complete w3 >/dev/null
is 'nothing to handle: handlers are skipped' "$(records b c d e f)" \
	'done skipped skipped ready ready '
take w3; complete w3 >/dev/null
take w3; complete w3 >/dev/null
is 'and the run is done' "$(field "$r" state)" 'done 0'
call retry "$r" b >/dev/null
is 'a retry asks them anew' "$(records b c d e)" \
	'ready waiting waiting waiting '

# Who has completed a step goes on with what needs that very step.
branch beyond '["a","z"]' "$(printf '"%s":%s,' \
	a "$(with 'catches: [{step: "b"}]' "$(step '[]' '["b"]')")" \
	b "$(with 'handles: "a"' "$(step '["a"]' '["c"]')")" \
	c "$(step '["b","z"]' '[]')")\"z\":$(step '[]' '["c"]')" 'x: 1'
call cancel "$r" enough >/dev/null
begin 11 beyond
of_a=$ENTRY
take w3; complete w3 >/dev/null
ENTRY=$of_a STEP=a
is 'not with what is behind one that it has skipped' \
	"$(complete w3 x 1) $(records b c)" 'COMMITTED skipped ready '
take w3; complete w3 >/dev/null

# What a step leads to when it ends after its run has failed is decided by the
# retry: a is handled by b, c is behind both, d is behind e; w fails.
branch late '["a","e","w"]' "$(printf '"%s":%s,' \
	a "$(with 'catches: [{step: "b"}]' "$(step '[]' '["b","c"]')")" \
	b "$(with 'handles: "a"' "$(step '["a"]' '["c"]')")" \
	c "$(step '["a","b"]' '[]')" \
	d "$(step '["e"]' '[]')" e "$(step '[]' '["d"]')")\"w\":$(step '[]' \
	'[]')" 'x: 1'
begin 10 late
of_a=$ENTRY
take w3
of_e=$ENTRY
take w3
fail_step w3 -1 rejected >/dev/null
ENTRY=$of_a STEP=a; complete w3 >/dev/null
ENTRY=$of_e STEP=e; skip w3 >/dev/null
is 'in a run that has failed nothing follows' "$(records a b c d e)" \
	'done    skipped '
is 'a retry' "$(call retry "$r" | query '.steps | join(" ")')" 'b c d w'
is 'begins what is asked for, and skips the rest' "$(records b c d w)" \
	'skipped ready skipped ready '
take w3; complete w3 >/dev/null
take w3; complete w3 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'
call retry "$r" b >/dev/null
is 'an operator may ask for one all the same' "$(records b c)" 'ready waiting '
done_testing
