#!/bin/bash
# SPDX-License-Identifier: MIT
# goal: the same seed gives the same worlds and data, another one others
. "$(dirname "$0")/../e2e/lib.sh"

library=$ROOT/build/gen/simulated.lua
simulate() { # SEED: without what is different each time, the seconds it took
	"$TREADLE_BUILD/simulator" --library "$library" --seed "$1" \
		--worlds 12 2>&1 | sed 's/ in .* s: .*//'
}

once=$(simulate 7)
like 'a simulation tells the digest of its data' "$once" \
	'digest [0-9a-f]{16}'
is 'the same seed gives the same actions and the same data' "$(simulate 7)" \
	"$once"
other=$(simulate 8)
unlike 'another seed gives another digest' "$other" \
	"$(grep digest <<<"$once")"
done_testing
