#!/bin/bash
# SPDX-License-Identifier: MIT
# Entries that nobody of ours wrote are removed, and harm nothing.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker --log-level debug
queue='treadle:{0}:queue:default'
long=$(printf 'x%.0s' {1..5000})
redis XADD "$queue" '*' foo bar >/dev/null
redis XADD "$queue" '*' run nobody step nothing >/dev/null
redis XADD "$queue" '*' run "$long" step "$long" >/dev/null
printf 'XADD %s * run "\\x00\\xff" step "\\r\\n"\n' "$queue" | redis >/dev/null
redis XADD "$queue" '*' run '' step '' run twice >/dev/null
wait_until '[ "$(redis XLEN "$queue")" = 0 ]'
is 'nothing is pending' "$(redis XPENDING "$queue" workers | head -n 1)" 0

run=$(printf 'name: one\nsteps:\n  a: {pass: {value: 1}}\n' | treadle submit -)
until_state "$run" done
ok 'work goes on' is_running "$WORKER"

# Somebody takes the whole database away.
redis FLUSHALL >/dev/null
wait_until 'log_of "$WORKER" | grep -q "worker lost\|queue vanished"'
run=$(printf 'name: one\nsteps:\n  a: {pass: {value: 1}}\n' | treadle submit -)
until_state "$run" done
ok 'it goes on in an empty Redis' is_running "$WORKER"
done_testing
