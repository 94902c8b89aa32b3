#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers freeze until others have their steps, and come back: nothing of theirs is accepted.
. "$(dirname "$0")/lib.sh"

WORKER_COUNT=8
EFFECT_MS=400
begin_world --appendfsync always
begin_load 60
for i in $(counted 6); do
	rest 200
	freeze_workers 5
done
verdict 'workers freeze'
ok 'late commits were offered, and refused' [ "$(figure fenced)" -gt 0 ]
done_testing
