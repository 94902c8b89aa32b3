#!/bin/bash
# SPDX-License-Identifier: MIT
# A daemon that finds a newer library begins nothing more, ends its work, and exits with 2.
. "$(dirname "$0")/lib.sh"

start_redis
export TREADLE_WORKER_LEASE=1s TREADLE_COORDINATOR_RETENTION=1s
library() { # VERSION: the library, as if it were of that version
	redis FUNCTION LIST LIBRARYNAME treadle WITHCODE |
		sed -n '/^library_code$/,$p' | sed 1d |
		sed -E "s/^(local VERSION *= *).*/\\1$1/"
}
load() { redis -x FUNCTION LOAD REPLACE >/dev/null; }
version() { redis FCALL_RO treadle_version 1 'treadle:{0}'; }
says() { log_of "$1" | grep -qE "$2"; } # PID REGEX
until_ended() {				# PID
	wait_until "! is_running $1" 60
	reap "$1"
}

cat >"$TREADLE_TEST_TMP/two.yaml" <<YAML
name: two
input: {type: object, properties: {gate: {type: string}}}
steps:
  hold:
    retry: {attempts: 1}
    recoveries: 0
    exec: {command: [sh, -c, 'echo x >>"\$1"; while [ ! -e "\$0" ]; do sleep 0.02; done', "\${.input.gate}", "$TREADLE_TEST_TMP/begun"]}
  after: {needs: [hold], pass: {value: 1}}
YAML
gate=$TREADLE_TEST_TMP/gate
begun() { grep -c . "$TREADLE_TEST_TMP/begun"; }

# Nobody loses a connection: it is looked for now and then.
start_coordinator
start_worker --worker-slots 1
run=$(treadle submit "$TREADLE_TEST_TMP/two.yaml" -i gate="$gate")
wait_until '[ "$(begun)" = 1 ]'
next=$(treadle submit "$TREADLE_TEST_TMP/two.yaml" -i gate="$gate")
library 99 | load

until_ended "$COORDINATOR"
is 'a coordinator ends' "$STATUS" 2
like 'and says why' "$(log_of "$COORDINATOR" | grep ' error ')" \
	'coordinator outdated .*redis has 99: upgrade the program; it stops'
wait_until "says $WORKER 'worker outdated'" 60
like 'a worker says so too' "$(log_of "$WORKER" | grep ' error ')" \
	'redis has 99: upgrade the program; .*ends after its 1 attempts'
kill -TERM "$WORKER"
wait_until "says $WORKER 'worker told to drain'"
ok 'it goes on with what it has begun, told to stop or not' is_running "$WORKER"
touch "$gate"
until_ended "$WORKER"
is 'then it ends' "$STATUS" 2
is 'what it did is kept' "$(step_field "$run" hold state)" done
is 'what follows is left to others' "$(step_field "$run" after state)" ready
is 'and what it had not begun' "$(step_field "$next" hold state) $(begun)" \
	'ready 1'
is 'nobody waits for it' "$(ask workers | jq '.workers | length')" 0
is 'the newer library is still there' "$(version)" 99

# As if newer programs had come; then a library that lacks what ours calls.
redis FUNCTION DELETE treadle >/dev/null
start_coordinator
start_worker
until_state "$run" done
until_state "$next" done
is 'others do the rest' "$(begun)" 2
has_sweep() { redis FUNCTION LIST LIBRARYNAME treadle | grep -q treadle_sweep; }
library "$(version)" | sed "/^public('sweep'/d" | load
wait_until has_sweep 60
ok 'one of our own version that lacks a function is replaced' has_sweep
library 99 | sed "/^public('sweep'/d" | load
until_ended "$COORDINATOR"
is 'a function that is missing is not loaded over a newer library' \
	"$STATUS $(version)" '2 99'
until_ended "$WORKER"
is 'an idle worker ends at once' "$STATUS" 2
is 'nothing was lost or done twice' \
	"$(redis HMGET 'treadle:{0}:counters' recoveries fenced dead | paste -sd,)" ,,
done_testing
