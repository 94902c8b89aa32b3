#!/bin/bash
# SPDX-License-Identifier: MIT
# goal: the same seed gives the same worlds and data, another one others
. "$(dirname "$0")/../e2e/lib.sh"

library=$ROOT/build/gen/simulated.lua
simulate() { # SEED LANES: without times, and restarts, which are the lane's
	"$TREADLE_BUILD/simulator" --library "$library" --seed "$1" \
		--worlds 12 --lanes "$2" 2>&1 | sed 's/ in .* s: .*//; s/, [0-9]* full scans.*//'
}

once=$(simulate 7 1)
like 'a simulation tells the digest of its data' "$once" \
	'digest [0-9a-f]{16}'
is 'the same seed gives the same actions and the same data, in lanes as well' \
	"$(simulate 7 3)" "$once"
other=$(simulate 8 1)
unlike 'another seed gives another digest' "$other" \
	"$(grep digest <<<"$once")"
done_testing
