#!/bin/bash
# SPDX-License-Identifier: MIT
# A cancelled run's attempt is stopped, and its result dropped.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/slow.yaml" <<YAML
name: slow
steps:
  work:
    exec:
      command: [sh, -c, 'echo \$\$ >"\$0"; exec sleep 600', "$TREADLE_TEST_TMP/pid"]
YAML
run=$(treadle submit "$TREADLE_TEST_TMP/slow.yaml")
wait_until '[ -s "$TREADLE_TEST_TMP/pid" ]'
child=$(cat "$TREADLE_TEST_TMP/pid")
treadle cancel "$run" >/dev/null
wait_until '! is_running "$child"'
ok 'the program is ended' true
wait_until 'log_of "$WORKER" | grep -q "step cancelled"'
is 'the run is cancelled' "$(run_state "$run")" cancelled
is 'so is its step' "$(step_field "$run" work state)" cancelled
is 'its queue is empty' "$(redis XLEN 'treadle:{0}:queue:default')" 0
wait_until '[ "$(redis HGET "treadle:{0}:worker:$(redis ZRANGE "treadle:{0}:workers" 0 0)" busy)" = 0 ]'
ok 'the slot is free' true
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
