#!/bin/bash
# SPDX-License-Identifier: MIT
# A step kills each worker that begins it: those beside it are done, and work goes on.
. "$(dirname "$0")/lib.sh"

# Two workers, which are started again whenever one has died, as anybody would
# run them. All steps have the limit of recoveries that they have by default.
export TREADLE_WORKER_LEASE=1s
cat >"$TREADLE_TEST_TMP/kill" <<'SH'
#!/bin/sh
echo x >>"$1"
kill -9 $PPID
exec sleep 60
SH
chmod +x "$TREADLE_TEST_TMP/kill"
cat >"$TREADLE_TEST_TMP/poison.yaml" <<YAML
name: poison
steps:
  kill: {exec: {command: ["$TREADLE_TEST_TMP/kill", "$TREADLE_TEST_TMP/kills"]}}
YAML
cat >"$TREADLE_TEST_TMP/long.yaml" <<YAML
name: long
steps:
  work: {exec: {command: [sh, -c, 'while [ ! -e "\$0" ]; do sleep 0.05; done', "$TREADLE_TEST_TMP/go"]}}
YAML
cat >"$TREADLE_TEST_TMP/short.yaml" <<'YAML'
name: short
steps:
  a: {exec: {command: ["true"]}}
  b: {needs: a, pass: {value: 1}}
YAML
submit() { treadle submit "$TREADLE_TEST_TMP/$1.yaml"; }
# A supervisor: whoever has died is replaced.
supervise() {
	local pid
	for pid in "${WORKERS[@]}"; do
		if [ -n "${running[$pid]:-}" ] && ! is_running "$pid"; then
			reap "$pid"
			program treadle-worker
			start worker "$PROGRAM"
			WORKERS+=("$PID")
		fi
	done
}

start_redis
start_coordinator
start_worker
start_worker
longs=()
for _ in 1 2 3 4 5 6; do longs+=("$(submit long)"); done
wait_until '[ "$(redis HGET "treadle:{0}:counters" attempts)" = 6 ]'
bad=$(submit poison)
shorts=()
until [ "$(step_field "$bad" kill recoveries)" = 3 ]; do
	[ ${#shorts[@]} -lt 1000 ] || fail 'the poison does not kill'
	shorts+=("$(submit short)")
	supervise
done
done_shorts=$(redis ZCARD 'treadle:{0}:runs:done')
note "short runs meanwhile: ${#shorts[@]}, done $done_shorts; recoveries: $(
	redis HGET 'treadle:{0}:counters' recoveries)"
ok 'work goes on beside it' [ "$done_shorts" -gt 0 ]
is 'none of the others is dead' \
	"$(treadle dead --json | jq -r --arg bad "$bad" \
		'select(.entry and .run != $bad) | .run')" ''

# From here on it is parted from those that were with it, and ends alone.
touch "$TREADLE_TEST_TMP/go"
wait_until 'supervise; [ "$(run_state "$bad")" = failed ]' 30
is 'the poison is dead' "$(ask status "$bad" | jq -r .reason.class)" worker_lost
is 'after as many deaths as it may cause' \
	"$(grep -c . "$TREADLE_TEST_TMP/kills")" 4
wait_until 'supervise; [ "$(redis ZCARD "treadle:{0}:runs:running")" = 0 ]' 30
is 'what ran beside it is done' "$(for run in "${longs[@]}"; do
	run_state "$run"
done | sort | uniq -c | xargs)" '6 done'
is 'what comes meanwhile is done' \
	"$(redis ZCARD 'treadle:{0}:runs:done')" $((${#shorts[@]} + 6))
is 'nothing else is dead' "$(redis XLEN 'treadle:{0}:dead')" 1
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
