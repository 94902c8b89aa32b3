#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs that wait for runs, where one of both is gone, damaged or over.
. "$(dirname "$0")/lib.sh"

start_library
with() { jq -c ". + {$1}" <<<"$2"; }
named() { jq -c ".name = \"$1\" | .performs = [\"x\"]"; }
define leaf "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")" >/dev/null
define gone "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")" >/dev/null
# performer DIGEST OF [MEMBERS]: p performs OF, w runs beside it.
performer() {
	define "$1" "$(with "${3:-x: 1}" "$(graph 2 '["p","w"]' "$(printf \
		'"p":%s,"w":%s' "$(with "definition: \"$2\", kind: \"workflow\"" \
		"$(step '[]' "${4:-[]}")")" "$(step '[]' "${4:-[]}")")${5:-}" |
		named "$1")")" >/dev/null
}
performer top leaf
performer lacking gone
performer closes leaf 'branches: true, closing: ["z"]' '["z"]' \
	",\"z\":$(with 'when: "always"' "$(step '["p","w"]' '[]')")"
register w1 >/dev/null
register w2 >/dev/null

# begin N DEFINITION: a run; its p is held by w1, its w by w2.
begin() {
	r=$(run_id "$1") c=$(run_id "5$1")
	redis XTRIM "$P:queue:q" MAXLEN 0 >/dev/null # what others have left
	call submit ${3:-} "$r" "$2" '' '' 0 >/dev/null
	take w1
	of_p="$ENTRY $RUN $STEP $ATTEMPT"
	[ "$STEP" = p ] || fail "$STEP is the first, not p"
	take w2
	of_w="$ENTRY $RUN $STEP $ATTEMPT"
	hold "$of_p"
}
hold() { read -r ENTRY RUN STEP ATTEMPT <<<"$1"; }
spawn() { call spawn w1 q "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "${1:-$c}" in 0; }
fail_beside() { hold "$of_w"; fail_step w2 -1 rejected >/dev/null; }
record() { field "$r" "step:$1" | cut -d ' ' -f 1-3; }
memo() {
	redis EVAL 'return cjson.encode(cmsgpack.unpack(redis.call("HGET",
		KEYS[1], ".memo:p")))' 1 "$P:out:$r" | query '"\(.class): \(.detail)"'
}

begin 1 lacking
redis DEL "$P:def:gone" >/dev/null
is 'where its definition is gone' "$(spawn)" COMMITTED
is 'a step is dead' "$(record p),$(field "$r" state)" 'dead 1 0,failed 2'
is 'for good' "$(call dead '' 1 | query '.dead[0] | "\(.class): \(.detail)"')" \
	'unsupported: no definition of its workflow is stored'
is 'and no run was made' "$(redis EXISTS "$P:run:$c" "$P:children")" 0

begin 2 top no-cache
spawn >/dev/null
is 'a child uses the cache where its parent does' "$(field "$c" no_cache)" 1
fail_beside
take w1
fail_step w1 -1 rejected >/dev/null
is 'a child that fails after its parent' "$(record p),$(field "$r" state)" \
	'cancelled 1 0,failed 2'
is 'leaves nothing to do' "$(redis XLEN "$P:queue:q")" 0

begin 3 closes
fail_beside
is 'a run that is being closed' "$(field "$r" state)" 'running 1 draining'
hold "$of_p"
is 'makes no child any more' "$(spawn) $(record p) $(redis EXISTS "$P:run:$c")" \
	'COMMITTED cancelled 1 0 0'
is 'and cleans up' "$(record z),$(field "$r" state)" 'ready 0 0,running 1 cleaning'
call cancel "$r" >/dev/null

begin 4 top
spawn >/dev/null
redis DEL "$P:run:$r" >/dev/null
take w1
is 'a child outlives a parent that somebody has deleted' "$(complete w1 out)" \
	COMMITTED
is 'and goes when it is time' "$(redis ZSCORE "$P:finished" "$c")" \
	"$(field "$c" finished_at)"

begin 5 top
spawn >/dev/null
redis HSET "$P:run:$r" def nothing >/dev/null
take w1
is 'where the definition of its parent is gone' "$(complete w1 out)" COMMITTED
is 'nothing can follow from its end' "$(field "$c" state),$(record p)" \
	'done 0,parked 1 0'
is 'but it is kept' "$(redis ZSCORE "$P:finished" "$c")" ''
redis HSET "$P:run:$r" def top >/dev/null
repaired 'until that is back' step "$r" p
is 'and then it does' "$(record p)" 'done 1 0'

# --- the reason is damaged -----------------------------------------------------

begin 6 top
spawn >/dev/null
parent=$(redis HGET "$P:children" "$c")
redis HDEL "$P:children" "$c" >/dev/null # so that its end is not told
take w1
fail_step w1 -1 rejected >/dev/null
redis HSET "$P:run:$c" reason junk >/dev/null
is 'its parent waits still' "$parent,$(record p)" "$r/p,parked 1 0"
repaired 'a child that has failed for no known reason' step "$r" p
is 'is an error' "$(memo)" "error: run $c failed"

# --- what is not there can not be tried again -------------------------------------

take w1
fail_step w1 0 error >/dev/null
call promote k1 1000 100 >/dev/null
redis HSET "$P:run:$c" state 'failed 0' step:a 'done 1 0 0 0' >/dev/null
take w1
c=$(run_id 96)
is 'for a child of which nothing is left' "$(spawn)" COMMITTED
is 'there is another' "$(field "$r" child:p) $(record p)" "$c parked 2 0"
take w1; complete w1 out >/dev/null
hold "$of_w"; complete w2 >/dev/null
is 'which does it' "$(field "$r" state)" 'done 0'
redis DEL "$P:run:$c" >/dev/null
redis ZREM "$P:runs:done" "$c" >/dev/null
call retry "$r" p >/dev/null
is 'nor is one that was deleted' "$(field "$r" child:p),$(record p)" ',ready 2 0'
is 'listed' "$(redis ZSCORE "$P:finished" "$c")" ''
done_testing
