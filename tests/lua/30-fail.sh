#!/bin/bash
# SPDX-License-Identifier: MIT
# Failing: tried again, put aside, dead, and what becomes of the run.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null

r=$(run_id 1)
call submit "$r" one '' '' 0 >/dev/null
take w1
is 'a failure can be tried again' "$(fail_step w1 5 timeout)" COMMITTED
is 'the step is delayed' "$(state_of "$r" a)" delayed
is 'and nowhere else' "$(redis XLEN "$P:queue:q")" 0
is 'the bell has rung' "$(redis XLEN "$P:timer")" 1
is 'a repeat is known as such' "$(fail_step w1 5 timeout)" DUPLICATE
is 'a late result is refused' "$(complete w1)" FENCED
wait_until "call promote c1 1000 10 | jq -e '.promoted == 1'"
is 'when due it is ready' "$(state_of "$r" a)" ready
is 'promoting again finds nothing' \
	"$(call promote c1 1000 10 | query .promoted)" 0
is 'another coordinator stands by' \
	"$(call promote c2 1000 10 | query .role)" standby

take w1
is 'the next attempt is the second' "$ATTEMPT" 2
is 'it can be put aside' "$(call defer w1 q "$ENTRY" "$RUN" a 2 1 memo)" \
	COMMITTED
is 'a repeat of that is known too' \
	"$(call defer w1 q "$ENTRY" "$RUN" a 2 1 memo)" DUPLICATE
wait_until "call promote c1 1000 10 | jq -e '.promoted == 1'"
take w1
is 'which counts no attempt' "$ATTEMPT" 2
is 'and keeps a memo' "$(sed -n 4p <<<"$TAKEN")" memo
is 'a note is kept' "$(call note w1 "$ENTRY" "$RUN" a 2 '{"progress":0.5}' \
	memo2 '{"usd":1}' 'said so')" COMMITTED
is 'its end can be final' "$(fail_step w1 -1 rejected 'said more')" COMMITTED
is 'then the step is dead' "$(state_of "$r" a)" dead
is 'the run has failed' "$(field "$r" state)" 'failed 1'
is 'and says why' "$(field "$r" reason | query '.class + " " + .step')" \
	'rejected a'
dead=$(redis FCALL_RO treadle_dead 1 "$P" '' 10)
is 'there is one dead letter' "$(query '.dead | length' <<<"$dead")" 1
is 'it tells the history' \
	"$(query '[.dead[0].history[].class] | join(",")' <<<"$dead")" \
	timeout,rejected
logs=$(redis FCALL_RO treadle_logs 1 "$P" "$r")
is 'what it wrote is kept' "$(query '.attempts[-1].log' <<<"$logs")" 'said more'

r=$(run_id 2)
call submit "$r" diamond '' '' 0 >/dev/null
take w1
complete w1 >/dev/null
take w1
left=($ENTRY $RUN $STEP $ATTEMPT)
take w1
fail_step w1 -1 >/dev/null
is 'a dead step fails its run' "$(field "$r" state)" 'failed 3'
is 'what runs beside it goes on' "$(state_of "$r" "${left[2]}")" running
is 'and its result is kept' \
	"$(call complete w1 q "${left[@]}" y 0 | sed 1d)" COMMITTED
is 'for a retry' "$(redis HGET "$P:out:$r" "${left[2]}")" y
is 'but leads nowhere' "$(redis XLEN "$P:queue:q"),$(field "$r" state)" \
	'0,failed 2'

# What has begun in a run that failed before its worker heard of it never ran.
r=$(run_id 8)
call submit "$r" diamond '' '' 0 >/dev/null
take w1
complete w1 >/dev/null
take w1
left=($ENTRY $RUN $STEP)
take w1
fail_step w1 -1 >/dev/null
is 'a take that is repeated after its run has failed is dropped' \
	"$(call take w1 q "${left[@]}" | sed -n 2p)" DROPPED
is 'and the step does not run for ever' "$(state_of "$r" "${left[2]}")" \
	cancelled
like 'so that a retry runs it again' "$(call retry "$r" | query '.steps[]')" \
	"${left[2]}"

# A lead that was taken before the clock went back.
redis SET "$P:lead:promote" c9 PX 3600000 >/dev/null
is 'the lead of one that is gone ends though the clock went back' \
	"$(call promote c1 1000 10 | query .role)" leader
done_testing
