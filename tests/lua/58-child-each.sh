#!/bin/bash
# SPDX-License-Identifier: MIT
# A run of a workflow for each item of a list.
. "$(dirname "$0")/lib.sh"

start_library
leaf="$(graph 2 '["a"]' "\"a\":$(step '[]' '["output"]'),\"output\":$(step '["a"]' '[]')")"
define leaf "$leaf" >/dev/null
# flow NAME MEMBERS [STEP_MEMBERS [MEMBERS]]: leaf for each of l, two at a time, then b.
flow() {
	local each
	each=$(jq -c ". + {kind: \"each\", definition: \"leaf\", each: ({kind:
		\"workflow\", max: 2, reads: [], input: false} + {$2})} + {${3:-x: 1}}" \
		<<<"$(step '[]' '["b"]' '[]' 3)")
	define "$1" "$(graph 2 '["l"]' "\"l\":$each,\"b\":$(step '["l"]' '[]')" |
		jq -c ". + {performs: [\"flow\"]} + {${4:-x: 1}}")" >/dev/null
}
flow plain 'x: 1'
flow one 'tolerates: 1'
flow caught 'x: 1' 'tolerates: true' 'branches: true'
flow cleaned 'x: 1' 'x: 1' 'x: 1'
register w1 >/dev/null

# begin N DEFINITION COUNT: a run whose list of so many items w1 has evaluated.
begin() {
	local i items=()
	r=$(run_id "$1") n=$1
	redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null # what others have left
	call submit "$r" "$2" in '' 0 >/dev/null
	take_step l
	for ((i = 0; i < $3; i++)); do
		items+=("i$i")
	done
	call expand w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" 0 "${items[@]}" >/dev/null
	complete w1 "$(printf '\x'"$(printf %02x "$3")")" >/dev/null
}
# take_step STEP [RUN]: takes entries until one is of that step; others go back behind.
take_step() {
	local tries
	for tries in {1..20}; do
		take w1
		[[ $STEP != "$1" || $RUN != "${2:-$RUN}" ]] || return 0
		call release w1 q "$ENTRY" "$RUN" "$STEP" >/dev/null
	done
	fail "there is no step $1 to take"
}
child_id() { printf '01k0000000000000000000%02d%d1' "$n" "$1"; } # INDEX
spawn() { # INDEX [INPUT [CHILD]]: the item is taken, and has its run
	take_step "l/$1" "$r"
	call spawn w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "${3:-$(child_id "$1")}" \
		"${2-in$1}" 0
}
do_child() { # INDEX: all of its run
	take_step a "$(child_id "$1")"; complete w1 >/dev/null
	take_step output "$(child_id "$1")"; complete w1 "r$1" >/dev/null
}
fail_child() { # INDEX [STEP]: its run fails, and then the item's attempt
	take_step "${2:-a}" "$(child_id "$1")"; fail_step w1 -1 rejected >/dev/null
	take_step "l/$1" "$r"; fail_step w1 -1 rejected
}
record() { field "$1" "step:$2" | cut -d ' ' -f 1-3; } # RUN STEP
items() { field "$r" items:l; }
results() { redis LRANGE "$P:results:$r/l" 0 -1 | tr -s ' ' | xargs -d '\n'; }
live() { redis HKEYS "$P:run:$r" | grep '^step:l/' | sort | xargs; }
left_of_item() { # INDEX: all fields that name it
	redis HKEYS "$P:run:$r" | grep "l/$1\$"
	redis HKEYS "$P:out:$r" | grep "l/$1\$"
	redis HKEYS "$P:log:$r" | grep "^l/$1/"
}
listed() { redis HGET "$P:children" "$1"; }
kept() { redis ZSCORE "$P:finished" "$1"; }
promote() { call promote k1 1000 100 >/dev/null; }

# --- it is done ------------------------------------------------------------------

begin 1 plain 4
is 'as many items begin as may be there at a time' "$(live)" 'step:l/0 step:l/1'
spawn 0 >"$TREADLE_TEST_TMP/said"
is 'an item is parked with a run of its own' "$(cat "$TREADLE_TEST_TMP/said") $(record "$r" l/0)" \
	'COMMITTED parked 1 0'
is 'said again' "$(call spawn w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" x in 0)" DUPLICATE
is 'which says whose it is' "$(field "$(child_id 0)" parent) $(listed "$(child_id 0)")" \
	"$r/l/0 $r/l/0"
spawn 1 >/dev/null
is 'those that wait are within the window' "$(live) $(items)" \
	'step:l/0 step:l/1 4 2 0 0'
is 'status shows them behind their step' "$(call status "$r" |
	query '[.steps[] | "\(.step) \(.state) \(.child.left)"] | join(", ")')" \
	'l spread null, l/0 parked 2, l/1 parked 2, b waiting null'
do_child 1
is 'with the end of its run an item has ended' "$(live) $(items)" \
	'step:l/0 step:l/2 4 3 1 0'
is 'nothing is left of it' "$(left_of_item 1)" ''
is 'but its result' "$(redis LINDEX "$P:results:$r/l" 1)" r1
is 'its run goes with time' "$(kept "$(child_id 1)")" "$(field "$(child_id 1)" finished_at)"
is 'it is no child any more' "$(listed "$(child_id 1)")" ''
left_alone 'the doctor has it so' run "$(child_id 1)"
spawn 2 >/dev/null
do_child 2
do_child 0
spawn 3 >/dev/null
do_child 3
is 'results are in the order of the items' "$(results)" 'r0 r1 r2 r3'
is 'with the last the step is done' "$(state_of "$r" l) $(record "$r" b)" 'done ready 0 0'
is 'once' "$(redis XLEN "$P:queue:q")" 1
take_step b; complete w1 >/dev/null
is 'and so is the run' "$(field "$r" state)" 'done 0'
call forget "$r" >/dev/null
is 'nothing is left of one that is forgotten' "$(redis KEYS "$P:*$r*" | xargs)" ''

# --- it fails ----------------------------------------------------------------------

begin 2 plain 2
spawn 0 >/dev/null
spawn 1 >/dev/null
take_step a "$(child_id 0)"; complete w1 >/dev/null
take_step output "$(child_id 0)"; fail_step w1 -1 throttled >/dev/null
is 'a run that fails makes its item ready' "$(record "$r" l/0)" 'ready 0 0'
take_step l/0
is 'the attempt is the same one, and fails by policy' \
	"$ATTEMPT $(fail_step w1 0 throttled) $(record "$r" l/0)" '1 COMMITTED delayed 1 0'
promote
spawn 0 in0 "$(run_id 89)" >/dev/null
is 'the next has the run go on' "$(record "$r" l/0) $(field "$r" child:l/0) $(record \
	"$(child_id 0)" a)" "parked 2 0 $(child_id 0) done 1 0"
take_step output "$(child_id 0)"; fail_step w1 -1 rejected >/dev/null
take_step l/0; fail_step w1 -1 rejected >/dev/null
is 'for good it is a dead letter' "$(state_of "$r" l/0) $(field "$r" state)" 'dead failed 2'
is 'seen from the parent, with that of its run' "$(call dead '' 10 '' '' '' '' "$r" |
	query '[.dead[] | "\(.run) \(.step)"] | sort | join(" ")')" \
	"$r l/0 $(child_id 0) output"
is 'another goes on' "$(record "$r" l/1) $(field "$(child_id 1)" state)" \
	'parked 1 0 running 2'
like 'while it does, all of it can not begin anew' "$(call retry "$r" l 2>&1)" CONFLICT
do_child 1
is 'its result is kept' "$(items) $(left_of_item 1)" '2 2 1 0 '
call retry "$r" l/0 >/dev/null
is 'an operator has the dead item tried again' "$(live) $(state_of "$r" l)" \
	'step:l/0 spread'
spawn 0 in0 "$(run_id 89)" >/dev/null
is 'its run goes on where it failed' "$(record "$(child_id 0)" a) $(record \
	"$(child_id 0)" output)" 'done 1 0 ready 2 0'
take_step output "$(child_id 0)"; complete w1 r0 >/dev/null
is 'and it is done' "$(results) $(state_of "$r" l)" 'r0 r1 done'
take_step b; complete w1 >/dev/null
call retry "$r" l/1 >/dev/null
spawn 1 in1 "$(run_id 88)" >/dev/null
is 'one that was done has another run' "$(field "$r" child:l/1)" "$(run_id 88)"
call cancel "$r" >/dev/null
promote
is 'which is cancelled with its parent' "$(field "$(run_id 88)" state)" 'cancelled 2'
like 'that it says' "$(field "$(run_id 88)" reason)" "with $r/l/1, which performed it"

begin 3 one 3
spawn 0 >/dev/null
fail_child 0 >/dev/null
is 'a failure is tolerated' "$(field "$r" state) $(items)" 'running 2 3 3 0 1'
is 'nothing is left of that item' "$(left_of_item 0)" ''
is 'its run goes with time' "$(kept "$(child_id 0)")" "$(field "$(child_id 0)" finished_at)"
for i in 1 2; do
	spawn $i >/dev/null
	do_child $i
done
take_step b; complete w1 >/dev/null
is 'its step is done' "$(field "$r" state)" 'done 0'
call retry "$r" l/0 >/dev/null
is 'tried again it has its run back' "$(field "$r" child:l/0),$(kept "$(child_id 0)")" \
	"$(child_id 0),"
left_alone 'the doctor has it so' run "$(child_id 0)"
spawn 0 in0 "$(run_id 89)" >/dev/null
is 'which goes on' "$(field "$(child_id 0)" state) $(listed "$(child_id 0)")" \
	"running 2 again $r/l/0"
do_child 0
is 'and is done' "$(redis LINDEX "$P:results:$r/l" 0) $(items)" 'r0 3 3 3 0'

begin 4 caught 3
spawn 0 >/dev/null
spawn 1 >/dev/null
fail_child 0 >/dev/null
is 'a step may fail with its items' "$(state_of "$r" l) $(field "$r" state)" \
	'failed running 1'
is 'nothing is left of them' "$(left_of_item 0)$(left_of_item 1)$(items)" ''
is 'the run of another ends soon' "$(field "$(child_id 1)" revoked)" "$r/l/1"
promote
is 'is cancelled' "$(field "$(child_id 1)" state) $(kept "$(child_id 1)")" \
	"cancelled 2 $(field "$(child_id 1)" finished_at)"
is 'nobody is told' "$(field "$r" state)" 'running 1'
call cancel "$r" >/dev/null

# --- others end it -------------------------------------------------------------------

begin 5 plain 3
spawn 0 >/dev/null
spawn 1 >/dev/null
call cancel "$r" >/dev/null
is 'a cancelled run' "$(record "$r" l/0), $(record "$r" l/1), $(state_of "$r" l)" \
	'cancelled 1 0, cancelled 1 0, cancelled'
promote
is 'ends those of its items' "$(field "$(child_id 0)" state),$(field "$(child_id 1)" \
	state),$(redis HLEN "$P:children")" 'cancelled 2,cancelled 2,0'
call retry "$r" >/dev/null
is 'a retry begins them again' "$(live) $(items)" 'step:l/0 step:l/1 3 2 0 0'
spawn 0 in0 "$(run_id 89)" >/dev/null
is 'with the runs that they had' "$(field "$r" child:l/0) $(field "$(child_id 0)" state)" \
	"$(child_id 0) running 2 again"
call retry "$r" l >/dev/null 2>&1
call cancel "$r" >/dev/null
promote
call retry "$r" l >/dev/null
is 'from the step on all is made anew' "$(redis HKEYS "$P:run:$r" | grep -c '^child:')" 0
is 'the old ones go with time' "$(kept "$(child_id 0)")" "$(field "$(child_id 0)" finished_at)"
call cancel "$r" >/dev/null
begin 6 plain 2
spawn 0 >/dev/null
call cancel "$r" >/dev/null
call forget "$r" >/dev/null
is 'what was forgotten leaves one that runs' "$(field "$(child_id 0)" state)" 'running 2'
promote
is 'until it is cancelled' "$(field "$(child_id 0)" state) $(kept "$(child_id 0)")" \
	"cancelled 2 $(field "$(child_id 0)" finished_at)"
begin 7 plain 2
spawn 0 >/dev/null
call cancel "$(child_id 0)" by-hand >/dev/null
is 'a run that is cancelled by hand' "$(record "$r" l/0)" 'ready 0 0'
call cancel "$r" >/dev/null

# --- big values, forks ------------------------------------------------------------------

ref=$(printf '\xc7\x61T%s-%s 4000' "$(printf 'a%.0s' {1..64})" "$(run_id 70)")
ref=${ref/\\x61/a}
begin 8 plain 2
for i in 0 1; do
	spawn $i >/dev/null
	take_step a "$(child_id $i)"; complete w1 >/dev/null
	take_step output "$(child_id $i)"
	printf '%s' "$ref" | redis -x FCALL treadle_complete 1 "$P" w1 q "$ENTRY" "$RUN" \
		"$STEP" "$ATTEMPT" >/dev/null 2>&1
	complete w1 "$ref" >/dev/null
done
is 'a big output is held by the run too' "$(redis SCARD "$P:blobs:$r") $(redis HGET \
	"$P:blobs" "$(printf 'a%.0s' {1..64})")" "1 $r 1"
is 'it is named, and how much it is' "$(call status "$r" |
	query '.steps[0] | "\(.output | map(.bytes)) \(.output_bytes)"')" '[4000,4000] 8000'
take_step b; complete w1 >/dev/null
call fork "$r" "$(run_id 79)" b >/dev/null
is 'and by a fork' "$(redis SCARD "$P:blobs:$(run_id 79)")" 1
call cancel "$(run_id 79)" >/dev/null

# --- definitions, damage -----------------------------------------------------------------

is 'who is performed for items is used' "$(redis SISMEMBER "$P:callers:leaf" plain),$(redis \
	HGET "$P:def:plain" levels)" 1,2
left_alone 'who performs whom' caller leaf plain
begin 9 plain 2
spawn 0 >/dev/null
left_alone 'an item that waits for a run' step "$r" l/0
redis HDEL "$P:children" "$(child_id 0)" >/dev/null
do_child 0
is 'an end that nobody was told' "$(record "$r" l/0)" 'parked 1 0'
repaired 'is told' step "$r" l/0
is 'and ends the item' "$(items) $(results)" '2 2 1 0 r0  '
spawn 1 >/dev/null
redis DEL "$P:run:$(child_id 1)" >/dev/null
redis HDEL "$P:children" "$(child_id 1)" >/dev/null
repaired 'a run that is gone' step "$r" l/1
is 'is made anew' "$(record "$r" l/1),$(field "$r" child:l/1)" 'ready 0 0,'
done_testing
