#!/bin/bash
# SPDX-License-Identifier: MIT
# A wait ends when it is due, holds no slot, and counts from its first try.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker --worker-slots 1
cat >"$TREADLE_TEST_TMP/wait.yaml" <<YAML
name: wait
input: {properties: {span: {type: string}}}
steps:
  pause: {wait: {for: "\${.input.span}"}}
  after: {needs: [pause], pass: {value: "\${.steps.pause.output.until}"}}
YAML
cat >"$TREADLE_TEST_TMP/past.yaml" <<YAML
name: past
steps:
  pause: {wait: {until: 2020-01-01T00:00:00Z}}
YAML

long=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml" -i span=1h)
wait_until '[ "$(step_field "$long" pause state)" = delayed ]'
is 'a waiting step counts no attempt' "$(step_field "$long" pause attempt)" 0
short=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml" -i span=300ms)
until_state "$short" done
ok 'another goes on in the one slot there is' true
is 'it took one attempt' "$(step_field "$short" pause attempt)" 1
like 'its output says until when' "$(step_field "$short" after output)" \
	'^2[0-9]{3}-.*T.*Z$'
waited=$(($(step_field "$short" after started_at) - 300 - \
	$(ask status "$short" | jq .submitted_at)))
ok "and it was no less than asked for ($waited ms more)" [ "$waited" -ge 0 ]

past=$(treadle submit "$TREADLE_TEST_TMP/past.yaml")
until_state "$past" done
is 'what is past is done at once' \
	"$(step_field "$past" pause output | jq -r .until)" \
	2020-01-01T00:00:00.000Z

bad=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml" -i span=soon)
until_state "$bad" failed
like 'what is no span is refused' "$(step_field "$bad" pause failure)" \
	'expression.*must be a duration'
held=$(treadle submit "$TREADLE_TEST_TMP/wait.yaml" -i span=2s)
wait_until '[ "$(step_field "$held" pause state)" = delayed ]'
everything_dies
until_state "$held" done 60
waited=$(($(step_field "$held" after started_at) - 2000 - \
	$(ask status "$held" | jq .submitted_at)))
ok "when all die it still ends, and not before ($waited ms more)" [ "$waited" -ge 0 ]
is 'the one that waits for long does so' "$(step_field "$long" pause state)" delayed
treadle cancel "$long" >/dev/null
is 'a waiting one can be cancelled' "$(step_field "$long" pause state)" cancelled
done_testing
