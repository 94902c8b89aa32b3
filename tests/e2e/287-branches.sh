#!/bin/bash
# SPDX-License-Identifier: MIT
# Conditions, handlers of failures and cleaning up, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
input: {type: object}
defaults: {retry: {attempts: 1}}
steps:
  call:
    $(act call '${.input.status}')
    on_error: [{class: rejected, then: instead}]
  instead: {needs: call, $(act instead)}
  never: {needs: call, if: "\${[.input.status] | any(. == 99)}", $(act never)}
  after: {needs: [call, instead, never], $(act after)}
  last: {needs: after, pass: {value: "\${.steps.call.error.code}"}}
  tell: {needs: last, if: failure(), $(act tell)}
  undo: {needs: last, if: cancelled(), $(act undo)}
finally:
  clean: {$(act clean)}
output: \${.steps.last.output}
YAML

cat >"$TREADLE_TEST_TMP/last.yaml" <<'YAML'
name: last
steps:
  call:
    pass: {value: well}
    on_error: [{then: instead}]
  instead: {needs: call, pass: {value: ill}}
output: ${.steps.call.output}
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/last.yaml")
until_state "$run" done 60
is 'what a run yields is not skipped with its last steps' \
	"$(treadle status "$run" --json | jq -r .output)" well

shut_gate instead
submit flow -i status=65
until_begun instead
everything_dies
until_begun instead 2
open_gate instead
until_state "$run" done 60
is 'a handled failure ends well' \
	"$(treadle status "$run" --json | jq .output)" 65
is 'what was skipped never ran' "$(lines never)$(lines tell)$(lines undo)" 000
is 'what was repeated had its key' "$(lines instead) $(keys instead)" '2 1'
is 'it was cleaned up once' "$(lines clean)" 1

shut_gate clean
submit flow -i status=1
until_begun clean
is 'a run that cleans up is running' "$(run_state "$run")" running
everything_dies
until_begun clean 2
open_gate clean
until_state "$run" failed 60
is 'an unhandled failure fails it' "$(step_field "$run" call state)" dead
is 'whoever asked was told' "$(lines tell) $(lines undo)" '1 0'
is 'cleaning up was repeated with its key' "$(lines clean) $(keys clean)" '2 1'
is 'nothing behind it ran' "$(lines after)" 0

shut_gate after
submit flow -i status=0
until_begun after
like 'an operator is told what cancelling does' \
	"$(treadle cancel "$run" 2>&1)" 'cleans up'
until_state "$run" cancelled 60
is 'a cancelled run cleans up' "$(lines tell) $(lines undo) $(lines clean)" \
	'0 1 1'
open_gate after
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'and goes on when it is retried' \
	"$(step_field "$run" after state) $(lines clean)" 'done 2'

shut_gate clean
submit flow -i status=1
until_begun clean
treadle cancel "$run" >/dev/null 2>&1
until_state "$run" cancelled 60
ok 'cancelling it twice ends it at once' true
open_gate clean
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
