#!/bin/bash
# SPDX-License-Identifier: MIT
# The power fails: nothing acknowledged is lost with fsync always, else the last moments; what is left is whole.
. "$(dirname "$0")/lib.sh"

program storm/disk.so
PRELOAD=$PROGRAM

# fsync_of MODE LOSS_MS WHOLE COUNT REST_MS: a world of its own, whose power fails.
fsync_of() {
	local WHOLE=$3 LOSS_MS=$2 i
	begin_world --appendfsync "$1"
	begin_load 20
	for i in $(counted "$4"); do
		rest "$5"
		bounce_redis cut
		until_back
	done
	verdict "power cuts, fsync $1"
	note "acknowledged and lost: $(figure lost_acked), the oldest" \
		"$(figure oldest_lost_ms) ms before the cut"
	end_world
}
fsync_of always 0 yes 20 300
fsync_of everysec 2000 '' 20 700
COMMITS_MIN=1
EXCUSED=fsync-never
fsync_of no -1 '' 3 300
done_testing
