#!/bin/bash
# SPDX-License-Identifier: MIT
# An idle worker says less than a command a second to Redis, and is small.
. "$(dirname "$0")/lib.sh"

start_redis
start_worker
uptime() { redis INFO server | tr -d '\r' | sed -n 's/^uptime_in_seconds://p'; }
# Of the calls, those that a client sent: functions and reads.
calls() {
	redis INFO commandstats | tr -d '\r' |
		grep -E '^cmdstat_(fcall|xreadgroup|client|ping)' |
		awk -F '[=,]' '{sum += $2} END {print sum}'
}
wait_until 'redis CLIENT LIST | grep -q "cmd=xreadgroup"'
until=$(($(uptime) + 12))
before=$(calls)
wait_until '[ "$(uptime)" -ge $until ]' 30
after=$(calls)
ok "12 s cost no more than 12 commands: $((after - before))" \
	[ $((after - before)) -le 12 ]
ok 'but it is heard of' [ $((after - before)) -ge 2 ]
done_testing
