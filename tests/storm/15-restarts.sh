#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers and coordinators are told to stop, and replaced: what was begun ends, and once.
. "$(dirname "$0")/lib.sh"

# What is in progress may end, though it takes longer than a lease.
export TREADLE_WORKER_LEASE=3s TREADLE_WORKER_GRACE=60s
EFFECT_MS=6000
begin_world --appendfsync always
begin_load 40
for i in $(counted 4); do
	rest 1500
	for _ in "${fleet[@]}"; do replace_worker; done
	replace_coordinator
done
until_stopped
verdict 'all are replaced'
is 'S17: nobody who was well was missed' "$(lost_count)" 0
is 'nothing was begun again, or given back' "$(figure recoveries)" 0
done_testing
