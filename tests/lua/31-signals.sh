#!/bin/bash
# SPDX-License-Identifier: MIT
# A step that waits for a signal is parked, and settled by whoever sends it.
. "$(dirname "$0")/lib.sh"

start_library
# with MEMBERS STEP: a step of a graph that says more.
with() { jq -c ". + {$1}" <<<"$2"; }
waits() { with "kind: \"wait\", signal: \"$1\"" "$2"; } # SIGNAL STEP
define asks "$(graph 3 '["a","w"]' "\"a\":$(waits go "$(step '[]' '["b"]')"),\
\"b\":$(step '["a"]' '[]' '["a"]'),\"w\":$(step '[]' '[]')")" >/dev/null
register w1 >/dev/null
begin() { # N: a run; a is taken
	r=$(run_id "$1")
	call submit "$r" "${definition:-asks}" '' '' "${deadline:-0}" >/dev/null
	take w1
	of_a=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
}
# park [DUE_AT [PROMPT]]: what a worker says of a step that waits; msgpack.
park() {
	call defer w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "${1:-0}" \
		"${2:-$'\xa3go?'}"
}
soon() { echo $(($(redis TIME | head -n 1) * 1000 + ${1:-3600000})); }
signal() { call signal "$r" "$1" $'\xa3yes' "${@:2}"; } # NAME [ONCE]
shown() { call status "$r" | query ".steps[] | select(.step == \"$1\") | $2"; }
delayed() { redis ZCARD "$P:delayed"; }
counter() { redis HGET "$P:counters" "$1"; }
# finish: whatever is queued is performed.
finish() {
	while read -r ENTRY RUN STEP < <(read_entry w1); do
		take_again w1
		complete w1 >/dev/null
	done
}
output() { redis --raw HGET "$P:out:$r" "$1"; }

begin 1
is 'it is parked' "$(park) $(field "$r" step:a | cut -d ' ' -f 1-3)" \
	'COMMITTED parked 1 0'
is 'said again, it is known' "$(park)" DUPLICATE
is 'it is in no queue but for the other, and waits for no time' \
	"$(redis XLEN "$P:queue:q") $(delayed)" '1 0'
is 'what it waits for can be read' "$(field "$r" waits:a)" \
	'{"signal":"go","prompt":"go?"}'
is 'and is shown' "$(shown a '"\(.state) \(.waits.prompt)"')" 'parked go?'
like 'a name that nobody waits for is refused' "$(signal went)" \
	'^ABSENT no step of run .* waits for a signal went: it knows go'
is 'the signal settles it' "$(signal go once:me.1 | jq -c '[.step, .kept]')" \
	'["a",false]'
is 'a repeat hears the same' "$(signal go once:me.1 | jq -c '[.step, .kept]')" \
	'["a",false]'
is 'its data is the output' "$(output a)" $'\xa3yes'
is 'what is behind it goes on' "$(state_of "$r" a) $(state_of "$r" b)" \
	'done ready'
is 'it waits for nothing any more' "$(redis HEXISTS "$P:run:$r" waits:a)" 0
is 'they are counted' "$(counter parked) $(counter signals) $(
	counter steps_done)" '1 1 1'
like 'a second one comes too late' "$(signal go)" \
	'^CONFLICT step a of run .* waits no longer: it is done'
take w1; complete w1 >/dev/null
take w1; complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'
like 'and takes none any more' "$(signal go)" \
	'^CONFLICT run .* has finished already: done'
like 'there may be no such run' "$(call signal "$(run_id 99)" go '')" \
	'^ABSENT there is no run'

# Before its time
begin 2
is 'an early one is kept' "$(signal go | query .kept)" true
is 'and shown' "$(shown a .signalled)" true
like 'a second one is not' "$(signal go)" 'CONFLICT .* has its signal already'
is 'the step takes it when it would be parked' \
	"$(park "$(soon)") $(state_of "$r" a) $(state_of "$r" b)" \
	'COMMITTED done ready'
is 'nothing of it is left' "$(redis HEXISTS "$P:out:$r" .signal:a) $(delayed)" \
	'0 0'
is 'and its data is the output' "$(output a)" $'\xa3yes'
take w1; complete w1 >/dev/null
take w1; complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'

# Data
begin 3
like 'data must be what is said' "$(call signal "$r" go $'\x92\x01')" '^USAGE'
like 'and one value of it' "$(call signal "$r" go $'\x01\x02')" '^USAGE'
head -c 262145 /dev/zero | tr '\0' x >"$TREADLE_TEST_TMP/large"
like 'of a bounded size' "$(redis -x FCALL treadle_signal 1 "$P" "$r" go \
	<"$TREADLE_TEST_TMP/large")" '^INPUT .*256 KiB'
park >/dev/null
is 'it may be missing' "$(call signal "$r" go '' | query .kept)" false
is 'then it is null' "$(output a)" $'\xc0'
finish

# The end of its patience
begin 4
park "$(soon 1)" >/dev/null
is 'one that does not wait for ever is watched' "$(delayed)" 1
wait_until "call promote c1 1000 10 | jq -e '.expired == 1'"
is 'in the end it has failed' "$(state_of "$r" a) $(field "$r" state)" \
	'dead failed 3'
like 'for want of its signal' "$(call dead '' 10 | query '.dead[0] |
	"\(.class) \(.attempts) \(.detail)"')" \
	'^timeout 1 signal go did not come in time$'
is 'it waits for nothing any more' "$(redis HEXISTS "$P:run:$r" waits:a)" 0
like 'the signal comes too late' "$(signal go)" 'CONFLICT run .* finished'
call retry "$r" >/dev/null
take w1
is 'a retry waits once more' "$STEP $(park "$(soon)") $(state_of "$r" a)" \
	'a COMMITTED parked'
is 'and is answered' "$(signal go | query .kept) $(delayed)" 'false 0'
finish

definition=tolerant
define tolerant "$(jq -c '. + {branches: true}' <<<"$(graph 2 '["a"]' "\"a\":$(
	with 'tolerates: true' "$(waits go "$(step '[]' '["b"]')")"),\"b\":$(
	step '["a"]' '[]' '[".error:a"]')")")" >/dev/null
begin 5
park "$(soon 1)" >/dev/null
wait_until "call promote c1 1000 10 | jq -e '.expired == 1'"
is 'a workflow may provide for that' "$(state_of "$r" a) $(state_of "$r" b)" \
	'failed ready'
take w1; complete w1 >/dev/null

# Ends of its run
definition=asks
begin 6
park "$(soon)" >/dev/null
call cancel "$r" why >/dev/null
is 'cancelling takes it out of its place' \
	"$(state_of "$r" a) $(delayed) $(redis HEXISTS "$P:run:$r" waits:a)" \
	'cancelled 0 0'
deadline=1
hold() { ENTRY=$1 RUN=$2 STEP=$3 ATTEMPT=$4; }
begin 7
park >/dev/null
wait_until "call promote c1 1000 10 | jq -e '.overdue == 1'"
is 'so does a deadline' "$(state_of "$r" a) $(delayed)" 'cancelled 0'
deadline=0
begin 8
call cancel "$r" why >/dev/null
is 'a run that is over parks nothing' "$(park)" CANCELLED
begin 9
park "$(soon)" >/dev/null
take w1
fail_step w1 -1 >/dev/null
is 'nor does one that has failed elsewhere' "$(state_of "$r" a) $(delayed)" \
	'cancelled 0'
call forget "$r" >/dev/null
is 'forgotten is forgotten' "$(redis EXISTS "$P:run:$r" "$P:out:$r")" 0

# In a run that is being closed: c cleans up, and asks; a is an ordinary one.
define closing "$(jq -c '. + {branches: true, closing: ["c"]}' <<<"$(graph 3 \
	'["a","w"]' "\"a\":$(waits go "$(step '[]' '["c"]')"),\"w\":$(
	step '[]' '["c"]'),\"c\":$(with 'when: "always"' "$(waits clean \
	"$(step '["a","w"]' '[]')")")")")" >/dev/null
definition=closing
begin 10
take w1
fail_step w1 -1 >/dev/null
is 'one that was under way may end' "$(field "$r" state)" 'running 1 draining'
like 'but takes no signal' "$(signal go)" 'CONFLICT run .* is being closed'
hold "${of_a[@]}"
is 'nor is it parked' "$(park) $(state_of "$r" a) $(field "$r" state)" \
	'COMMITTED cancelled running 1 cleaning'
take w1
is 'one that cleans up is' "$STEP $(park) $(state_of "$r" c)" \
	'c COMMITTED parked'
is 'and is answered' "$(signal clean | query .kept) $(field "$r" state)" \
	'false failed 2'
deadline=1
begin 12
park 1 >/dev/null
is 'the deadline is over once a patience has ended that is due with it' \
	"$(call promote c1 1000 10 | query .expired) $(field "$r" state)" \
	'1 running 1 cleaning'
take w1
park >/dev/null
signal clean >/dev/null
deadline=0

# Damage
definition=asks
begin 11
park "$(soon)" >/dev/null
redis ZREM "$P:delayed" "$r/a" >/dev/null
repaired 'a patience that nobody watches' step "$r" a
is 'ends when it should' "$(delayed)" 1
left_alone 'what is parked until a time' delayed "$r/a"
redis HDEL "$P:run:$r" waits:a >/dev/null
is 'what is parked for nobody knows what' "$(mend step "$r" a)" true
is 'is queued, and says it anew' "$(state_of "$r" a)" ready
repaired 'its time is nobody'"'"'s' delayed "$r/a"
done_testing
