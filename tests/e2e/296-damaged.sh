#!/bin/bash
# SPDX-License-Identifier: MIT
# What somebody has damaged in Redis fails the steps that read it, with a word of what it is.
. "$(dirname "$0")/../lua/lib.sh"
. "$(dirname "$0")/steps.sh"

start_library
start_coordinator
register w1 >/dev/null
junk=$(printf '\xd9') # a text without its length

# submit STEP...: a run of these steps (YAML), of which w1 does what is said
# before a real worker is begun.
submit() {
	RUNS=$((${RUNS:-0} + 1))
	r=$(printf '%s\n' "name: flow$RUNS" 'input: {}' \
		'defaults: {queue: q, retry: {attempts: 1}}' 'steps:' "$@" |
		treadle submit - -i n=1) || fail 'not submitted'
}
expand() { call expand w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" 0 "$@"; }
damage() { redis HSET "$P:out:$r" "$1" "$2" >/dev/null; } # FIELD VALUE
one=$(printf '\x01')
# complains NAME STEP REGEX [CLASS]: it is dead, and says so.
complains() {
	start_worker --worker-queues q
	wait_until "state_of '$r' '$2' | grep -qE '^(dead|done|failed)$'"
	like "$1" "$(ask dead '' 9 '' "$2" '' '' "$r" |
		jq -r '.dead[0] | "\(.class): \(.detail)"')" \
		"^${4:-expression}: $3"
	stop "$WORKER"
}

# --- lists --------------------------------------------------------------------

list='  l: {for_each: [1, 2], max_parallel: 1, pass: {value: "${.item}"}}'
reader='  b: {needs: l, pass: {value: "${.steps.l.output}"}}'
begin_list() { # ITEM: a list of which that is the first
	submit "$list" "$reader"
	take w1
	expand "$1" "$one" >/dev/null
	complete w1 "$(printf '\x02')" >/dev/null
}
begin_list ''
complains 'an item that is gone' l/0 'redis gave no item'
begin_list "$junk"
complains 'one that can not be read' l/0 'item'

end_list() { # both items are done, b is ready
	begin_list "$one"
	take w1; complete w1 "$one" >/dev/null
	take w1; complete w1 "$one" >/dev/null
}
end_list
redis LTRIM "$P:results:$r/l" 0 0 >/dev/null
complains 'a list of which some is gone' b 'redis gave 1 of the 2 results of a list'
end_list
redis LSET "$P:results:$r/l" 0 "$junk" >/dev/null
complains 'one that can not be read' b l:
for text in "$junk" "$(printf '\xa1x')" "$(printf '\xff')"; do
	end_list
	damage l "$text"
	start_worker --worker-queues q
	wait_until "state_of '$r' b | grep -qE '^(dead|done)$'"
	stop "$WORKER"
done
is 'how long it is, neither: it is taken as it stands' "$(state_of "$r" b) \
$(ask status "$r" | jq -c '.steps[] | select(.step == "b") | .output')" 'done -1'

# --- rounds --------------------------------------------------------------------

for left in junk '1 x 0 ' '1 1 x ' "1 1 0 $junk"; do
	submit '  a: {repeat: {until: "${.output > 5}", max: 9}, pass: {value: 1}}'
	damage .last:a "$left"
	redis HSET "$P:run:$r" again:a '0 0' >/dev/null
	complains "what a round has left, as '${left::5}'" a '(what the last round left|.*byte)'
done

# --- why a run is undone -------------------------------------------------------------

submit '  a: {pass: {value: 1}, compensate: {pass: {value: "${.run.reason.class}"}}}' \
	'  b: {needs: a, pass: {value: 1}}'
take w1; complete w1 "$one" >/dev/null
take w1; fail_step w1 -1 rejected >/dev/null
damage .reason "$junk"
complains 'the reason' a.undo 'reason'

# --- what a try has left for the next one -------------------------------------------

submit '  a: {pass: {value: 1}}'
take w1; fail_step w1 0 >/dev/null
damage .memo:a "$junk"
start_worker --worker-queues q
until_state "$r" done
stop "$WORKER"
ok 'is worth nothing, then' true

# --- the definition -----------------------------------------------------------------

submit '  a: {pass: {value: 1}}'
redis HDEL "$P:def:$(field "$r" def)" canonical >/dev/null
complains 'a definition that is gone may come back' a '.' transient
submit '  a: {pass: {value: 2}}'
redis HSET "$P:def:$(field "$r" def)" canonical "$junk" >/dev/null
complains 'one that can not be read will not' a '.' unsupported

# --- what can not be evaluated ------------------------------------------------------

submit '  a: {if: "${.input.n.x}", pass: {value: 1}}'
complains 'a condition that leads nowhere' a '.*(jq|number|path|\.n|index)'
submit '  a: {if: "${.input.n | .x}", pass: {value: 1}}'
complains 'one that fails' a '.*(jq|number|path|\.n|index)'
submit '  a: {cache: {key: "${.input.n.x}"}, exec: {command: ["true"]}}'
complains 'a key of the cache that leads nowhere' a '.*(jq|number|path|\.n|index)'
submit '  a: {cache: {key: "${.input.n | .x}"}, exec: {command: ["true"]}}'
complains 'one that fails' a '.*(jq|number|path|\.n|index)'
submit '  a: {repeat: {until: "${.output | .x}", max: 9}, pass: {value: 1}}'
complains 'an end of rounds that can not be told' a '.*(jq|number|path|\.n|index)'

# --- the cache ------------------------------------------------------------------------

start_worker --worker-queues q
cached='  a: {cache: 1h, exec: {command: [echo, "${.input.n}"], output: json}}'
for value in none '' "x/a" "x/a $junk"; do
	key=$(redis --scan --pattern "$P:cache:*")
	[ "$value" = none ] || redis SET "$key" "$value" EX 3600 >/dev/null
	submit "$cached"
	until_state "$r" done
	is "what is kept as '${value::4}' is performed" \
		"$(ask status "$r" | jq -r '.steps[0] | "\(.output) \(.cached)"')" '1 null'
done
submit "$cached"
until_state "$r" done
is 'and kept anew' "$(ask status "$r" | jq -r '.steps[0] | "\(.output) \(.cached)"')" \
	'1 true'
done_testing
