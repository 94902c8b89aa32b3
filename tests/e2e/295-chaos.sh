#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers, connections and Redis die while much is done: all is done, once.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_SLOTS=16
RUNS=500
start_redis --appendfsync always
start_coordinator
ledger=$TREADLE_TEST_TMP/ledger
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
steps:
  a: {pass: {value: 1}}
  b:
    needs: [a]
    recoveries: 20
    exec: {command: [sh, -c, 'echo \$TREADLE_IDEMPOTENCY_KEY >>"\$0"; sleep 0.3; echo 2', "$ledger"]}
  c: {needs: [a], wait: {for: 5ms}}
  d: {needs: [b, c], pass: {value: ["\${.steps.a.output}", "\${.steps.b.output}"]}}
YAML
counter() { # NAME
	local value
	value=$(redis HGET 'treadle:{0}:counters' "$1")
	echo "${value:-0}"
}
finished() { redis ZCARD 'treadle:{0}:runs:done'; }

for i in 1 2 3; do start_worker; workers[i]=$WORKER; done
for i in $(seq $RUNS); do echo '{}'; done |
	treadle submit "$TREADLE_TEST_TMP/flow.yaml" --bulk - --quiet >/dev/null

# What is done to them, in turn; each is followed by a little progress.
harm() { # ROUND
	local i=$(($1 % 3 + 1)) id
	case $(($1 % 5)) in
	0)
		crash "${workers[i]}"
		start_worker
		workers[i]=$WORKER
		;;
	1)
		for id in $(redis CLIENT LIST | grep name=treadle-worker |
			grep -oE '\bid=[0-9]+' | cut -d = -f 2); do
			redis CLIENT KILL ID "$id" >/dev/null
		done
		;;
	2)
		kill_redis
		restart_redis
		;;
	3)
		kill -STOP "${workers[i]}"
		wait_until "log_of $COORDINATOR | grep -q 'worker lost.*pid ${workers[i]} '" 20
		kill -CONT "${workers[i]}"
		;;
	4)
		stop "${workers[i]}" 20
		is 'one that is told to stop stops well' "$STATUS" 0
		start_worker
		workers[i]=$WORKER
		;;
	esac
}
for round in 1 2 3 4 5 6 7 8 9 10; do
	before=$(counter attempts)
	harm "$round"
	wait_until '[ "$(finished)" = $RUNS ] ||
		[ "$(counter attempts)" -gt "$before" ]' 30
done
wait_until '[ "$(finished)" = $RUNS ]' 60
is 'every run is done' "$(finished)" "$RUNS"
is 'no run failed' "$(counter runs_failed)" 0
is 'each step is committed once' "$(counter steps_done)" $((RUNS * 4))
is 'each effect happened' "$(sort -u "$ledger" | grep -c .)" "$RUNS"
extra=$(($(grep -c . "$ledger") - RUNS))
ok "what happened again ($extra) was recovered or handed back" \
	[ "$extra" -le $(($(counter recoveries) + $(counter releases))) ]
is 'nothing is left in the queue' "$(redis XLEN 'treadle:{0}:queue:default')" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
