#!/bin/bash
# SPDX-License-Identifier: MIT
# goal: whatever happens to actors, calls, clocks and Redis, all invariants hold
. "$(dirname "$0")/../e2e/lib.sh"

# SIMULATION_SECONDS: for how long new worlds are begun. One lane, for
# other tests run beside it.
seconds=${SIMULATION_SECONDS:-60}
library=$ROOT/build/gen/simulated.lua
seed=$(date +%s)

said=$("$TREADLE_BUILD/simulator" --library "$library" --seed "$seed" \
	--seconds "$seconds" --lanes 1 2>&1)
status=$?
note "$said"
is "seed $seed: no invariant is broken" "$status" 0
like 'faults were among it' "$said" 'applied, the reply is lost +[1-9]'
like 'and restarts of Redis' "$said" '[1-9][0-9]* restarts of Redis'
done_testing
