#!/bin/bash
# SPDX-License-Identifier: MIT
# Redis dies while it writes down a call: the half that it wrote never comes back.
. "$(dirname "$0")/lib.sh"

cat >"$TREADLE_TEST_TMP/idle.yaml" <<'YAML'
name: idle
steps: {wait: {pass: {}}}
YAML
# What a crash in the middle of a write leaves: all of the last call but the
# end of its EXEC.
cut_last_call() {
	local file
	file=$(echo "$TREADLE_TEST_TMP"/data/appendonlydir/*.incr.aof)
	is 'a call ends the file' "$(tail -c 6 "$file" | tr -d '\r\n')" EXEC
	truncate -s -4 "$file"
}
submit() { treadle submit --key "$1" "$TREADLE_TEST_TMP/idle.yaml"; }
log_of_redis() { log_of "$REDIS"; }
is_written_anew() {
	redis INFO persistence | grep -q '^aof_last_rewrite_time_sec:[0-9]'
}

# How often the coordinator looks, too; no run ends here.
export TREADLE_COORDINATOR_RETENTION=2s
start_redis --appendfsync always --auto-aof-rewrite-percentage 0
first=$(submit first) || fail 'the first run was not submitted'
second=$(submit second) || fail 'the second run was not submitted'
kill_redis
cut_last_call
restart_redis
is 'half a call is no call' "$(treadle list --json | jq -r .run)" "$first"

start_coordinator
wait_until is_written_anew 20
like 'the coordinator says so' "$(log_of "$COORDINATOR")" 'written anew'
third=$(submit third) || fail 'the third run was not submitted'
kill_redis
restart_redis
is 'nor does it become one' "$(treadle list --json | jq -r .run | sort)" \
	"$(printf '%s\n' "$first" "$third" | sort)"
unlike 'the file is whole' "$(log_of_redis)" CRITICAL
is 'the second run is not known' \
	"$(treadle status "$second" >/dev/null 2>&1; echo $?)" 4
treadle doctor >"$TREADLE_TEST_TMP/doctor" 2>&1
unlike 'the doctor finds no ruins' "$(cat "$TREADLE_TEST_TMP/doctor")" "$second"

# The coordinator that lived on does it after each start, not only its own.
wait_until is_written_anew 20
done_testing
