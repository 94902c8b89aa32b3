#!/bin/bash
# SPDX-License-Identifier: MIT
# A Redis that is too old is refused by all programs, with what is needed.
. "$(dirname "$0")/lib.sh"

export TREADLE_REDIS_URL=unix://$TREADLE_TEST_TMP/old.sock
export TREADLE_REDIS_TIMEOUT=2s TREADLE_COORDINATOR_LISTEN=''

# A server that speaks as one of that version does.
begin_server() { # VERSION
	rm -f "$TREADLE_TEST_TMP/old.sock"
	program helpers/false_redis
	start "redis $1" "$PROGRAM" "$TREADLE_TEST_TMP/old.sock" is "$1"
	SERVER=$PID
	until_started "$SERVER" "[ -S '$TREADLE_TEST_TMP/old.sock' ]"
}
# All programs end with 2 and one line that says it.
all_refuse() { # NAME REGEX
	local command said status
	for command in 'treadle list' 'treadle-worker --check' \
		'treadle-coordinator --check' treadle-worker \
		treadle-coordinator; do
		status=0
		# shellcheck disable=SC2086 # a program and its arguments
		said=$(timeout 60 "$TREADLE_BUILD/"$command 2>&1) || status=$?
		is "$1: $command exits with 2" "$status" 2
		like "$1: it says what is needed" "$said" "$2"
		is "$1: in one line" "$(grep -c 'needs Redis' <<<"$said")" 1
	done
}

begin_server 6.2.14
all_refuse 6.2 'is too old, 6\.2\.14: treadle needs Redis >= 7\.0 or Valkey >= 7\.2'
crash "$SERVER"
begin_server 5
all_refuse 5 'ERR unknown command .treadle needs Redis >= 7\.0 or Valkey >= 7\.2'
done_testing
