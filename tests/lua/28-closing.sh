#!/bin/bash
# SPDX-License-Identifier: MIT
# What a run still does when it has failed or was cancelled.
. "$(dirname "$0")/lib.sh"

start_library
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }
# a and w; b needs a; n if it fails, c if it is cancelled; z, and y behind it,
# in any case.
define closing "$(jq -c '. + {branches: true, closing: ["n","c","z","y"]}' \
	<<<"$(graph 7 '["a","w"]' "$(printf '"%s":%s,' \
	a "$(step '[]' '["b"]')" w "$(step '[]' '["n","c","z"]')" \
	b "$(step '["a"]' '["n","c","z"]')" \
	n "$(with 'when: "failure"' "$(step '["b","w"]' '["z"]')")" \
	c "$(with 'when: "cancelled"' "$(step '["b","w"]' '["z"]')")" \
	z "$(with 'when: "always"' "$(step '["b","w","n","c"]' '["y"]')")")\"y\":$(
	with 'when: "always"' "$(step '["z"]' '[]')")" 60000)")" >/dev/null
begin() { # N: a run; a is taken by $x, w by $y
	x=x$1 y=y$1
	register $x >/dev/null
	register $y >/dev/null
	r=$(run_id "$1")
	call submit "$r" closing in '' 0 >/dev/null
	take $x
	of_a=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
	take $y
	of_w=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
}
hold() { ENTRY=$1 RUN=$2 STEP=$3 ATTEMPT=$4; } # of_...
records() { # STEP...
	local name
	for name in "$@"; do printf '%s ' "$(state_of "$r" "$name")"; done
}
do_next() { take $x; is "$2" "$STEP $(complete $x)" "$1 COMMITTED"; } # STEP WHAT
counter() { redis HGET "$P:counters" "$1"; }

begin 1
hold "${of_a[@]}"; complete $x >/dev/null
hold "${of_w[@]}"; complete $y >/dev/null
take $x; complete $x >/dev/null
is 'after a good end, what asks for a bad one is skipped' \
	"$(records n c z)" 'skipped skipped ready '
do_next z 'what is always done is done'
do_next y 'in its order'
is 'and the run is done' "$(field "$r" state)" 'done 0'

begin 2
hold "${of_a[@]}"
fail_step $x -1 rejected >/dev/null
is 'a run that fails waits for what runs' "$(field "$r" state)" \
	'running 1 draining'
is 'what it will be is known' "$(field "$r" closing)" failed
is 'and why' "$(field "$r" reason | query .class)" rejected
is 'its deadline is over' "$(field "$r" deadline_at),$(redis ZCARD \
	"$P:delayed")" ',0'
is 'it is running still' "$(redis ZSCORE "$P:runs:running" "$r")" 0
is 'nothing new begins' "$(redis XLEN "$P:queue:q")" 1
hold "${of_w[@]}"
is 'what ran may end' "$(complete $y)" COMMITTED
is 'then it cleans up' "$(field "$r" state)" 'running 3 cleaning'
is 'by its condition' "$(records n c z y)" 'ready skipped waiting waiting '
take $y
is 'a closing step is tried again like any other' \
	"$STEP $(fail_step $y 0 error)" 'n COMMITTED'
call promote k1 1000 100 >/dev/null
take $y
is 'and recovered like any other' "$STEP $ATTEMPT" 'n 2'
redis ZADD "$P:workers" 1 $y >/dev/null
call reclaim c1 1000 100 >/dev/null
do_next n 'and done'
is 'those behind it have their turn' "$(records z)" 'ready '
do_next z 'one'
is 'by one' "$(field "$r" state)" 'running 1 cleaning'
do_next y 'until the last'
is 'the run has failed' "$(field "$r" state),$(field "$r" closing)" 'failed 2,'
is 'and is indexed so' "$(redis ZSCORE "$P:runs:failed" "$r"),$(redis ZSCORE \
	"$P:runs:running" "$r")" '0,'
is 'a retry' "$(call retry "$r" | query '.steps | join(" ")')" 'a b c n y z'
do_next a 'goes on where it failed'
take $x; complete $x >/dev/null
is 'and cleans up anew' "$(records n c z)" 'skipped skipped ready '
do_next z 'once more'
do_next y 'until the end'
is 'which is good' "$(field "$r" state)" 'done 0'

begin 3
hold "${of_a[@]}"; fail_step $x -1 >/dev/null
hold "${of_w[@]}"
is 'what fails while the run drains is not tried again' \
	"$(fail_step $y 5000 error) $(records w)" 'COMMITTED cancelled '
is 'and holds nothing up' "$(field "$r" state)" 'running 3 cleaning'
take $x
is 'a closing step may fail for good' "$(fail_step $x -1 rejected) $(records \
	n)" 'COMMITTED dead '
is 'and leaves a dead letter' "$(redis XLEN "$P:dead")" 2
is 'the others clean up all the same' "$(records z)" 'ready '
take $x; complete $x >/dev/null
take $x; complete $x >/dev/null
is 'the run fails for its first reason' \
	"$(field "$r" state) $(field "$r" reason | query .step)" 'failed 4 a'

begin 4
hold "${of_a[@]}"
is 'an operator cancels' "$(call cancel "$r" enough |
	query '"\(.state) \(.stopped)"')" 'running 2'
is 'there is nothing to wait for' "$(field "$r" state)" 'running 3 cleaning'
is 'other steps are for that' "$(records a w b n c)" \
	'cancelled cancelled  skipped ready '
is 'a late end is refused' "$(complete $x)" CANCELLED
do_next c 'first'
is 'once more, and it ends at once' "$(call cancel "$r" now |
	query .state) $(field "$r" state)" 'cancelled cancelled 5'
is 'nothing is left' "$(redis XLEN "$P:queue:q") $(records z y)" \
	'0 cancelled waiting '
is 'it is final' "$(field "$r" closing)" ''

# Lost while the run drains: it is not recovered, and holds nothing up.
begin 5
hold "${of_a[@]}"; fail_step $x -1 >/dev/null
redis ZADD "$P:workers" 1 $y >/dev/null
call reclaim c1 1000 100 >/dev/null
is 'a worker that is lost meanwhile' "$(records w) $(field "$r" state)" \
	'cancelled  running 3 cleaning'
for name in n z y; do do_next $name "cleans $name"; done
is 'all runs have come to an end' "$(redis ZCARD "$P:runs:running")" 0

# z is done in any case, but what is behind it as well as behind a is not.
define amid "$(jq -c '. + {branches: true, closing: ["z"]}' \
	<<<"$(graph 4 '["a","w","z"]' "$(printf '"%s":%s,' \
	a "$(step '[]' '["b"]')" w "$(step '[]' '[]')" \
	z "$(with 'when: "always"' "$(step '[]' '["b"]')")")\"b\":$(step \
	'["a","z"]' '[]')")")" >/dev/null
r=$(run_id 6)
register w6 >/dev/null
call submit "$r" amid in '' 0 >/dev/null
take w6; complete w6 >/dev/null
take w6; fail_step w6 -1 >/dev/null
is 'what does not clean up waits' "$(field "$r" step:b),$(field "$r" state)" \
	'waiting 1,running 1 cleaning'
take w6; complete w6 >/dev/null
is 'for ever' "$(field "$r" step:b),$(field "$r" state)" \
	'waiting 1,failed 2'
is 'nothing is counted twice' "$(counter runs_failed) $(counter runs_done)" '4 2'

# Its deadline passes while z alone is left, and that is done all the same.
define late "$(jq -c '. + {branches: true, closing: ["z"]}' \
	<<<"$(graph 1 '["z"]' "\"z\":$(with 'when: "always"' \
		"$(step '[]' '[]')")" 1)")" >/dev/null
r=$(run_id 7)
register w6 >/dev/null
call submit "$r" late in '' 0 >/dev/null
wait_until '[ "$(call promote k1 1000 100 | query .overdue)" = 1 ]'
take w6; complete w6 >/dev/null
is 'a run may fail of which nothing is left' "$(field "$r" state)" 'failed 0'
like 'which can only be run again from a step' "$(call retry "$r")" \
	'^CONFLICT nothing is left'
call retry "$r" z >/dev/null
is 'that is begun' "$(records z)" 'ready '
take w6; complete w6 >/dev/null

# So it is here, where what cleans up after a failure fails itself.
define worse "$(jq -c '. + {branches: true, closing: ["z","n"]}' \
	<<<"$(graph 2 '["z"]' "\"z\":$(with 'when: "always"' \
		"$(step '[]' '["n"]')"),\"n\":$(with 'when: "failure"' \
		"$(step '["z"]' '[]')")" 1)")" >/dev/null
r=$(run_id 8)
register w6 >/dev/null
call submit "$r" worse in '' 0 >/dev/null
wait_until '[ "$(call promote k1 1000 100 | query .overdue)" = 1 ]'
take w6; complete w6 >/dev/null
take w6; fail_step w6 -1 >/dev/null
is 'this run has failed' "$(field "$r" state) $(records z n)" \
	'failed 1 done dead '
is 'a retry has nothing to perform' "$(call retry "$r" | query .state)" done
is 'and ends it' "$(field "$r" state) $(records z n) $(redis ZSCORE \
	"$P:runs:done" "$r")" 'done 0 done skipped  0'
done_testing
