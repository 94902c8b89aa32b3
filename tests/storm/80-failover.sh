#!/bin/bash
# SPDX-License-Identifier: MIT
# The primary dies or freezes, Sentinels promote a replica, all programs follow: the state stays whole.
. "$(dirname "$0")/lib.sh"

VIA_SENTINELS=yes
# A replica's own log begins in the middle, so there is no whole history, and
# what it had not received yet is lost: that is what is measured.
HISTORY='' WHOLE='' LOSS_MS=1000
begin_world --appendfsync everysec
begin_load 20
for i in $(counted 3); do
	rest 500
	if [ $((i % 3)) = 0 ]; then freeze_primary; else kill_primary; fi
done
is 'so often a replica took over' "$(grep -c '^fault failover' "$ledgers/nemesis")" \
	"$(counted 3 | wc -l)"
verdict 'Sentinels promote a replica'
note "acknowledged and lost: $(figure lost_acked), to a deposed primary: $(figure usurped)"
done_testing
