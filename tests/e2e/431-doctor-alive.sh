#!/bin/bash
# SPDX-License-Identifier: MIT
# The doctor finds nothing wrong with a system that works, fails, dies and recovers meanwhile.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_SLOTS=16
RUNS=1000
start_redis
start_coordinator
cat >"$TREADLE_TEST_TMP/flow.yaml" <<'YAML'
name: flow
deadline: 1h
input: {type: object, properties: {n: {type: integer}}}
steps:
  a: {pass: {value: 1}}
  b: {needs: [a], wait: {for: 5ms}}
  c:
    needs: [a]
    queue: other
    pass: {value: 2}
  d:
    needs: [b, c]
    recoveries: 50
    retry: {attempts: 2, delay: 5ms}
    exec: {command: [sh, -c, 'exit $(($0 % 7 == 0 ? 75 : 0))', "${.input.n}"]}
YAML
counter() { # NAME
	local value
	value=$(redis HGET 'treadle:{0}:counters' "$1")
	echo "${value:-0}"
}
finished() { redis ZCARD 'treadle:{0}:finished'; }
for i in 1 2 3; do
	start_worker --worker-queues default,other --worker-exec-slots 4
	workers[i]=$WORKER
done
{
	for i in $(seq $RUNS); do
		echo "{\"n\":$i}"
	done | treadle submit "$TREADLE_TEST_TMP/flow.yaml" --bulk - --quiet \
		--key bulk
} >/dev/null 2>&1 &
submitter=$!

examined=0
examine() { # WHAT HAPPENED
	local status=0
	treadle doctor --data --json >"$TREADLE_TEST_TMP/told" || status=$?
	[ $status = 0 ] && ! grep -q '"id"' "$TREADLE_TEST_TMP/told"
	result $? "$1: nothing is wrong" ||
		note "status $status"$'\n'"$(head -n 20 "$TREADLE_TEST_TMP/told")"
	examined=$((examined + $(tail -n 1 "$TREADLE_TEST_TMP/told" |
		jq .runs)))
}
for round in $(seq 8); do
	before=$(counter attempts)
	i=$((round % 3 + 1))
	case $((round % 4)) in
	0)
		crash "${workers[i]}"
		examine 'a worker was killed'
		start_worker --worker-queues default,other --worker-exec-slots 4
		workers[i]=$WORKER
		;;
	1)
		kill -STOP "${workers[i]}"
		wait_until "log_of $COORDINATOR |
			grep -q 'worker lost.*pid ${workers[i]} '"
		examine 'a worker was frozen'
		kill -CONT "${workers[i]}"
		;;
	2)
		run=$(redis ZRANGE 'treadle:{0}:runs:running' -1 -1)
		[ -z "$run" ] || treadle cancel "$run" 2>/dev/null
		examine 'a run was cancelled'
		;;
	3)
		treadle dead retry --limit 5 --all --yes >/dev/null 2>&1
		examine 'dead letters were retried'
		;;
	esac
	examine 'and later'
	wait_until '[ "$(finished)" = $RUNS ] ||
		[ "$(counter attempts)" -gt "$before" ]'
done
wait "$submitter"
wait_until '[ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]' 120
examine 'all is over'
ok 'runs failed, and were recovered' [ "$(counter runs_failed)" -gt 0 ]
ok "much was looked at ($examined runs)" [ "$examined" -gt "$RUNS" ]
done_testing
