#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers, coordinators and producers are killed: nothing is lost, and soon it goes on.
. "$(dirname "$0")/lib.sh"

PRODUCERS_DIE=50
begin_world --appendfsync always
begin_load 30
for i in $(counted 150); do
	kill_worker
	kill_worker
	# Then a while without: how soon steps are recovered where somebody watches.
	[ $((i % 8)) != 0 ] || [ $((i % 150)) -gt 75 ] || kill_coordinator
	rest 50
done
verdict 'workers are killed'
ok 'producers found what others had submitted and not heard of' \
	[ "$(figure found)" -gt 0 ]
done_testing
