#!/bin/bash
# SPDX-License-Identifier: MIT
# A worker dies at each named point: nothing is lost, nothing committed twice.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis
start_coordinator
ledger=$TREADLE_TEST_TMP/ledger
# The effect: a line of the ledger. Where `fail` exists the first try fails.
cat >"$TREADLE_TEST_TMP/effect" <<'SH'
#!/bin/sh
echo "$TREADLE_IDEMPOTENCY_KEY" >>"$1"
[ -e "$1.slow" ] && exec sleep 600
[ -e "$1.fail" ] && [ "$(grep -c . "$1")" = 1 ] && exit 75
echo 42
SH
chmod +x "$TREADLE_TEST_TMP/effect"
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
steps:
  work:
    exec: {command: ["$TREADLE_TEST_TMP/effect", "$ledger"]}
    retry: {attempts: 2, delay: 10ms, jitter: 0}
  pause: {needs: [work], wait: {for: 10ms}}
  after: {needs: [pause], pass: {value: "\${.steps.work.output}"}}
YAML
counter() { redis HGET 'treadle:{0}:counters' "$1"; }

# dies POINT EFFECTS [fail|slow]: how often the effect may have happened.
dies() {
	local point=$1 effects=$2 how=${3:-} run done
	rm -f "$ledger" "$ledger".*
	[ -z "$how" ] || touch "$ledger.$how"
	done=$(counter steps_done)
	TREADLE_CRASH_AT=$point start_worker --worker-grace 0
	run=$(treadle submit "$TREADLE_TEST_TMP/flow.yaml")
	if [ "$how" = slow ]; then
		wait_until '[ -s "$ledger" ]'
		rm "$ledger.slow"
		kill -TERM "$WORKER"
	fi
	wait_until '! is_running "$WORKER"'
	reap "$WORKER"
	is "$point: the worker was killed" "$STATUS" 137
	start_worker
	until_state "$run" done 30
	is "$point: each step is committed once" \
		"$(($(counter steps_done) - ${done:-0}))" 3
	is "$point: the effect" "$(grep -c . "$ledger")" "$effects"
	is "$point: has one key" "$(sort -u "$ledger" | grep -c .)" 1
	stop "$WORKER"
	is "$point: nothing is left in the queue" \
		"$(redis XLEN 'treadle:{0}:queue:default')" 0
}

dies after-read 1
dies after-take 1
dies before-start 1
dies before-complete 2
dies after-complete-sent 1
dies after-complete 1
dies before-fail 2 fail
dies after-fail-sent 2 fail
dies after-fail 2 fail
dies before-defer 1
dies after-defer-sent 1
dies after-defer 1
dies before-release 2 slow
dies after-release-sent 2 slow
dies after-release 2 slow
is 'no run failed' "$(counter runs_failed)" ''
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
