#!/bin/bash
# SPDX-License-Identifier: MIT
# What the doctor's tests source besides cli.sh: damage, done to a copy of what
# was well, which database 1 holds.

# keep: what there is now is what was well.
keep() { copy_all 0 1; }
# restore: what was well is there again.
restore() { copy_all 1 0; }
copy_all() { # FROM TO
	redis -n "$2" FLUSHDB >/dev/null
	redis -n "$1" EVAL "for _, key in ipairs(redis.call('KEYS', '*')) do
		redis.call('COPY', key, key, 'DB', ARGV[1]) end" 0 "$2" >/dev/null
}
ids() { treadle doctor --data --json | jq -r '.id // empty' | sort -u | xargs; }

# harm IDS COMMAND...: what the doctor finds after a command of redis-cli;
# left IDS: and after it has mended what it can.
harm() {
	restore
	redis "${@:2}" >/dev/null
	is "${1:-nothing}: ${*:2:3}" "$(ids)" "$1"
}
left() {
	treadle doctor --data --repair >"$files/repair" 2>&1
	is "- mended, but for: ${*:-nothing}" "$(ids)" "${*}"
}
