#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers and coordinators are killed: nothing is lost, and soon it goes on.
. "$(dirname "$0")/lib.sh"

begin_world --appendfsync always
begin_load 30
for i in $(counted 300); do
	kill_worker
	[ $((i % 15)) != 0 ] || kill_coordinator
	rest 40
done
verdict 'workers are killed'
done_testing
