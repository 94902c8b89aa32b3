#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker that is told to stop finishes what it can and hands back the rest.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
ledger=$TREADLE_TEST_TMP/ledger
cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
input: {type: object}
steps:
  work:
    exec:
      command: [sh, -c, 'echo \$2 >>"\$0"; while [ ! -e "\$1" ]; do sleep 0.02; done; echo 1', "$ledger", "$TREADLE_TEST_TMP/go", "\${.input.name}"]
    retry: {attempts: 1}
YAML
begun() { [ -e "$ledger" ] && grep -c . "$ledger"; }
submit() { treadle submit "$TREADLE_TEST_TMP/slow.yaml" -i name="$1"; }
holds() { redis XPENDING 'treadle:{0}:queue:default' workers | head -n 1; }

# It may finish within the grace.
start_worker --worker-exec-slots 2
first=$(submit a)
second=$(submit b)
third=$(submit c)
wait_until '[ "$(begun)" = 2 ]'
kill -TERM "$WORKER"
wait_until 'log_of "$WORKER" | grep -q "worker draining"'
touch "$TREADLE_TEST_TMP/go"
until_state "$first" done
until_state "$second" done
wait_until '! is_running "$WORKER"'
reap "$WORKER"
is 'it exits well' "$STATUS" 0
is 'what it had not begun is ready' "$(step_field "$third" work state)" ready
is 'and no attempt is counted' "$(step_field "$third" work attempt)" 0
is 'it has left' "$(redis ZCARD 'treadle:{0}:workers')" 0
is 'and holds nothing' "$(holds)" 0
start_worker
until_state "$third" done
is 'another does the rest' "$(sort "$ledger" | tr -d '\n')" abc

# A second signal ends the grace.
rm "$TREADLE_TEST_TMP/go" "$ledger"
fourth=$(submit d)
wait_until '[ "$(begun)" = 1 ]'
kill -TERM "$WORKER"
wait_until 'log_of "$WORKER" | grep -q "worker draining"'
stop "$WORKER" 15
is 'told twice it exits well' "$STATUS" 0
is 'what it had begun is ready again' "$(step_field "$fourth" work state)" ready
is 'without an attempt' "$(step_field "$fourth" work attempt)" 0
is 'or a recovery' "$(step_field "$fourth" work recoveries)" 0

# So does the end of the grace.
start_worker --worker-grace 100ms
wait_until '[ "$(begun)" = 2 ]'
stop "$WORKER" 15
is 'after its grace it exits well' "$STATUS" 0
is 'and has handed back' "$(step_field "$fourth" work state)" ready

# An idle one goes at once, though it waits for work.
start_worker --worker-queues other
begun=$SECONDS
stop "$WORKER" 5
is 'an idle worker exits well' "$STATUS" 0
ok 'and at once' [ $((SECONDS - begun)) -lt $((5 * PATIENCE)) ]
is 'nothing is left of the workers' "$(redis ZCARD 'treadle:{0}:workers')" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
