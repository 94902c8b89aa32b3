#!/bin/bash
# SPDX-License-Identifier: MIT
# dev runs all there is, restarts what dies, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
state=$TREADLE_TEST_TMP/dev
program treadle
treadle=$PROGRAM

"$treadle" dev --state "$state" --workers 1 -- \
	"$treadle" submit "$good" --wait --json >"$files/out" 2>"$files/said"
is 'a command runs, and dev ends with its code' $? 0
is 'it has found its Redis' "$(jq -c .output "$files/out")" '{"sum":21}'
is 'nothing else was said' "$(cat "$files/said")" ''
"$treadle" dev --state "$state" --workers 1 -- sh -c 'exit 7'
is 'also with another code' $? 7
refused 'a command that is not there' 4 'cannot run' \
	"$treadle" dev --state "$state" -- no-such-command-at-all
refused 'a path too long for a socket' 3 'too long.*--state' \
	"$treadle" dev --state "$TREADLE_TEST_TMP/$(printf 'x%.0s' {1..120})"
is 'what was submitted is still there' "$("$treadle" dev --state "$state" -- \
	"$treadle" list --json | jq -r .state)" done

start dev "$treadle" dev --state "$state"
dev=$PID
wait_until "log_of $dev | grep -q 'export TREADLE_REDIS_URL'" 60
eval "$(log_of "$dev" | grep '^export')"
redis() { "${REDIS_CLI:-redis-cli}" -s "$state/redis.sock" "$@"; }
live() { ask workers | jq -r '.workers[] | select(.state == "live") | .pid'; }
wait_until '[ "$(live | wc -l)" = 2 ]' 60
refused 'a second one in the same place' 5 'running already' \
	"$treadle" dev --state "$state"

first=$(live | head -n 1)
kill -9 "$first"
wait_until "log_of $dev | grep -q 'ended (Killed)'"
wait_until "[ \"\$(live | grep -cvx $first)\" = 2 ]" 60
ok 'a worker that dies is started again' true
server=$(redis INFO server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')
kill -9 "$server"
wait_until 'redis PING | grep -q PONG' 60
id=$("$treadle" submit "$good" --wait)
is 'so is Redis' $? 0

stop "$dev" 60
is 'stopped it ends well' "$STATUS" 0
like 'workers first, Redis last' \
	"$(log_of "$dev" | grep -oE 'worker stopped|coordinator stopped|bye bye' |
		uniq | tr '\n' ' ')" 'worker stopped coordinator stopped bye bye'

start dev "$treadle" dev --state "$state" --workers 1 --listen 127.0.0.1:0
dev=$PID
wait_until "log_of $dev | grep -q 'coordinator listening'" 60
like '--listen: the coordinator is asked for its health' "$(curl -s "$(
	log_of "$dev" | grep -oE 'http://127[0-9.:]+')/healthz")" ok
wait_until "log_of $dev | grep -q 'worker ready'" 60
server=$(redis INFO server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')
worker=$(live | tail -n 1)
crash "$dev"
wait_until "! kill -0 $server && ! kill -0 $worker" 60
ok 'killed it leaves no process behind' true
done_testing
