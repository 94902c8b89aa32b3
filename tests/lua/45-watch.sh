#!/bin/bash
# SPDX-License-Identifier: MIT
# Leases end by Redis' clock, but only by time that somebody has watched.
. "$(dirname "$0")/lib.sh"

LEASE_MS=15000
start_library
clock() {
	local s us
	read -r s us < <(redis --raw TIME | paste -sd ' ')
	echo $((s * 1000 + us / 1000))
}
# Its lease ends so many ms from now, or has ended.
lease_ends() { # WORKER MS
	redis ZADD "$P:workers" "$(($(clock) + $2))" "$1" >/dev/null
}
# The last look was so many ms ago, or ahead.
looked() { redis SET "$P:looked" "$(($(clock) - $1))" >/dev/null; } # MS
# look SINCE READ: by one who has watched from SINCE ms ago on, and read the
# clock READ ms ago; how many leases began anew and how many workers were lost
# in TOLD, the whole answer in SAID.
look() {
	local now
	now=$(clock)
	SAID=$(call reclaim c1 1000 100 $((now - $1)) $((now - $2)))
	TOLD=$(query '"\(.spared) \(.workers | length)"' <<<"$SAID")
}
# How long its lease lasted from the last look on, in ms.
left() { # WORKER
	echo $(($(redis ZSCORE "$P:workers" "$1") - $(query .now <<<"$SAID")))
}
register w1 >/dev/null # for 15 s

# Who looks, and what he knows.
look 0 0
is 'when nobody has ever looked a lease begins anew' "$TOLD" '1 0'
is 'with the time to connect again' "$(left w1)" 17000
is 'the look is kept' "$(redis GET "$P:looked")" "$(query .now <<<"$SAID")"
look 0 0
is 'whoever looks next need not wait once more' "$TOLD" '0 0'
lease_ends w1 -1
looked 3000
look 0 0
is 'less than a third of a lease unwatched takes none away' "$TOLD" '0 1'
register w2 >/dev/null
lease_ends w2 -1
looked 6000
look 0 0
is 'more than a third is another lease' "$TOLD" '1 0'
lease_ends w2 -1
looked 3600000
look 3700000 0
is 'whoever has watched all the while need not give it' "$TOLD" '0 1'

# What each worker can bear depends on its own lease.
register w3 >/dev/null
call register w4 60000 host 1 v1 4 q >/dev/null
lease_ends w3 -1
lease_ends w4 -1
looked 6000
look 0 0
is 'a third of a longer lease is more' \
	"$(query '"\(.spared) \(.workers[0].worker)"' <<<"$SAID")" '1 w4'
lease_ends w3 30000
looked 6000
look 0 0
is 'no lease is made to last longer than one' "$TOLD $(left w3)" '0 0 15000'

# A call that is late.
lease_ends w3 -1
looked 0
look 20000 6000
is 'what has passed since the clock was read is unwatched too' "$TOLD" '1 0'
lease_ends w3 -1
look 0 -60000
is 'a clock that went back since then is not believed' "$TOLD" '0 0'
is 'and asked again at once' "$(query '.next_due == .now' <<<"$SAID")" true
is 'who lets go of the lead does nothing else' \
	"$(call reclaim c1 1 100 0 "$(clock)" | query '.workers | length')" 0
is 'without such knowledge the clock is taken at its word' \
	"$(call reclaim c1 1000 100 | query '.workers[0].worker')" w3

# A clock that goes back, and may return.
register w6 >/dev/null
lease_ends w6 3600000
before=$(redis ZSCORE "$P:workers" w6)
call heartbeat w6 15000 0 >/dev/null
is 'a beat by a clock that went back makes no lease end earlier' \
	"$(redis ZSCORE "$P:workers" w6)" "$before"
looked -3600000
register w7 >/dev/null
is 'nor is a new one given by it' "$(redis ZSCORE "$P:workers" w7)" \
	$(($(redis GET "$P:looked") + 15000))
look 0 0
is 'the next look shortens what is longer than a lease' \
	"$(left w6) $(left w7)" '15000 15000'
redis HDEL "$P:worker:w6" lease_ms >/dev/null
look 0 0
is 'a worker whose lease is unknown has none' "$TOLD" '0 1'
done_testing
