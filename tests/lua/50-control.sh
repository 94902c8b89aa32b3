#!/bin/bash
# SPDX-License-Identifier: MIT
# Operators: cancel, deadline, retry, retry from a step, forget, sweep.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null

r=$(run_id 1)
call submit "$r" diamond '' '' 0 >/dev/null
take w1
complete w1 >/dev/null
take w1
is 'a cancel tells what runs' "$(call cancel "$r" enough | query .stopped)" 1
is 'nothing of it is queued' "$(redis XLEN "$P:queue:q")" 0
is 'a result is refused' "$(complete w1)" CANCELLED
is 'the worker hears it' "$(call heartbeat w1 15000 1 | sed -n 3p)" "$ENTRY"
is 'again, for a reply may be lost' \
	"$(call heartbeat w1 15000 1 | sed -n 3p)" "$ENTRY"
is 'a second cancel is the same' "$(call cancel "$r" '' | query .state)" \
	cancelled
is 'why is kept' "$(field "$r" reason | query .detail)" enough

is 'a retry queues what is not done' \
	"$(call retry "$r" | query '.steps | join(",")')" b,c,d
is 'the run is running again' "$(field "$r" state)" 'running 3 again'
for _ in 1 2 3; do
	take w1
	complete w1 "$STEP" >/dev/null
done
is 'and comes to its end' "$(field "$r" state)" 'done 0'
like 'what is done has nothing to retry' "$(call retry "$r" 2>&1)" \
	'^CONFLICT .*from'
is 'but from a step it has' \
	"$(call retry "$r" b | query '.steps | join(",")')" b,d
take w1
is 'attempts go on counting, the old ones apart, in a new generation' \
	"$STEP $(sed -n 3p <<<"$TAKEN")" 'b 3 2 0 1 2'
complete w1 >/dev/null
take w1
complete w1 >/dev/null
is 'it ends again' "$(field "$r" state)" 'done 0'
like 'an unknown step is absent' "$(call retry "$r" zz 2>&1)" '^ABSENT '
like 'an unknown run is absent' "$(call cancel "$(run_id 99)" '' 2>&1)" \
	'^ABSENT '

r=$(run_id 2)
call submit "$r" one '' '' 1 >/dev/null
wait_until "call promote c1 1000 10 | jq -e '.overdue == 1'"
is 'an overdue run fails' "$(field "$r" state)" 'failed 1'
is 'for its deadline' "$(field "$r" reason | query .class)" deadline

r=$(run_id 3)
call submit "$r" one '' key3 0 >/dev/null
like 'what runs is not forgotten' "$(call forget "$r" 2>&1)" '^CONFLICT '
take w1
fail_step w1 -1 error log >/dev/null
call forget "$r" >/dev/null
is 'what has ended is, wholly' "$(redis KEYS "*$r*")$(redis XLEN "$P:dead")$(
	redis HLEN "$P:keys")" 00

r=$(run_id 4)
call submit "$r" one '' '' 0 >/dev/null
take w1
fail_step w1 -1 >/dev/null
letter=$(redis FCALL_RO treadle_dead 1 "$P" '' 1 | query '.dead[0].entry')
is 'a dead letter can be dropped' "$(call drop "$letter" | query .run)" "$r"
like 'once' "$(call drop "$letter" 2>&1)" '^ABSENT '
is 'its run stays failed' "$(field "$r" state)" 'failed 1'

# Whose answer was lost calls again, and says that it is the same call.
r=$(run_id 5)
call submit "$r" one '' '' 0 >/dev/null
take w1
fail_step w1 -1 >/dev/null
answer=$(call retry "$r" '' once:me.1)
like 'a retry' "$answer" '"state":"running"'
is 'a repeat of it is answered alike' "$(call retry "$r" '' once:me.1)" "$answer"
is 'and nothing was done again' "$(redis XLEN "$P:queue:q")" 1
like 'another call is not a repeat' "$(call retry "$r" once:me.2 2>&1)" \
	'^CONFLICT '
like 'nor is that of somebody else' "$(call retry "$r" once:you.1 2>&1)" \
	'^CONFLICT '
like 'a repeat knows its own number alone' \
	"$(call retry "$(run_id 99)" once:me.11 2>&1)" '^ABSENT '
take w1
fail_step w1 -1 >/dev/null
letter=$(redis FCALL_RO treadle_dead 1 "$P" '' 1 | query '.dead[0].entry')
answer=$(call drop "$letter" once:me.3)
is 'a drop is repeated' "$(call drop "$letter" once:me.3)" "$answer"
answer=$(call forget "$r" once:me.4)
is 'and so is a forget' "$(call forget "$r" once:me.4)" "$answer"
like 'whatever else is there' "$(redis KEYS "*$r*")" '^$'
is 'what is remembered goes by itself' "$(redis PTTL "$P:once:me" |
	awk '{ print ($1 > 0 && $1 <= 600000) }')" 1

wait_until "call sweep c1 1000 100 1 1000000 | jq -e '.removed >= 0' &&
	[ \"\$(redis ZCARD '$P:finished')\" = 0 ]"
is 'a sweep leaves no key of any run' \
	"$(redis KEYS "$P:run:*")$(redis KEYS "$P:out:*")$(redis KEYS "$P:log:*")" ''
is 'no index' "$(redis EXISTS "$P:runs:done" "$P:runs:failed" "$P:dead")" 1
is 'and no use of a definition' "$(redis HGET "$P:def:one" runs)" 0
done_testing
