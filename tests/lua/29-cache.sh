#!/bin/bash
# SPDX-License-Identifier: MIT
# Outputs are kept for the same work, within bounds, and it is told whose they were.
. "$(dirname "$0")/lib.sh"

start_library
define_all
r=$(run_id 1)
keep() { call remember "$1" "${3:-60000}" "$r" a "$2"; } # KEY OUTPUT [TTL_MS]
counter() { redis HGET "$P:counters" "$1"; }
register w1 >/dev/null
call submit "$r" one in '' 0 >/dev/null

is 'nothing is known at first' "$(call recall "$r" k1)" ''
is 'what is kept' "$(keep k1 x1)" KEPT
is 'is found, with whose it was' "$(call recall "$r" k1)" "$r/a x1"
keep k1 x2 >/dev/null
is 'the newest is found' "$(call recall "$r" k2 "$r" k1)" "
$r/a x2"
is 'hits and misses are counted' \
	"$(counter cache_hits) $(counter cache_misses)" '2 2'
ok 'it ends by itself' [ "$(redis PTTL "$P:cache:k1")" -gt 0 ]
like 'a span must be a number' "$(call remember k1 soon "$r" a x)" 'TTL_MS'
like 'questions come in pairs' "$(call recall "$r")" 'RUN KEY'
like 'what is to be kept comes in fives' "$(call remember k1 60000)" 'KEY TTL_MS'

call submit no-cache "$(run_id 2)" one in '' 0 "$(run_id 3)" one in '' 0 >/dev/null
is 'a run without the cache finds nothing' "$(call recall "$(run_id 2)" k1)" ''
is 'of all runs of that call' "$(call recall "$(run_id 3)" k1)" ''
like 'no-cache alone is no submission' "$(call submit no-cache)" 'no-cache'
call submit no-cache "$r" one in '' 0 >/dev/null
is 'one that was there stays as it was' "$(call recall "$r" k1)" "$r/a x2"

# Memory that runs may need is not taken for the cache.
used=$(redis INFO memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p')
redis CONFIG SET maxmemory $((used * 5 / 4)) >/dev/null
wait_until '[ "$(keep k3 x3)" = FULL ]'
is 'with little memory left nothing is kept' \
	"$(keep k4 x4) $(redis EXISTS "$P:cache:k4")" 'FULL 0'
is 'but found' "$(call recall "$r" k1)" "$r/a x2"
redis CONFIG SET maxmemory 0 >/dev/null
wait_until '[ "$(keep k3 x3)" = KEPT ]'

take w1
is 'what is known is committed' "$(complete w1 x2 "0 $r/a")" COMMITTED
is 'it is told whose it was' \
	"$(call status "$r" | query '.steps[0] | .cached, .cached_from')" \
	"true
$r/a"
is 'said once more' "$(complete w1 x2 "0 $r/a")" DUPLICATE
call retry "$r" a >/dev/null
is 'a step that is run again is not cached' "$(field "$r" cached:a)" ''

r=$(run_id 4)
call submit "$r" chain in '' 0 >/dev/null
while [ "$RUN $STEP" != "$r a" ]; do take w1; done
is 'it may have an heir' "$(complete w1 x "1 $r/a" | head -n 1)" 'COMMITTED b'
is 'which is told again' "$(complete w1 x "1 $r/a" | head -n 1)" 'DUPLICATE b'

redis SET "$P:cache:k9" x >/dev/null
repaired 'what would never expire' forget cache:k9
left_alone 'what will' forget cache:k1
left_alone 'what is no cached output' forget counters
left_alone 'an end that must come' persist cache:k1
done_testing
