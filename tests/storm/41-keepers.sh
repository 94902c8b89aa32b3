#!/bin/bash
# SPDX-License-Identifier: MIT
# Replies to what coordinators say are lost, after it was done: what is due comes once, what is over goes.
. "$(dirname "$0")/lib.sh"

CALLS='promote reclaim sweep probe stats xread'
MANY=$((100 * SCALE))
VIA_PROXY=yes
# That is also how often they sweep.
export TREADLE_COORDINATOR_RETENTION=1s
begin_world --appendfsync always
for _ in $(seq 12); do start_coordinator; done
begin_load 20

# Each answers from what it knows for a second.
urls=()
for pid in "${COORDINATORS[@]}"; do
	url=$(log_of "$pid" | grep -oE 'http://[0-9.:]+' | head -n 1)
	urls+=("$url/readyz" "$url/metrics")
done

# shellcheck disable=SC2086 # a list of words
lose "$MANY" 60 $CALLS
for i in $(counted 1000); do
	[ "$(left $CALLS)" != 0 ] || break
	kill_worker
	curl -s -m 3 --parallel --parallel-max 50 "${urls[@]}" \
		>/dev/null 2>&1
	rest 100
done
is 'each reply that was to be lost was' "$(rules | awk '$3 > 0')" ''
verdict 'replies to coordinators are lost'
done_testing
