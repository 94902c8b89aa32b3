#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps whose delivery was lost with a connection are found and performed.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
cat >"$TREADLE_TEST_TMP/one.yaml" <<YAML
name: one
steps:
  work: {pass: {value: 1}}
YAML
queue='treadle:{0}:queue:default'

start_worker
id=$(redis ZRANGE 'treadle:{0}:workers' 0 0)
reader() {
	redis CLIENT LIST | grep 'name=treadle-worker-reader' |
		grep -oE '\bid=[0-9]+' | cut -d = -f 2
}

# While the worker is frozen its reader is cut off, and what was for it is
# delivered to nobody: exactly what a lost reply looks like.
kill -STOP "$WORKER"
redis CLIENT KILL ID "$(reader)" >/dev/null
for i in 1 2 3; do
	runs[i]=$(treadle submit "$TREADLE_TEST_TMP/one.yaml")
done
is 'all is delivered' "$(redis XREADGROUP GROUP workers "$id" COUNT 9 \
	STREAMS "$queue" '>' | grep -c '^run$')" 3
is 'to this worker' "$(redis XPENDING "$queue" workers - + 9 "$id" |
	grep -c "$id")" 3
kill -CONT "$WORKER"
for i in 1 2 3; do
	until_state "${runs[i]}" done
done
ok 'all are done' true
is 'each with one attempt' "$(step_field "${runs[2]}" work attempt)" 1
is 'none was recovered' "$(redis HGET 'treadle:{0}:counters' recoveries)" ''
is 'nothing is pending' "$(redis XPENDING "$queue" workers | head -n 1)" 0
like 'the worker says so' "$(log_of "$WORKER")" 'deliveries found.*3 steps'

# A queue that was removed by hand is made again.
redis DEL "$queue" >/dev/null
wait_until 'log_of "$WORKER" | grep -q "queue vanished"'
run=$(treadle submit "$TREADLE_TEST_TMP/one.yaml")
until_state "$run" done
ok 'work goes on in a queue that was removed' true
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
