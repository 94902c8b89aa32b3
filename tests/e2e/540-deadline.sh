#!/bin/bash
# SPDX-License-Identifier: MIT
# A run that exceeds its deadline fails: what runs is stopped, what waits never begins.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker

cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: overdue
deadline: 1s
steps:
  work:
    exec: {command: [sh, -c, 'echo \$\$ >"\$0"; sleep 300', "$TREADLE_TEST_TMP/pid"]}
  never:
    needs: [work]
    exec: {command: [touch, "$TREADLE_TEST_TMP/never"]}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
wait_until '[ -s "$TREADLE_TEST_TMP/pid" ]' 20
child=$(cat "$TREADLE_TEST_TMP/pid")
until_state "$run" failed 20
like 'the reason is the deadline' \
	"$(ask status "$run" | jq -r .reason.class)" '^deadline$'
wait_until "! is_running $child" 30
ok 'the child was stopped' eval "! is_running $child"
wait_until '[ "$(redis XLEN "treadle:{0}:queue:default")" = 0 ]' 20
is 'the queue is empty' "$(redis XLEN 'treadle:{0}:queue:default')" 0
ok 'the step behind it never began' [ ! -e "$TREADLE_TEST_TMP/never" ]
like 'the coordinator tells it' "$(log_of "$COORDINATOR")" 'runs? overdue'

# One that waits for a worker that nobody runs is ended as well.
cat >"$TREADLE_TEST_TMP/lonely.yaml" <<'YAML'
name: lonely
deadline: 500ms
steps:
  work: {queue: nobody, pass: {value: 1}}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/lonely.yaml")
until_state "$run" failed 20
is 'one that nobody took fails too' \
	"$(run_state "$run")" failed
is 'and no deadline is left' "$(redis ZCARD 'treadle:{0}:delayed')" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
