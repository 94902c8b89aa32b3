#!/bin/bash
# SPDX-License-Identifier: MIT
# What seldom happens: damage, races, batches at their limits, wrong arguments.
. "$(dirname "$0")/lib.sh"

start_library
define_all
r=$(run_id 1)

refuses() { # NAME REGEX FUNCTION ARGUMENT...
	like "$1" "$(call "${@:3}" 2>&1)" "$2"
}
refuses 'define wants three' '^USAGE ' define x
refuses 'a batch has whole items' '^USAGE ' take w1 q 1-0
refuses 'a worker leaves by its name' '^USAGE ' leave
refuses 'a coordinator has a name' '^USAGE ' promote '' 1000 10
refuses 'a coordinator says all' '^USAGE ' sweep c1
refuses 'a dead letter is an entry' '^USAGE ' drop 12
refuses 'a dead letter must be there' '^ABSENT ' drop 12-0
refuses 'a prefix is of letters and digits' '^USAGE ' find '*'
refuses 'a prefix must be' '^USAGE ' find
refuses 'a state is one of four' '^USAGE ' list sleeping
refuses 'there is no such run' '^ABSENT ' forget "$r"
refuses 'nor queue' '^ABSENT ' pause nowhere
like 'the key is one' "$(redis FCALL treadle_version 2 a b 2>&1)" '^USAGE '
refuses 'a wrong number' '^USAGE ' register w1 soon host 1 v 1 q
refuses 'a worker registers with its queues' '^USAGE ' register w1 15000

# What a group of workers is not there for.
is 'a queue without a group is shown' "$(call queues |
	query '.queues[0] | "\(.queue) \(.waiting) \(.workers)"')" 'q 0 0'
redis SET "$P:worker:ghost" x >/dev/null
redis DEL "$P:worker:ghost" >/dev/null
redis HSET "$P:worker:odd" host h pid 1 queues q >/dev/null
redis ZADD "$P:workers" 1 odd >/dev/null
is 'a worker without a group loses nothing' \
	"$(call reclaim c1 60000 10 | query '.workers[0].recovered')" 0

register w1 >/dev/null
call submit "$r" chain '' '' 0 >/dev/null
take w1
is 'a note may be of anything' \
	"$(call note w1 "$ENTRY" "$r" a 1 '{"p":1}' memo '{"usd":1}' line)" COMMITTED
is 'or of nothing' "$(call note w1 "$ENTRY" "$r" a 1 '' '' '' '')" COMMITTED
is 'who holds nothing notes nothing' \
	"$(call note w1 9-0 "$r" a 1 x '' '' '')" FENCED
is 'what is said of another try is fenced' \
	"$(call defer w1 q 9-0 "$r" a 1 1 '')" FENCED
is 'a run that is gone' "$(call fail w1 q "$ENTRY" "$(run_id 9)" a 1 5 error \
	1 x '')" GONE
is 'is gone' "$(RUN=$(run_id 9); complete w1)" GONE
is 'the logs tell of a try that has only written' \
	"$(call logs "$r" | query '.attempts[0] | "\(.step) \(.attempt) \(.log)"')" \
	'a 1 line'
refuses 'logs are of a step of the workflow' '^ABSENT ' logs "$r" zz
is 'a step put aside without a memo' \
	"$(call defer w1 q "$ENTRY" "$r" a 1 1 '')" COMMITTED
call promote c2 60000 100 >/dev/null
is 'a second coordinator stands by' "$(call promote c3 60000 100 | query .role)" \
	standby
is 'so for reclaiming' "$(call reclaim c3 60000 100 | query .role)" standby
call sweep c1 1000 100 999999 9999 >/dev/null
is 'and for sweeping' "$(call sweep c3 1000 100 0 0 | query .role)" standby
redis DEL "$P:lead:promote" "$P:lead:reclaim" "$P:lead:sweep" >/dev/null

# The run fails elsewhere while its step is under way.
s=$(run_id 2)
call submit "$s" diamond '' '' 0 >/dev/null
while read -r ENTRY RUN STEP < <(read_entry w1) && [ "$RUN" != "$s" ]; do
	take_again w1
	complete w1 >/dev/null
done
take_again w1
complete w1 >/dev/null
take w1
[ "$RUN" = "$s" ] || { complete w1 >/dev/null; take w1; }
first=$ENTRY first_step=$STEP
take w1
[ "$RUN" = "$s" ] || { complete w1 >/dev/null; take w1; }
second=$ENTRY second_step=$STEP
call fail w1 q "$first" "$s" "$first_step" 1 -1 rejected 1 no '' >/dev/null
is 'what beside it would be tried again is not' \
	"$(call fail w1 q "$second" "$s" "$second_step" 1 5 error 1 x '') \
$(state_of "$s" "$second_step")" 'COMMITTED cancelled'
is 'a dead letter is dropped' "$(call drop "$(field "$s" "dead:$first_step")" |
	query .step)" "$first_step"
call retry "$s" >/dev/null
take w1
is 'cancelled under way' "$(call cancel "$s" why | query .stopped)" 1
is 'a cancelled one hears so' "$(complete w1)" CANCELLED
is 'the order to stop is told' "$(call heartbeat w1 15000 1 |
	grep -c "$ENTRY")" 1
refuses 'what has finished is not cancelled' '^CONFLICT ' cancel "$(
	t=$(run_id 3)
	call submit "$t" one '' '' 0 >/dev/null
	take w1 >/dev/null
	while [ "$RUN" != "$t" ]; do complete w1 >/dev/null; take w1; done
	complete w1 >/dev/null
	echo "$t"
)" x
is 'cancelled twice is once' "$(call cancel "$s" x | query .stopped)" 0
refuses 'a done run is tried again from a step' '^CONFLICT ' retry "$(run_id 3)"
refuses 'which it has' '^ABSENT ' retry "$(run_id 3)" zz
is 'it runs again from there' \
	"$(call retry "$(run_id 3)" a | query '.steps[0]')" a
refuses 'but not while it runs' '^CONFLICT ' retry "$(run_id 3)"
refuses 'nor is it forgotten' '^CONFLICT ' forget "$(run_id 3)"

# Values of all kinds, large and damaged.
u=$(run_id 4)
call submit "$u" one '' '' 0 >/dev/null
while take w1 && [ "$RUN" != "$u" ]; do complete w1 >/dev/null; done
complete w1 "$(printf '\xde')" >/dev/null
output() { # BYTES as printf has them
	printf '%b' "$1" | redis -x HSET "$P:out:$u" a >/dev/null
	call status "$u" 2>&1 | query '.steps[0].output // "none"' 2>/dev/null ||
		call status "$u" 2>&1
}
is 'a half' "$(output '\xcb\x3f\xe0\0\0\0\0\0\0')" 0.5
is 'infinity is not JSON' "$(output '\xcb\x7f\xf0\0\0\0\0\0\0')" none
is 'a small negative' "$(output '\xff')" -1
is 'a sized text' "$(output '\xd9\x01x')" x
is 'true' "$(output '\xc3')" true
is 'a list' "$(output '\x92\x01\x02' | jq -c .)" '[1,2]'
is 'a map' "$(output '\x81\xa1k\x07' | jq -c .)" '{"k":7}'
like 'a tag that is none' "$(output '\xc1')" 'damaged'
like 'cut off' "$(output '\x92\x01')" 'damaged'
redis HSET "$P:out:$u" a "$(head -c 20000 /dev/zero | tr '\0' x)" >/dev/null
is 'what is large is not shown, but its size' \
	"$(call status "$u" | query '.steps[0] | "\(.output) \(.output_bytes)"')" \
	'null 20000'
redis HDEL "$P:out:$u" a >/dev/null
is 'nor what is gone' "$(call status "$u" | query '.steps[0].output')" null

# What is due and has no run any more; what is very late.
redis ZADD "$P:delayed" 1 "$(run_id 8)/a" 1 "$u/a" >/dev/null
is 'what is due of no run is dropped' "$(call promote c1 1000 100 |
	query .promoted)" 0
is 'a page may be full' "$(call list '' '' 1 | query '.runs | length')" 1
is 'and goes on' "$(call list '' '' 1 | query '.cursor | length')" 26
is 'dead letters go by pages' "$(call dead '' 1 | query '.dead | length')" 0
is 'many are found' "$(call find 01k | query '.runs | length')" 4
is 'counted' "$(call stats | query '.runs.done > 0')" true

# The library is new, and what a run is pinned to has been lost.
redis HSET "$P:run:$u" def nothing >/dev/null
refuses 'a run without its definition' '^ABSENT ' status "$u"
is 'it is forgotten all the same' "$(call forget "$u" | query .run)" "$u"

# Whose definition has been lost while a worker had it in hand.
c=$(run_id 30)
call submit "$c" one '' '' 0 >/dev/null
read -r ENTRY RUN STEP < <(read_entry w1)
redis HSET "$P:run:$c" def nothing >/dev/null
is 'what is gone is not begun' "$(call take w1 q "$ENTRY" "$RUN" "$STEP" |
	sed -n 2p) $(redis XLEN "$P:queue:q")" 'DROPPED 0'
redis HSET "$P:run:$c" def one >/dev/null
repaired 'once it is back it may begin' step "$c" a
take w1
redis HSET "$P:run:$c" def nothing >/dev/null
is 'what is gone is not handed back' "$(call release w1 q "$ENTRY" "$RUN" "$STEP")" \
	FENCED
redis HSET "$P:run:$c" def one >/dev/null
call forget "$c" >/dev/null 2>&1 || call cancel "$c" >/dev/null
d=$(run_id 31)
call submit "$d" chain '' '' 0 >/dev/null
while [ "$RUN $STEP" != "$d a" ]; do take w1; done
complete w1 x >/dev/null
redis HSET "$P:run:$d" def nothing >/dev/null
is 'a repeat is known without it' "$(complete w1 x)" DUPLICATE
redis HSET "$P:run:$d" def chain >/dev/null
call cancel "$d" >/dev/null

# More definitions than are kept decoded, all of them in use.
redis SET test:graph '' >/dev/null
redis EVAL 'redis.call("SET", KEYS[1], cmsgpack.pack(cjson.decode(ARGV[1])))' 1 \
	test:graph "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")" >/dev/null
bytes=$(redis --raw GET test:graph | head -c -1 | od -An -v -tx1 |
	tr -d '\n' | sed 's/ /\\x/g')
redis DEL test:graph >/dev/null
for i in $(seq 500 799); do
	printf 'FCALL treadle_define 1 %s d%d canonical "%s"\n' "$P" "$i" "$bytes"
	printf 'FCALL treadle_submit 1 %s 01k0000000000000000000%d0 d%d "" "" 0\n' \
		"$P" "$i" "$i"
done >"$TREADLE_TEST_TMP/many"
is 'three hundred definitions' "$(redis <"$TREADLE_TEST_TMP/many" |
	grep -c CREATED)" 300
many=01k0000000000000000000
is 'all serve' "$(call status ${many}5000 | query .state) $(call status \
	${many}7990 | query .state)" 'running running'
is 'ten runs are found at most' "$(call find $many | query '.runs | length')" 10
redis DEL "$P:queue:q" >/dev/null
redis XGROUP CREATE "$P:queue:q" strangers 0 MKSTREAM >/dev/null
is 'a group of strangers is not the workers'"'" "$(call queues |
	query '.queues[0] | "\(.queue) \(.running)"')" 'q 0'

# What Redis itself refuses is told as it says it.
redis DEL "$P:counters" >/dev/null
redis SET "$P:counters" text >/dev/null
refuses 'a key of another type' 'WRONGTYPE' submit "$(run_id 32)" one '' '' 0
redis DEL "$P:counters" >/dev/null
done_testing
