#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker never performs more than its slots allow, whatever its queues hold.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
tally=$TREADLE_TEST_TMP/tally
mkdir "$tally"
# How many are at work at the same time, noted by each.
cat >"$TREADLE_TEST_TMP/effect" <<SH
#!/bin/sh
touch "$tally/\$\$"
ls "$tally" | wc -l >>"$TREADLE_TEST_TMP/seen" && sleep 0.05
rm "$tally/\$\$"
SH
chmod +x "$TREADLE_TEST_TMP/effect"
for queue in a b c; do
	cat >"$TREADLE_TEST_TMP/$queue.yaml" <<YAML
name: queue-$queue
steps:
  work: {queue: $queue, exec: {command: ["$TREADLE_TEST_TMP/effect"]}}
YAML
done
most() { sort -n "$TREADLE_TEST_TMP/seen" | tail -n 1; }
finished() { redis HGET 'treadle:{0}:counters' runs_done; }

for i in 1 2 3 4 5; do
	for queue in a b c; do
		treadle submit "$TREADLE_TEST_TMP/$queue.yaml" >/dev/null
	done
done
start_worker --worker-queues a,b,c --worker-slots 1
wait_until '[ "$(finished)" = 15 ]' 30
is 'one slot: one at a time' "$(most)" 1
stop "$WORKER"

rm "$TREADLE_TEST_TMP/seen"
for i in 1 2 3 4 5; do
	for queue in a b c; do
		treadle submit "$TREADLE_TEST_TMP/$queue.yaml" >/dev/null
	done
done
start_worker --worker-queues a,b,c --worker-slots 8 --worker-exec-slots 2
wait_until '[ "$(finished)" = 30 ]' 30
is 'two exec slots: two at a time' "$(most)" 2
is 'nothing was handed back' "$(redis HGET 'treadle:{0}:counters' releases)" ''
done_testing
