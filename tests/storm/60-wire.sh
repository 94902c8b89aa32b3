#!/bin/bash
# SPDX-License-Identifier: MIT
# The network is slow, deaf, mute, cut and spoilt: all is done, and done once.
. "$(dirname "$0")/lib.sh"

VIA_PROXY=yes
begin_world --appendfsync always
begin_load 20

# wire KIND MS ORDER...: the wire is so for a while.
wire() {
	fault "$1"
	order wire "${@:3}"
	rest "$2"
	order wire calm
	rest 300
}
for i in $(counted 1); do
	wire latency 1500 latency 200
	wire dribble 1500 dribble 3
	wire bandwidth 1500 bandwidth 20000
	wire stall-down 1500 stall down
	wire stall-up 1500 stall up
	wire stall-both 3000 stall both
	wire hole 3000 hole
done
for i in $(counted 20); do
	fault reset
	order reset
	rest 100
done
for action in cut spoil mute; do
	for call in take complete heartbeat promote xreadgroup; do
		order "rule $action $call $((6 * SCALE)) 30"
	done
	wait_until '! rules | awk "\$3 > 0 && \$2 != \"\"" | grep -q .' $((60 * SCALE))
done
verdict 'the wire is bad'
done_testing
