#!/bin/bash
# SPDX-License-Identifier: MIT
# An attempt that exceeds its time is stopped, whether it wants to or not.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
input: {properties: {how: {type: string}}}
steps:
  work:
    timeout: 200ms
    retry: {attempts: 2, delay: 10ms}
    exec: {command: [sh, -c, "\${.input.how}; while :; do sleep 0.1; done"]}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml" -i how=true)
until_state "$run" failed
is 'its class is timeout' \
	"$(step_field "$run" work failure | jq -r .class)" timeout
is 'it was tried twice' "$(step_field "$run" work attempt)" 2
like 'the detail says the limit' "$(step_field "$run" work failure)" '200ms'

run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml" -i how='trap "" TERM' )
until_state "$run" failed 40
is 'one that ignores it ends as well' \
	"$(step_field "$run" work failure | jq -r .class)" timeout

# The deadline of the run counts too.
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml" -i how='sleep 60' \
	--deadline 100ms)
wait_until '[ "$(run_state "$run")" != running ]'
is 'the deadline ends the run' \
	"$(ask status "$run" | jq -r .reason.class)" deadline
wait_until '[ "$(redis XLEN "treadle:{0}:queue:default")" = 0 ]'
ok 'nothing is left of it' true
done_testing
