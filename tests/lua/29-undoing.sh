#!/bin/bash
# SPDX-License-Identifier: MIT
# What was done is undone, the last first, in a run that failed or was cancelled.
. "$(dirname "$0")/lib.sh"

start_library
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }
# undo_of STEP [RECOVERIES]: what undoes it.
undo_of() {
	with 'when: "undo"' "$(step "[\"$1\"]" '[]' "[\"$1\",\".reason\"]" "${2:-1}")"
}
# a and b need nothing, c needs a, d needs b and c; z cleans up. a, b and c can
# be undone, c also where it was only begun.
define undo "$(jq -c '. + {branches: true, closing: ["z"], undo: {
	steps: ["a","b","c"], failed: true, cancelled: true}}' \
	<<<"$(graph 5 '["a","b"]' "$(printf '"%s":%s,' \
	a "$(with 'undo: "a.undo"' "$(step '[]' '["c"]')")" \
	b "$(with 'undo: "b.undo"' "$(step '[]' '["d"]')")" \
	c "$(with 'undo: "c.undo"' "$(step '["a"]' '["d"]')")" \
	d "$(step '["b","c"]' '["z"]')" \
	a.undo "$(undo_of a)" b.undo "$(undo_of b)" \
	c.undo "$(with 'unfinished: true' "$(undo_of c)")")\"z\":$(
	with 'when: "always"' "$(step '["d"]' '[]')")" 60000)")" >/dev/null
define failed "$(jq -c '. + {undo: {steps: ["a"], failed: true,
	cancelled: false}}' <<<"$(graph 2 '["a"]' "$(printf '"%s":%s,' \
	a "$(with 'undo: "a.undo"' "$(step '[]' '["b"]')")" \
	b "$(step '["a"]' '[]')")\"a.undo\":$(undo_of a)")")" >/dev/null

define rounds "$(jq -c '. + {undo: {steps: ["a"], failed: true,
	cancelled: true}}' <<<"$(graph 1 '["a"]' "$(printf '"%s":%s,' \
	a "$(with 'undo: "a.undo", rounds: 5' "$(step '[]' '[]')")")\"a.undo\":$(
	with 'unfinished: true' "$(undo_of a)")")")" >/dev/null

begin() { # N [DEFINITION]: a run, and a worker for each of its first steps
	x=x$1 y=y$1
	register $x >/dev/null
	register $y >/dev/null
	r=$(run_id "$1")
	call submit "$r" "${2:-undo}" in '' 0 >/dev/null
}
records() { # STEP...
	local name
	for name in "$@"; do printf '%s ' "$(state_of "$r" "$name")"; done
}
done_by() { take "$1"; complete "$1" "$STEP" >/dev/null; } # WORKER
do_next() { take $x; is "$2" "$STEP $(complete $x)" "$1 COMMITTED"; } # STEP WHAT
counter() { redis HGET "$P:counters" "$1"; }
key_of() { sed -n 3p <<<"$TAKEN"; } # attempt, before, recoveries, generation

begin 1
done_by $x
done_by $x
is 'the order is counted as steps are done' \
	"$(field "$r" undo:a) $(field "$r" undo:b)" '1 2'
done_by $x
is 'nothing undoes in a run that goes on' "$(records a.undo b.undo c.undo)" \
	'   '
take $x
fail_step $x -1 rejected >/dev/null
is 'a run that fails undoes' "$(field "$r" state)" 'running 3 undoing'
is 'the last that was done is the first' "$(records c.undo b.undo a.undo)" \
	'ready waiting waiting '
is 'the others are in line' "$(field "$r" step:b.undo) $(
	field "$r" step:a.undo)" 'waiting 2 waiting 3'
is 'it is running' "$(redis ZSCORE "$P:runs:running" "$r")" 0
take $x
is 'it is told what was done' "$(sed -n 6p <<<"$TAKEN")" c
like 'and why the run ended' "$TAKEN" 'rejected'
is 'it is tried again like any other' \
	"$(fail_step $x 0 error) $(records c.undo)" 'COMMITTED delayed '
call promote k1 1000 100 >/dev/null
take $x
is 'and again' "$STEP $ATTEMPT" 'c.undo 2'
redis ZADD "$P:workers" 1 $x >/dev/null
call reclaim c1 1000 100 >/dev/null
x=$y
take $x
is 'recovered when its worker is lost' "$(field "$r" step:c.undo |
	cut -d ' ' -f 1-3)" 'running 2 1'
is 'and committed' "$(complete $x)" COMMITTED
is 'then comes the next' "$(field "$r" state) $(records b.undo a.undo)" \
	'running 2 undoing ready waiting '
take $x
is 'one that fails for good' "$(fail_step $x -1 rejected) $(records b.undo)" \
	'COMMITTED dead '
is 'leaves a dead letter' "$(redis XLEN "$P:dead")" 2
is 'and does not stop the others' "$(field "$r" state)" 'running 1 undoing'
do_next a.undo 'the first is the last'
is 'then it cleans up' "$(field "$r" state)" 'running 1 cleaning'
do_next z 'once'
is 'and has failed' "$(field "$r" state),$(field "$r" closing)" 'failed 1,'
is 'for its first reason' "$(field "$r" reason | query .step)" d
is 'what is undone is counted' "$(counter undone)" 2

# What could not be undone comes first.
is 'a retry goes on undoing' "$(call retry "$r" | query '.steps | join(" ")')" \
	'b.undo z'
is 'what was not undone alone' "$(field "$r" state) $(
	records a.undo b.undo c.undo z)" \
	'running 1 again undoing done ready done waiting '
take $x
is 'with the same key' "$STEP $(key_of)" 'b.undo 2 1 0 0 4'
fail_step $x -1 rejected >/dev/null
do_next z 'it cleans up anew'
is 'and ends as it did' "$(field "$r" state)" 'failed 1 again'
call drop "$(field "$r" dead:b.undo)" >/dev/null
is 'when somebody has seen to it, a retry does all again' \
	"$(call retry "$r" | query '.steps | join(" ")')" 'a b c d z'
is 'nothing is left of the undoing' "$(redis HKEYS "$P:run:$r" |
	grep -c 'step:.*\.undo\|^undo:')" 0
is 'nor of what was undone' "$(redis EXISTS "$P:out:$r")" 0
take $x
is 'it has a new key' "$STEP $(key_of)" 'a 2 1 0 1 2'
complete $x >/dev/null
done_by $x; done_by $x
take $x
fail_step $x -1 rejected >/dev/null
take $x
is 'and so has its undoing' "$STEP $(key_of)" 'c.undo 3 2 0 1 4'
complete $x >/dev/null
take $x
is 'even one that had not succeeded' "$STEP $(key_of)" 'b.undo 3 2 0 1 4'
complete $x >/dev/null
do_next a.undo 'all is undone'
do_next z 'and clean'
is 'so a retry does it again' "$(call retry "$r" |
	query '.steps | join(" ")')" 'a b c d z'
for name in a b c d z; do done_by $x; done
is 'until it is well' "$(field "$r" state)" 'done 0'
is 'with outputs of steps alone' "$(redis HKEYS "$P:out:$r" | sort |
	tr '\n' ' ')" 'a b c d z '

# From a step: what it had yielded is not undone, what it will yield is.
like 'what undoes a step is none to begin at' "$(call retry "$r" a.undo)" \
	'ABSENT the workflow has no step a.undo'
is 'a retry from a step takes all behind it' "$(call retry "$r" a |
	query '.steps | join(" ")')" 'a c d z'
is 'and forgets when they were done' "$(field "$r" undo:a)$(
	field "$r" undo:c),$(redis HKEYS "$P:out:$r" | tr '\n' ' ')" ',b '
do_next a 'it'
take $x
fail_step $x -1 >/dev/null
is 'the order is that of the last time' "$(field "$r" state) $(records \
	c.undo a.undo b.undo)" 'running 3 again undoing ready waiting waiting '
do_next c.undo 'what was begun'
do_next a.undo 'what was done'
do_next b.undo 'and what was done long ago'
do_next z 'all is clean'

# What may end while the run drains is undone, too.
begin 2
take $x
of_a=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
take $y
fail_step $y -1 >/dev/null
is 'a run drains first' "$(field "$r" state)" 'running 1 draining'
ENTRY=${of_a[0]} RUN=${of_a[1]} STEP=${of_a[2]} ATTEMPT=${of_a[3]}
complete $x >/dev/null
is 'what was done meanwhile is undone' \
	"$(field "$r" state) $(records a.undo b.undo c.undo)" \
	'running 1 undoing ready   '
do_next a.undo 'it'
do_next z 'and all is clean'
is 'the run has failed' "$(field "$r" state)" 'failed 3'

# Cancelled in the middle of c, which may have had its effect.
begin 3
done_by $x
take $x
take $y
is 'a was done, b and c are running' "$(records a b c)" 'done running running '
is 'an operator cancels' "$(call cancel "$r" enough |
	query '"\(.state) \(.stopped)"')" 'running 2'
is 'a step that was only begun is undone where it says so' \
	"$(field "$r" state) $(records c.undo a.undo b.undo)" \
	'running 2 undoing ready waiting  '
take $x
is 'and has no output' "$(sed -n 6p <<<"$TAKEN")" ''
is 'cancelling once more ends it at once' "$(call cancel "$r" now |
	query .state) $(field "$r" state)" 'cancelled cancelled 4'
is 'nothing is left in the queue' "$(redis XLEN "$P:queue:q")" 0
is 'what was begun is cancelled' "$(records c.undo a.undo)" 'cancelled waiting '
is 'a late end is refused' "$(complete $x)" CANCELLED
is 'a retry keeps what nobody has begun to undo' "$(call retry "$r" |
	query '.steps | join(" ")')" 'b c d z'
is 'and forgets the line' "$(records a a.undo c.undo)" 'done   '
take $x
take $y
is 'what was nearly undone has a new key' "$STEP $(key_of)" 'c 2 1 0 1 2'
call cancel "$r" >/dev/null
call cancel "$r" >/dev/null

# The policy.
begin 4 failed
done_by $x
is 'an end that is not meant undoes nothing' "$(call cancel "$r" x |
	query .state) $(records a a.undo)" 'cancelled done  '
call retry "$r" >/dev/null
take $x
fail_step $x -1 >/dev/null
is 'one that is meant does' "$(field "$r" state)" 'running 1 again undoing'
call mend run "$r" >/dev/null
do_next a.undo 'it is undone'
is 'without steps that clean up it is over then' "$(field "$r" state)" \
	'failed 1 again'

# What is damaged goes on.
begin 5
done_by $x; done_by $x; done_by $x
take $x
fail_step $x -1 >/dev/null
redis HDEL "$P:run:$r" step:c.undo >/dev/null
redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null
repaired 'a run that lost what it undoes goes on with the next' run "$r"
is 'in line' "$(field "$r" state) $(records b.undo)" \
	'running 2 undoing ready '
left_alone 'nothing is made ready out of its turn' step "$r" a.undo
redis HSET "$P:run:$r" state 'running 7 undoing' >/dev/null
repaired 'they are counted anew' run "$r"
is 'as they are' "$(field "$r" state)" 'running 2 undoing'
status=$(call status "$r")
is 'status shows what is undone, in order' "$(query '[.steps[] |
	select(.undoes) | .undoes] | join(" ")' <<<"$status")" 'b a'
is 'and the phase' "$(query .phase <<<"$status")" undoing
do_next b.undo 'one'
do_next a.undo 'after the other'
do_next z 'and clean'

# Past its deadline: what runs is stopped, and what was done is undone.
begin 7
done_by $x
take $y
redis ZADD "$P:delayed" 1 "$r/" >/dev/null
call promote k1 1000 100 >/dev/null
is 'a run past its deadline undoes' "$(field "$r" state) $(records b a.undo)" \
	'running 1 undoing cancelled ready '
is 'for which there is no deadline' "$(redis ZCARD "$P:delayed")" 0
is 'it can be put aside' "$(take $x; call defer $x q "$ENTRY" "$r" "$STEP" 1 1 \
	memo) $(records a.undo)" 'COMMITTED delayed '
call promote k1 1000 100 >/dev/null
take $x
is 'and handed back' "$(call release $x q "$ENTRY" "$r" "$STEP") $(
	records a.undo)" 'COMMITTED ready '
redis SADD "$P:paused" q >/dev/null
is 'a paused queue holds it back' "$(read -r ENTRY RUN STEP < <(read_entry $x)
	call take $x q "$ENTRY" "$r" "$STEP" | tail -n 1) $(records a.undo)" \
	'PAUSED ready '
redis SREM "$P:paused" q >/dev/null
do_next a.undo 'it'
do_next z 'and all is clean'
is 'the run has failed' "$(field "$r" state) $(field "$r" reason |
	query .class)" 'failed 3 deadline'

# Between two rounds of a step that is repeated no attempt has begun, but the
# round that is over had its effect.
begin 8 rounds
take $x
call defer $x q "$ENTRY" "$r" a 1 1 '1 0 0 x' >/dev/null
call promote k1 1000 100 >/dev/null
is 'a round is over' "$(field "$r" step:a | cut -d ' ' -f 1-3)" 'ready 0 0'
call cancel "$r" >/dev/null
do_next a.undo 'what it did is undone'
call retry "$r" >/dev/null
take $x
is 'and the next one is the first again' "$STEP $(redis HEXISTS "$P:out:$r" \
	.last:a)" 'a 0'
complete $x >/dev/null

# A reason is cut between characters.
begin 6
call cancel "$r" "$(printf '%299s' '' | tr ' ' x)é" >/dev/null
is 'no character is cut in two' "$(field "$r" reason | query '.detail | length')" \
	299
is 'all runs are what they are counted as' "$(redis ZCARD "$P:runs:running")" 1
done_testing
