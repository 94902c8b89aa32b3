#!/bin/bash
# SPDX-License-Identifier: MIT
# Workflows that are applied: a name stands for a definition, and keeps it.
. "$(dirname "$0")/lib.sh"

start_library
# apply DIGEST GRAPH [ONCE]: the answer.
apply() {
	redis EVAL 'return redis.call("SET", KEYS[1],
		cmsgpack.pack(cjson.decode(ARGV[1])))' 1 test:graph "$2" >/dev/null
	redis --raw GET test:graph | head -c -1 |
		redis -X GRAPH FCALL treadle_apply 1 "$P" "$1" canonical GRAPH \
			${3:+"$3"}
	redis DEL test:graph >/dev/null
}
flow=$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")
wordy=$(jq -c '. + {description: "what it does"}' <<<"$flow")
other=$(jq -c '.name = "other"' <<<"$flow")
unused() { redis ZSCORE "$P:definitions" "$1" | grep -c .; }
sweep() { # as if a day had passed for what is listed
	local digest
	for digest in $(redis ZRANGE "$P:definitions" 0 -1); do
		redis ZADD "$P:definitions" 1 "$digest" >/dev/null
	done
	call sweep k1 1000 100 999999999 999999 | query .definitions
}

is 'nothing is applied' "$(call workflows | query '.workflows | length')" 0
is 'a first definition' "$(apply v1 "$flow" once:me.1)" \
	'{"workflow":"flow","definition":"v1","change":"created"}'
is 'said again' "$(apply v1 "$flow" once:me.1 | query .change)" created
is 'the same once more' "$(apply v1 "$flow" once:me.2)" \
	'{"workflow":"flow","definition":"v1","change":"unchanged","before":"v1"}'
since=$(redis HGET "$P:def:v1" applied_at)
is 'is applied since the first time' \
	"$(call workflows flow | query '.workflows[0].applied_at')" "$since"
is 'it is used' "$(unused v1)" 0
is 'and never swept' "$(sweep)$(redis EXISTS "$P:def:v1")" 01

r=$(run_id 1)
call submit "$r" v1 '' '' 0 >/dev/null
is 'another definition' "$(apply v2 "$wordy" once:me.3)" \
	'{"workflow":"flow","definition":"v2","change":"changed","before":"v1"}'
is 'is listed' "$(call workflows | query '.workflows[] | [.workflow, .definition,
	.steps, .description, .last_run] | join(" ")')" \
	"flow v2 1 what it does $r"
is 'a run stays with its own' "$(field "$r" def) $(unused v1)" 'v1 0'
register w1 >/dev/null
take w1
complete w1 >/dev/null
call forget "$r" >/dev/null
is 'which is unused when that is gone' "$(unused v1) $(unused v2)" '1 0'
is 'and is swept' "$(sweep) $(redis EXISTS "$P:def:v1" "$P:def:v2")" '1 1'

r=$(run_id 2)
call submit "$r" v2 '' '' 0 >/dev/null
take w1
complete w1 >/dev/null
call forget "$r" >/dev/null
is 'without a run a named one is used still' "$(unused v2)" 0
apply o1 "$other" >/dev/null
is 'names are sorted' "$(call workflows | query '[.workflows[].workflow] | join(" ")')" \
	'flow other'
is 'one that is not applied' "$(call workflows nobody)" '{"workflows":[]}'
is 'a name goes' "$(call unapply flow once:me.4)" \
	'{"workflow":"flow","definition":"v2"}'
is 'said again, too' "$(call unapply flow once:me.4 | query .definition)" v2
like 'and is gone' "$(call unapply flow 2>&1)" '^ABSENT no workflow "flow"'
is 'its definition is unused' "$(unused v2) $(unused o1)" '1 0'
is 'and swept' "$(sweep) $(redis EXISTS "$P:def:v2")" '1 0'
define v2 "$wordy" >/dev/null
apply v2 "$wordy" >/dev/null
is 'one that was defined may be applied' "$(unused v2)" 0

redis DEL "$P:def:v2" >/dev/null
apply v2 "$wordy" >/dev/null
is 'and one whose definition somebody deleted, again' \
	"$(redis HEXISTS "$P:def:v2" applied_at) $(unused v2)" '1 0'

# --- one that performs another ---------------------------------------------------

apply inner "$(jq -c '.name = "inner"' <<<"$flow")" >/dev/null
apply outer "$(jq -c '.name = "outer" | .performs = ["inner"] |
	.steps.a.definition = "inner"' <<<"$flow")" >/dev/null
like 'one that another performs does not go' "$(call unapply inner 2>&1)" \
	'^CONFLICT workflow "inner" is performed by outer: remove that first'
is 'it is told who performs whom' \
	"$(call workflows outer | query '.workflows[0].performs[]')" inner
call unapply outer >/dev/null
is 'after that it does' "$(call unapply inner | query .definition)" inner

# --- bounds, damage ------------------------------------------------------------

like 'a name needs a definition' "$(call apply '' x y 2>&1)" '^USAGE apply takes'
redis HSET "$P:def:o1" applied_at 5 >/dev/null
left_alone 'a definition that is named' definition o1
redis HDEL "$P:named" other >/dev/null
repaired 'one that is not, and says so' definition o1
is 'is unused' "$(unused o1)" 1
redis HSET "$P:named" other o1 >/dev/null
repaired 'one that is, and does not say so' definition o1
is 'is used' "$(unused o1)" 0
redis ZADD "$P:definitions" 1 o1 >/dev/null
repaired 'one that is listed as unused' definition o1
redis ZADD "$P:definitions" 1 o1 >/dev/null
call sweep k1 1000 100 999999999 999999 >/dev/null
is 'is kept all the same' "$(redis EXISTS "$P:def:o1")" 1
redis HSET "$P:named" $(for i in {1..998}; do echo "n$i d$i"; done) >/dev/null
like 'there may be a thousand names' "$(apply x9 "$(jq -c '.name = "x9"' <<<"$flow")" 2>&1)" \
	'CONFLICT there are 1000 applied'
is 'which may change' "$(apply v3 "$flow" | query .change)" changed
done_testing
