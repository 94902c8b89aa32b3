#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs and steps that were damaged are put in order, and what is well is left alone.
. "$(dirname "$0")/lib.sh"

start_library
define_all
define far "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')" 3600000)" >/dev/null
for w in w1 w2; do register $w >/dev/null; done

# submit N DEFINITION: RUN is a new one.
submit() {
	RUN=$(run_id "$1")
	call submit "$RUN" "$2" '' '' 0 >/dev/null
}
record() { field "$RUN" "step:$1"; }
set_field() { redis HSET "$P:run:$RUN" "$1" "$2" >/dev/null; }
places() { # in which indexes the run is
	local state
	for state in running done failed cancelled; do
		redis ZSCORE "$P:runs:$state" "$RUN" | grep -q . && echo $state
	done
	redis ZSCORE "$P:finished" "$RUN" | grep -q . && echo finished
	redis ZSCORE "$P:delayed" "$RUN/" | grep -q . && echo deadline
}
# An entry that was deleted from its queue.
lose_entry() { redis XDEL "$P:queue:q" "$ENTRY" >/dev/null; }
entry_of() { ENTRY=$(record "$1" | cut -d ' ' -f 4); }
# --- a step that is ready ----------------------------------------------------

left_alone 'a run that is not there' step "$(run_id 99)" a
submit 1 one
left_alone 'a step that it does not have' step "$RUN" zz
left_alone 'a step that waits in its queue' step "$RUN" a
entry_of a
lose_entry
repaired 'a step without an entry' step "$RUN" a
is 'has a new one' "$(redis XLEN "$P:queue:q") $(state_of "$RUN" a)" '1 ready'
read -r ENTRY _ < <(read_entry w1)
left_alone 'a step that was just delivered' step "$RUN" a
redis XACK "$P:queue:q" workers "$ENTRY" >/dev/null
repaired 'a step that no read returns any more' step "$RUN" a
is 'is in the queue once' "$(redis XLEN "$P:queue:q")" 1
read_entry nobody >/dev/null
repaired 'a step that was delivered to nobody' step "$RUN" a
redis XGROUP DESTROY "$P:queue:q" workers >/dev/null
left_alone 'a step whose queue has no group' step "$RUN" a
redis XGROUP CREATE "$P:queue:q" workers 0 >/dev/null
redis DEL "$P:queue:q" >/dev/null
repaired 'a step whose queue is gone' step "$RUN" a
redis XGROUP CREATE "$P:queue:q" workers 0 >/dev/null

# --- one that is running -----------------------------------------------------

take w1
left_alone 'a step that runs' step "$RUN" a
lose_entry
left_alone 'the step of a worker that lives' step "$RUN" a
complete w1 >/dev/null
submit 2 one
take w2
redis DEL "$P:worker:w2" >/dev/null
left_alone 'a worker that will be missed' step "$RUN" a
redis ZREM "$P:workers" w2 >/dev/null
repaired 'a step whose worker nobody watches' step "$RUN" a
is 'is tried again' "$(record a | cut -d ' ' -f 1-3)" 'ready 0 1'
take w1
complete w1 >/dev/null

# --- one that is delayed, or waits --------------------------------------------

submit 3 chain
take w1
fail_step w1 100000 >/dev/null
left_alone 'a step that waits for its time' step "$RUN" a
redis ZREM "$P:delayed" "$RUN/a" >/dev/null
repaired 'a step that waits for no time' step "$RUN" a
is 'is due at once' "$(call promote c1 1000 9 | query .promoted)" 1
left_alone 'a step that needs another' step "$RUN" b
take w1
complete w1 >/dev/null
left_alone 'a step that is done' step "$RUN" a
entry_of b
lose_entry
set_field step:b 'waiting 1'
repaired 'a step that waits for nothing' step "$RUN" b
take w1
complete w1 >/dev/null
left_alone 'a step of a run that is done' step "$RUN" b

# --- the indexes of a run -----------------------------------------------------

is 'a run that is done is found so' "$(places | xargs)" 'done finished'
left_alone 'as it is' run "$RUN"
redis ZREM "$P:runs:done" "$RUN" >/dev/null
redis ZADD "$P:runs:failed" 0 "$RUN" >/dev/null
redis ZADD "$P:delayed" 1 "$RUN/" >/dev/null
repaired 'an index that it is not in' run "$RUN"
is 'is that of its state' "$(places | xargs)" 'done finished'
redis HDEL "$P:run:$RUN" finished_at >/dev/null
mend run "$RUN" >/dev/null
like 'when it has ended is now' "$(field "$RUN" finished_at)" '^[0-9]{13}$'
left_alone 'and stays so' run "$RUN"

submit 4 far
set_field finished_at 5
redis ZADD "$P:finished" 5 "$RUN" >/dev/null
redis ZREM "$P:delayed" "$RUN/" >/dev/null
repaired 'a run that runs' run "$RUN"
is 'has not ended, and has its deadline' "$(places | xargs)" 'running deadline'
redis ZADD "$P:delayed" 1 "$RUN/" >/dev/null
repaired 'a deadline that is another' run "$RUN"
take w1
complete w1 >/dev/null
redis ZADD "$P:runs:done" 0 "$(run_id 98)" >/dev/null
repaired 'a run that is not there, but in an index' run "$(run_id 98)"
redis HSET "$P:run:$(run_id 97)" workflow flow >/dev/null
left_alone 'a run without a state' run "$(run_id 97)"
redis HSET "$P:run:$(run_id 96)" state 'running 1' def unknown >/dev/null
left_alone 'nor one without a definition' run "$(run_id 96)"

# --- what its records say -------------------------------------------------------

submit 5 diamond
set_field state 'running 9'
set_field step:d 'waiting 7 3'
repaired 'counts that are wrong' run "$RUN"
is 'are counted anew' "$(field "$RUN" state), $(record d)" \
	'running 4, waiting 2 3'
set_field step:d 'waiting 1'
repaired 'whatever was tried before' run "$RUN"
is 'or was not' "$(record d)" 'waiting 2'
take w1
complete w1 >/dev/null
for name in b c d; do
	set_field step:$name "done 1 0 1-1 w1 1 1"
done
repaired 'a run whose steps are done' run "$RUN"
is 'is done' "$(field "$RUN" state) $(places | xargs)" 'done 0 done finished'
set_field state 'cancelled 0'
repaired 'whatever its state says' run "$RUN"
is 'all its steps are' "$(field "$RUN" state)" 'cancelled 0'

# --- dead letters that it names --------------------------------------------------

redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null
submit 6 one
take w1
fail_step w1 -1 rejected >/dev/null
left_alone 'a run that has a dead letter' run "$RUN"
letter=$(field "$RUN" dead:a)
set_field dead:b "$letter"
repaired 'a dead letter of another step' run "$RUN"
is 'is forgotten, its own is not' \
	"$(field "$RUN" dead:b)$(field "$RUN" dead:a)" "$letter"
redis XDEL "$P:dead" "$letter" >/dev/null
repaired 'a dead letter that is not there' run "$RUN"
set_field dead:a nonsense
repaired 'nor could be' run "$RUN"
like 'a mend that nobody knows is refused' "$(call mend heal x 2>&1)" '^USAGE '
like 'and so is none' "$(call mend 2>&1)" '^USAGE '
done_testing
