#!/bin/bash
# SPDX-License-Identifier: MIT
# A step waits for a run of its own; what becomes of that becomes of it.
. "$(dirname "$0")/lib.sh"

start_library
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }
# performing DIGEST STEP: one that performs it.
performing() { with "definition: \"$1\", kind: \"workflow\"" "$2"; }
named() { jq -c ".name = \"$1\" | .performs = [\"x\"]"; }
last() { graph 2 '["a"]' "\"a\":$(step '[]' '["output"]'),\"output\":$(step '["a"]' '[]')"; }
define leaf "$(last)" >/dev/null
# p performs leaf, and q goes behind it; w runs beside.
define top "$(graph 3 '["p","w"]' "$(printf '"p":%s,"q":%s,"w":%s' \
	"$(performing leaf "$(step '[]' '["q"]' '[]' 3)")" \
	"$(step '["p"]' '[]' '["p"]')" "$(step '[]' '[]')")" | named top)" >/dev/null
register w1 >/dev/null

# begin N: a run of top; its p is taken.
begin() {
	r=$(run_id "$1") c=$(run_id "$((50 + $1))")
	redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null # what others have left
	call submit "$r" top '' '' 0 >/dev/null
	take_step p
	of_p=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
}
# take_step STEP: takes entries until one is of that step; others go back behind.
take_step() {
	local tries
	for tries in {1..20}; do
		take w1
		[ "$STEP" != "$1" ] || return 0
		call release w1 q "$ENTRY" "$RUN" "$STEP" >/dev/null
	done
	fail "there is no step $1 to take"
}
spawn() { # CHILD [INPUT [DEADLINE_MS]]
	call spawn w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "$1" "${2-in}" "${3:-0}"
}
record() { field "$1" "step:$2" | cut -d ' ' -f 1-3; } # RUN STEP
do_child() { # of the run that was begun: all of it
	take_step a; complete w1 >/dev/null
	take_step output; complete w1 "${1:-result}" >/dev/null
}
listed() { redis HGET "$P:children" "$1"; }
kept() { redis ZSCORE "$P:finished" "$1"; }
counter() { redis HGET "$P:counters" "$1"; }
memo() { # RUN STEP: what its child has left, "CLASS: DETAIL"
	redis EVAL 'return cjson.encode(cmsgpack.unpack(redis.call("HGET",
		KEYS[1], ARGV[1])))' 1 "$P:out:$1" ".memo:$2" |
		query '"\(.class): \(.detail)"'
}

# --- it is done ----------------------------------------------------------------

begin 1
is 'the step is parked' "$(spawn "$c") $(record "$r" p)" 'COMMITTED parked 1 0'
is 'said again' "$(spawn "$c")" DUPLICATE
is 'it is in no queue, nothing is due' "$(redis XLEN "$P:queue:q"),$(redis XPENDING \
	"$P:queue:q" workers | head -n 1),$(redis EXISTS "$P:delayed")" '2,0,0'
is 'its run runs, and says whose it is' "$(field "$c" state) $(field "$c" parent)" \
	"running 2 $r/p"
is 'it is listed' "$(listed "$c")" "$r/p"
is 'the step says for what it waits' "$(field "$r" waits:p)" "{\"child\":\"$c\"}"
is 'and shows it' "$(call status "$r" | query '.steps[] | select(.step == "p") |
	.child | "\(.run) \(.state) \(.left)/\(.total)"')" "$c running 2/2"
is 'its input is that of the run' "$(call status "$c" | query .parent)" "$r/p"
like 'who is parked can not be ended' "$(complete w1)" FENCED
do_child
is 'the end of the run is that of the step' "$(record "$r" p)" 'done 1 0'
is 'its output, too' "$(redis HGET "$P:out:$r" p)" result
is 'what is behind begins' "$(record "$r" q)" 'ready 0 0'
is 'nobody is waited for' "$(listed "$c"),$(field "$r" waits:p)" ,
is 'the run is kept with its parent' "$(kept "$c"),$(field "$c" state)" ',done 0'
take_step w; complete w1 >/dev/null
take_step q; complete w1 >/dev/null
is 'the parent is done' "$(field "$r" state)" 'done 0'
is 'and goes as any run' "$(kept "$r")" "$(field "$r" finished_at)"
call sweep k1 1000 100 999999999 0 >/dev/null
is 'when it goes, its child may go' "$(redis EXISTS "$P:run:$r") $(kept "$c")" \
	"0 $(field "$c" finished_at)"
call sweep k1 1000 100 999999999 0 >/dev/null
is 'and does' "$(redis EXISTS "$P:run:$c")" 0
is 'one child was counted' "$(counter children)" 1

# --- it fails --------------------------------------------------------------------

begin 2
spawn "$c" >/dev/null
take_step a
fail_step w1 -1 throttled >/dev/null
is 'a child that fails makes the step ready' "$(record "$r" p)" 'ready 0 0'
like 'with a word of why' "$(memo "$r" p)" \
	"^throttled: run $c failed at step a: it broke"
take_step p
is 'the attempt is the same one' "$ATTEMPT" 1
is 'it is failed by policy' "$(fail_step w1 0 throttled) $(record "$r" p)" \
	'COMMITTED delayed 1 0'
call promote k1 1000 100 >/dev/null
take_step p
is 'the next attempt' "$ATTEMPT $(spawn "$(run_id 92)") $(record "$r" p)" \
	'2 COMMITTED parked 2 0'
is 'has the child go on' "$(field "$r" child:p) $(field "$c" state) $(listed "$c")" \
	"$c running 2 again $r/p"
is 'there is no other' "$(redis EXISTS "$P:run:$(run_id 92)")" 0
do_child second
is 'which may do' "$(record "$r" p) $(redis HGET "$P:out:$r" p)" 'done 2 0 second'

begin 3
spawn "$c" >/dev/null
take_step a; complete w1 >/dev/null
take_step output
fail_step w1 -1 rejected >/dev/null
take_step p
fail_step w1 -1 rejected >/dev/null
is 'it is dead with its child' "$(field "$r" state) $(call dead '' 10 '' '' '' '' "$r" |
	query '[.dead[] | "\(.run) \(.step)"] | sort | join(" ")')" \
	"failed 3 $r p $c output"
call retry "$r" >/dev/null
take_step p
spawn "$(run_id 93)" >/dev/null
is 'a retry has the child go on where it failed' "$(record "$c" a) $(record "$c" output)" \
	'done 1 0 ready 1 0'
take_step output
is 'tried once more' "$ATTEMPT $(complete w1 | tail -n 1) $(record "$r" p)" \
	'2 COMMITTED done 2 0'
call retry "$r" p >/dev/null 2>&1
like 'while it runs it is not tried' "$(call retry "$r" p 2>&1)" CONFLICT
take_step w; complete w1 >/dev/null
take_step q; complete w1 >/dev/null
call retry "$r" p >/dev/null
is 'from a step on that was done it is another child' "$(field "$r" child:p)" ''
is 'the old one goes with time' "$(kept "$c")" "$(field "$c" finished_at)"
take_step p
spawn "$(run_id 94)" >/dev/null
is 'new' "$(field "$r" child:p)" "$(run_id 94)"
call cancel "$r" >/dev/null

begin 4
spawn "$c" first >/dev/null
take_step a
fail_step w1 -1 rejected >/dev/null
take_step p
fail_step w1 -1 rejected >/dev/null
call retry "$r" >/dev/null
take_step p
spawn "$(run_id 95)" second >/dev/null
is 'with another input it is another child' "$(field "$r" child:p)" "$(run_id 95)"
call cancel "$r" enough >/dev/null

# --- it is ended -----------------------------------------------------------------

is 'a parent that is cancelled' "$(record "$r" p)" 'cancelled 2 0'
is 'has its child end soon' "$(field "$(run_id 95)" revoked)" "$r/p"
call promote k1 1000 100 >/dev/null
is 'a coordinator sees to it' "$(field "$(run_id 95)" state)" 'cancelled 2'
is 'it says why' "$(field "$(run_id 95)" reason | query .detail)" \
	"with $r/p, which performed it"
is 'it is listed no more' "$(listed "$(run_id 95)")" ''
begin 11
spawn "$c" >/dev/null
call cancel "$r" >/dev/null
call retry "$r" >/dev/null
take_step p
spawn "$(run_id 96)" >/dev/null
is 'a parent that is retried before that takes its child up again' "$(field "$r" child:p)" "$c"
call promote k1 1000 100 >/dev/null
is 'which goes on' "$(field "$c" state | cut -d " " -f 1)" running
is 'and is to end no more' "$(field "$c" revoked)$(redis ZSCORE "$P:delayed" "$c/")" ''
call cancel "$r" >/dev/null
call promote k1 1000 100 >/dev/null
is 'until its parent is cancelled again' "$(field "$c" state | cut -d " " -f 1)" cancelled
begin 5
spawn "$c" >/dev/null
call cancel "$c" by-hand >/dev/null
is 'a child that is cancelled' "$(record "$r" p)" 'ready 0 0'
like 'is a failure of the step' "$(memo "$r" p)" "^rejected: run $c was cancelled: by-hand"
call cancel "$r" >/dev/null
begin 6
spawn "$c" in 5 >/dev/null
like 'a step may bound its child' "$(redis ZSCORE "$P:delayed" "$c/")" '^[0-9]{13}$'
redis ZADD "$P:delayed" 1 "$c/" >/dev/null
call promote k1 1000 100 >/dev/null
is 'which fails then' "$(field "$c" state | cut -d ' ' -f 1)" failed
like 'the step has timed out' "$(memo "$r" p)" '^timeout: .*exceeded its deadline'
call cancel "$r" >/dev/null

# --- others fail meanwhile --------------------------------------------------------

begin 7
spawn "$c" >/dev/null
take_step w
fail_step w1 -1 rejected >/dev/null
is 'a parent that fails leaves what it waits for' \
	"$(field "$r" state),$(record "$r" p),$(field "$c" state)" \
	'failed 3,parked 1 0,running 2'
do_child late
is 'its result is kept for a retry' "$(field "$r" state),$(record "$r" p)" \
	'failed 2,done 1 0'
is 'nothing begins' "$(record "$r" q)" ''
call retry "$r" >/dev/null
is 'a retry goes on behind it' "$(record "$r" q)" 'ready 0 0'
call cancel "$r" >/dev/null

begin 8
call cancel "$r" >/dev/null
is 'who comes too late parks nothing' "$(spawn "$c")$(redis EXISTS "$P:run:$c")" \
	CANCELLED0

# --- an operator has the child tried again, by itself ------------------------------

begin 9
spawn "$c" >/dev/null
take_step a; fail_step w1 -1 rejected >/dev/null
take_step p; fail_step w1 -1 rejected >/dev/null
call retry "$c" >/dev/null
is 'a child that runs again is listed' "$(listed "$c")" "$r/p"
do_child mended
is 'its parent has not waited' "$(record "$r" p)" 'dead 1 0'
call retry "$r" >/dev/null
take_step p
spawn "$(run_id 96)" >/dev/null
is 'a retry takes what it has' "$(record "$r" p) $(redis HGET "$P:out:$r" p)" \
	'done 2 0 mended'
call cancel "$r" >/dev/null
is 'forgotten with its parent' "$(call forget "$r" >/dev/null
	redis EXISTS "$P:run:$r" "$P:run:$c")" 0

# --- three levels ------------------------------------------------------------------

define mid "$(graph 1 '["output"]' "\"output\":$(performing leaf "$(step '[]' '[]')")" |
	named mid)" >/dev/null
define high "$(graph 1 '["output"]' "\"output\":$(performing mid "$(step '[]' '[]')")" |
	named high)" >/dev/null
is 'levels are counted' "$(for d in leaf mid high; do redis HGET "$P:def:$d" levels; done |
	xargs)" '1 2 3'
is 'who is performed is used' "$(redis SMEMBERS "$P:callers:mid"),$(redis ZSCORE \
	"$P:definitions" mid)" high,
r=$(run_id 20)
redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null
call submit "$r" high '' '' 0 >/dev/null
take w1; spawn "$(run_id 21)" >/dev/null
take w1; spawn "$(run_id 22)" >/dev/null
do_child deep
is 'the end of the lowest ends all' "$(for i in 20 21 22; do field "$(run_id $i)" state; done |
	xargs) $(redis HGET "$P:out:$r" output)" 'done 0 done 0 done 0 deep'
is 'the upper one goes first' "$(redis ZSCORE "$P:finished" "$(run_id 21)")" ''
call forget "$r" >/dev/null
is 'all are forgotten' "$(redis EXISTS "$P:run:$(run_id 21)" "$P:run:$(run_id 22)")" 0
call submit "$r" high '' '' 0 >/dev/null
take w1; spawn "$(run_id 21)" >/dev/null
take w1; spawn "$(run_id 22)" >/dev/null
call cancel "$r" >/dev/null
call promote k1 1000 100 >/dev/null
is 'a cancel goes down level by level' "$(field "$(run_id 21)" state)" 'cancelled 1'
call promote k1 1000 100 >/dev/null
is 'to the lowest' "$(field "$(run_id 22)" state)" 'cancelled 2'
call forget "$r" >/dev/null

# --- definitions -------------------------------------------------------------------

below=high
for i in 4 5 6 7 8; do
	define l$i "$(graph 1 '["a"]' "\"a\":$(performing $below "$(step '[]' '[]')")" |
		named l$i)" >/dev/null
	below=l$i
done
is 'eight levels will do' "$(redis HGET "$P:def:l8" levels)" 8
like 'nine are refused' "$(define l9 "$(graph 1 '["a"]' "\"a\":$(performing l8 \
	"$(step '[]' '[]')")" | named l9)" 2>&1)" '^INPUT workflow l9 .* 9 levels'
like 'what is not there is not performed' "$(define l9 "$(graph 1 '["a"]' \
	"\"a\":$(performing none "$(step '[]' '[]')")" | named l9)" 2>&1)" '^ABSENT '
is 'nor stored' "$(redis EXISTS "$P:def:l9")" 0
define loose "$(graph 1 '["a"]' "\"a\":$(with 'kind: "workflow"' "$(step '[]' '[]')")" |
	jq -c '. + {performs: ["x"], unlinked: true}')" >/dev/null
like 'what is not linked is not run' "$(call submit "$(run_id 30)" loose '' '' 0 2>&1)" \
	'^CONFLICT workflow flow names'
sweep() {
	local digest
	for digest in $(redis ZRANGE "$P:definitions" 0 -1); do
		redis ZADD "$P:definitions" 1 "$digest" >/dev/null
	done
	call sweep k1 1000 100 999999999 999999 >/dev/null
}
for i in 1 2 3 4 5; do sweep; done
is 'a level goes at a time' "$(for d in l8 l7 l6 l5 l4 high mid; do
	redis EXISTS "$P:def:$d"; done | xargs)" '0 0 0 0 0 1 1'
for i in 1 2; do sweep; done
is 'until nobody performs it' "$(redis EXISTS "$P:def:high" "$P:def:mid" \
	"$P:callers:mid" "$P:callers:leaf" "$P:def:top")" '2'

# --- damage ------------------------------------------------------------------------

define top "$(graph 3 '["p","w"]' "$(printf '"p":%s,"q":%s,"w":%s' \
	"$(performing leaf "$(step '[]' '["q"]')")" \
	"$(step '["p"]' '[]' '["p"]')" "$(step '[]' '[]')")" | named top)" >/dev/null
redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null
begin 0
spawn "$c" >/dev/null
left_alone 'a step that waits for a run' step "$r" p
left_alone 'that run' run "$c"
left_alone 'one that is listed' child "$c"
redis HDEL "$P:children" "$c" >/dev/null
repaired 'a child that is not listed' run "$c"
is 'is' "$(listed "$c")" "$r/p"
redis HSET "$P:children" "$(run_id 98)" "$r/p" >/dev/null
repaired 'one that is not there' child "$(run_id 98)"
redis HDEL "$P:children" "$c" >/dev/null
do_child unheard
is 'an end that nobody was told' "$(record "$r" p)" 'parked 1 0'
repaired 'is told' step "$r" p
is 'and settles the step' "$(record "$r" p) $(redis HGET "$P:out:$r" p)" 'done 1 0 unheard'
redis ZREM "$P:finished" "$c" >/dev/null
left_alone 'a run that its parent keeps' run "$c"
redis ZADD "$P:finished" 1 "$c" >/dev/null
repaired 'one that is kept, but listed' run "$c"
call cancel "$r" >/dev/null
begin 1
spawn "$c" >/dev/null
redis DEL "$P:run:$c" >/dev/null
redis HDEL "$P:children" "$c" >/dev/null
repaired 'a child that is gone' step "$r" p
is 'is made anew' "$(record "$r" p),$(field "$r" child:p)" 'ready 0 0,'
left_alone 'who performs whom' caller leaf top
redis SREM "$P:callers:leaf" top >/dev/null
repaired 'one that is not listed' caller leaf top
redis SADD "$P:callers:leaf" nobody >/dev/null
repaired 'one that is not there' caller leaf nobody
done_testing
