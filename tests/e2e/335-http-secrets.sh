#!/bin/bash
# SPDX-License-Identifier: MIT
# A secret reaches the API and the program, and nobody else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

export TREADLE_SECRET_KEY=canary-in-the-mine
start_redis
start_coordinator
start_api
start_worker --log-level debug

outputs 'the API gets it' \
	"http: {url: $API/echo, headers: {Authorization: 'Bearer \${secret:KEY}'}, output: '\${.response.body.headers.Authorization | length}'}" \
	25
outputs 'the program gets it' \
	"exec: {command: [sh, -c, 'echo \$\${#KEY}'], env: {KEY: '\${secret:KEY}'}}" 18
fails 'an error of the API that tells' \
	"http: {url: '$API/redirect?to=http://x/\${secret:KEY}'}" '^rejected 302: '
unlike 'is masked' "$FAILURE" canary
fails 'a program that tells' \
	"exec: {command: [sh, -c, 'echo \$KEY >&2; exit 1'], env: {KEY: '\${secret:KEY}'}}" \
	'^error 1: exit 1: \*\*\*$'
fails 'a secret that is not' \
	"http: {url: $API/json, headers: {A: '\${secret:NOTHING}'}}" 'NOTHING.*not known'
unlike 'the log of the worker is silent' "$(log_of "$WORKER")" canary
# Nor does Redis: not in a run, an output, a dead letter, a log.
redis --scan | while read -r key; do
	redis HGETALL "$key"
	redis XRANGE "$key" - +
done >"$TREADLE_TEST_TMP/dump" 2>&1
ok 'Redis is full of other things' grep -q 'exit 1' "$TREADLE_TEST_TMP/dump"
ok 'but not of this one' eval '! grep -q canary "$TREADLE_TEST_TMP/dump"'
ok 'nor is its file' eval '! grep -rq canary "$TREADLE_TEST_TMP/data"'
done_testing
