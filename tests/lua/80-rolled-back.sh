#!/bin/bash
# SPDX-License-Identifier: MIT
# After a power cut Redis knows less than its workers: who acts upon what has
# been taken back loses nothing, nor takes an entry that is another step's.
. "$(dirname "$0")/lib.sh"

start_library
define_all
entries() { redis XLEN "$P:queue:q"; }
next_id() { redis XSETID "$P:queue:q" "$1" >/dev/null; } # the one before it
for w in w1 w2; do register $w >/dev/null; done

# What one has taken, and another was given by a Redis that forgot it.
r=$(run_id 1)
call submit "$r" one '' '' 0 >/dev/null
read -r ENTRY RUN STEP < <(read_entry w1)
take_again w2
is 'who remembers an entry begins it' "$(state_of "$r" a)" running
take_again w1
is 'whom it was given to does not' "$(tail -n 1 <<<"$TAKEN")" DROPPED
is 'the step is ready' "$(state_of "$r" a)" ready
is 'under an entry that is there' "$(entries)" 1
ATTEMPT=1
is 'and the first has lost it' "$(complete w2)" FENCED
take w1
is 'it is begun anew, as its first attempt' "$ATTEMPT" 1
complete w1 >/dev/null

# Ids that are given out a second time.
far=99999999999999
next_id $far-5
s=$(run_id 2)
call submit "$s" one '' '' 0 >/dev/null
is 'an id that was given before' "$(field "$s" step:a)" "ready 0 0 $far-6"
is 'is not for whom it was' \
	"$(call take w2 q $far-6 "$r" a | tail -n 1)" DROPPED
is 'nor his to hand back' "$(call release w2 q $far-6 "$r" a)" FENCED
is 'it stays with its step' "$(entries)" 1
take w1
is 'which begins' "$ENTRY $RUN" "$far-6 $s"
call release w1 q $far-7 "$r" a q $far-6 "$s" a >/dev/null
is 'one that is given out in this very call' "$(field "$s" step:a)" \
	"ready 0 0 $far-7"
is 'stays as well' "$(entries)" 1
take w1
complete w1 >/dev/null
is 'and nothing is left' "$(entries)" 0

# The doctor sees an entry only a moment before.
t=$(run_id 3)
call submit "$t" chain '' '' 0 >/dev/null
take w1
complete w1 x 1 >/dev/null
is 'an entry that an heir has is nothing to mend' \
	"$(call mend entry q "$ENTRY" | query .mended)" false
is 'and stays' "$(entries) $(state_of "$t" b)" '1 running'

# Who has left by what Redis knows is not told to stop: he would never be forgotten.
register w3 >/dev/null
u=$(run_id 4)
call submit "$u" one "" "" 0 >/dev/null
read -r ENTRY RUN STEP < <(read_entry w1)
take_again w3
is "who holds nothing leaves" "$(call leave w3)" OK
call cancel "$u" enough >/dev/null
is "his step is cancelled" "$(state_of "$u" a)" cancelled
is "and no order waits for him" "$(redis EXISTS "$P:stop:w3")" 0

# Ids may come again: the next one is known here.
register w98 >/dev/null
call submit "$(run_id 98)" one in '' 0 >/dev/null
take w98
redis XSETID "$P:queue:q" 9999999999999-5 >/dev/null
is 'what is handed back is not handed back twice, by an id that comes again' \
	"$(call release w98 q "$ENTRY" "$RUN" "$STEP" \
		q 9999999999999-6 "$RUN" "$STEP" | xargs)" 'COMMITTED FENCED'
done_testing
