#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the system refuses to a worker: nothing is lost, nothing is committed twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
. "$(dirname "$0")/exhaust.sh"
. "$(dirname "$0")/exhausted.sh"

start_redis
start_coordinator
start_api
yield=.steps.s.output

# holds NAME STEP [PEACE]: a run of that step, and one that shows what it yields.
holds() {
	comes_to_its_end "$1" "steps:
  s: {$2}
  t: {needs: [s], pass: {value: \"\${$yield}\"}}" 2 done "${3:-}"
}
mkdir "$TREADLE_TEST_TMP/secrets"
echo open-sesame >"$TREADLE_TEST_TMP/secrets/WORD"
export TREADLE_WORKER_SECRETS=$TREADLE_TEST_TMP/secrets

holds 'a program' \
	"exec: {$effect, stdin: {a: 1}}"
holds 'much output' "exec: {command: [sh, -c, 'yes 0123456789 | head -c 600000']}"
holds 'an expression' 'pass: {value: "${[range(9)] | map(. * 2) | add}"}'
yield=1 holds 'a wait' 'wait: {for: 20ms}'
holds 'a secret' "exec: {command: [printenv, S], env: {S: '\${secret:WORD}'}}"
holds 'a request' "http: {url: '$API/echo', method: POST, json: {a: 1}, output: '\${.response.body.body}'}"
holds 'a download' "http: {url: '$API/bytes/20000', download: file}"
holds 'connections that break' "exec: {command: [redis-cli, -s, $TREADLE_TEST_TMP/redis.sock, CLIENT, KILL, TYPE, normal], output: none}"
# It ends its worker, which finishes what it does, and goes.
holds 'a worker that is told to stop' "exec: {command: [sh, -c, '[ -e $ledger.mending ] || kill -TERM \$PPID; echo 1']}" '0 running'
[ -n "${EXHAUST_CASES:-}" ] || mend
note "$tried cases"
done_testing
