#!/bin/bash
# SPDX-License-Identifier: MIT
# A program can report progress, cost and a checkpoint for its next try.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker

# The first try leaves a checkpoint and fails; the second one goes on from it.
cat >"$TREADLE_TEST_TMP/work" <<'SH'
#!/bin/sh
echo "$TREADLE_ATTEMPT $TREADLE_IDEMPOTENCY_KEY" >>"$1/tries"
if [ -z "$TREADLE_CHECKPOINT" ]; then
	echo '{"checkpoint": {"page": 7}, "cost": {"usd": 0.25}}' >&3
	exit 75
fi
echo '{"progress": 0.5, "message": "half"}' >&"$TREADLE_FD"
while [ ! -e "$1/go" ]; do sleep 0.02; done
echo "$TREADLE_CHECKPOINT"
SH
chmod +x "$TREADLE_TEST_TMP/work"
cat >"$TREADLE_TEST_TMP/work.yaml" <<YAML
name: work
defaults: {retry: {attempts: 3, delay: 1ms}}
steps:
  s: {exec: {command: [$TREADLE_TEST_TMP/work, $TREADLE_TEST_TMP]}}
YAML
RUN=$(treadle submit "$TREADLE_TEST_TMP/work.yaml")
wait_until '[ "$(step_field "$RUN" s progress)" != null ]'
is 'progress is seen while it runs' \
	"$(step_field "$RUN" s progress | jq -cS .)" \
	'{"message":"half","progress":0.5}'
is 'so is the cost' "$(step_field "$RUN" s cost | jq -cS .)" '{"usd":0.25}'
touch "$TREADLE_TEST_TMP/go"
until_state "$RUN" done
is 'the second try got the checkpoint' \
	"$(step_field "$RUN" s output | jq -c .)" '{"page":7}'
is 'both had the same key' "$(cat "$TREADLE_TEST_TMP/tries")" \
	"1 $RUN/s"$'\n'"2 $RUN/s"

perform "exec: {command: [sh, -c, 'echo nonsense >&3; printf \"%0300000d\\n\" 1 >&3; echo \"{}\" >&3; echo \"{\\\"progress\\\":7}\" >&3; echo fine']}"
is 'what is no note does no harm' "$OUTPUT" '"fine"'
log=$(log_of_step)
like 'it is mentioned' "$log" 'descriptor 3: not JSON: nonsense'
like 'a long line too' "$log" 'a line of more than 256 KiB: 00000'
like 'and one without a meaning' "$log" 'no progress, message, checkpoint'

# It dies with its worker after it has noted how far it is.
cat >"$TREADLE_TEST_TMP/long" <<'SH'
#!/bin/sh
if [ -z "$TREADLE_CHECKPOINT" ]; then
	echo '{"checkpoint": {"page": 3}, "progress": 0.5}' >&3
	while [ ! -e "$1/end" ]; do sleep 0.02; done
fi
echo "$TREADLE_CHECKPOINT"
SH
chmod +x "$TREADLE_TEST_TMP/long"
cat >"$TREADLE_TEST_TMP/long.yaml" <<YAML
name: long
steps:
  s: {retry: {attempts: 1}, exec: {command: [$TREADLE_TEST_TMP/long, $TREADLE_TEST_TMP]}}
YAML
submit long
wait_until '[ "$(step_field "$run" s progress)" != null ]'
everything_dies
until_state "$run" done 60
is 'when all die, the next one goes on from there' \
	"$(step_field "$run" s output | jq -c .)" '{"page":3}'
touch "$TREADLE_TEST_TMP/end"
done_testing
