#!/bin/bash
# SPDX-License-Identifier: MIT
# Each shape's example ends as its header says, and yields what it promises.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker

# What a header says of WORD, or nothing.
header() { sed -n "s/^# $1: //p" "$file"; } # WORD

try_example() {
	local name=${file##*/} ends run line
	ends=$(header ends)
	while read -r line; do
		eval "treadle $line" >/dev/null || fail "$name: treadle $line"
	done < <(header before)
	run=$(treadle submit "$file") || fail "$name was not submitted"
	while read -r line; do
		eval "treadle ${line//RUN/$run}" >/dev/null ||
			fail "$name: treadle ${line//RUN/$run}"
	done < <(header meanwhile)
	until_state "$run" "${ends:-done}" 60
	is "$name yields what it promises" \
		"$(treadle status "$run" --json | jq -c .output)" \
		"$(header yields | jq -c .)"
	[ -z "$(header undoes)" ] || is "$name undoes what it says" \
		"$(treadle status "$run" --json | jq -c '[.steps[] |
			select(.undoes and .state == "done")] |
			sort_by(.started_at) | map(.undoes)')" \
		"$(header undoes | jq -c .)"
}

count=0
for file in examples/shapes/*.yaml; do
	grep -q '^# yields: ' "$file" || continue
	count=$((count + 1))
	try_example
done
ok 'there are examples' [ "$count" -ge 4 ]
ok 'all that is in Redis agrees' treadle doctor --data
done_testing
