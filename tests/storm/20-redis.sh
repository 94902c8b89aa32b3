#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis is killed again and again, each write synced: nothing is lost, all come back.
. "$(dirname "$0")/lib.sh"

PRODUCERS_DIE=20
begin_world --appendfsync always
begin_load 15
for i in $(counted 60); do
	rest 150
	bounce_redis redis
	until_back
done
verdict 'Redis is killed'
done_testing
