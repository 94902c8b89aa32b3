#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers share the work; one after the other may be replaced while it goes on, at no cost.
. "$(dirname "$0")/lib.sh"

# A run of four steps, two of them programs; each program notes who ran it.
RUNS=50 STEPS=4
export TREADLE_WORKER_SLOTS=6 TREADLE_WORKER_EXEC_SLOTS=3
ledger=$TREADLE_TEST_TMP/ledger
cat >"$TREADLE_TEST_TMP/effect" <<'SH'
#!/bin/sh
echo "$PPID $TREADLE_IDEMPOTENCY_KEY" >>"$1"
exec sleep 0.05
SH
chmod +x "$TREADLE_TEST_TMP/effect"
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
defaults: {retry: {attempts: 1}, recoveries: 0}
steps:
  a: {pass: {value: 1}}
  b: {needs: a, exec: {command: ["$TREADLE_TEST_TMP/effect", "$ledger"]}}
  c: {needs: a, exec: {command: ["$TREADLE_TEST_TMP/effect", "$ledger"]}}
  d: {needs: [b, c], pass: {value: "\${.steps.a.output}"}}
YAML
counter() { # NAME
	local value
	value=$(redis HGET 'treadle:{0}:counters' "$1")
	echo "${value:-0}"
}
submit_all() {
	yes '{}' | head -n $RUNS |
		treadle submit "$TREADLE_TEST_TMP/flow.yaml" --bulk - --quiet
}
finished() { redis ZCARD 'treadle:{0}:runs:done'; }
effects() { grep -c "^$1 " "$ledger"; } # PID

start_redis
start_coordinator
for _ in 1 2 3; do start_worker; done
submit_all
wait_until '[ "$(finished)" = $RUNS ]' 60
for pid in "${WORKERS[@]}"; do
	ok "each of three workers did some of it: $(effects "$pid")" \
		[ "$(effects "$pid")" -gt 0 ]
done
is 'each step is tried once' "$(counter attempts)" $((RUNS * STEPS))

# A rolling restart: each is replaced when it has work in progress.
submit_all
old=("${WORKERS[@]}")
for pid in "${old[@]}"; do
	was=$(effects "$pid")
	wait_until '[ "$(effects $pid)" -gt $was ] || [ "$(finished)" = $((2 * RUNS)) ]'
	start_worker
	stop "$pid"
	is "a worker that is replaced ends well" "$STATUS" 0
done
wait_until '[ "$(finished)" = $((2 * RUNS)) ]' 60
is 'nothing is lost' "$(finished)" $((2 * RUNS))
is 'nor done twice' "$(cut -d ' ' -f 2 "$ledger" | sort | uniq -d)" ''
is 'each effect happened' "$(grep -c . "$ledger")" $((2 * RUNS * 2))
is 'each step is committed once' "$(counter steps_done)" $((2 * RUNS * STEPS))
is 'no recovery is counted' "$(counter recoveries)" 0
is 'no retry' "$(counter retries)" 0
is 'nothing has failed' "$(counter runs_failed) $(counter dead)" '0 0'
redis --scan --pattern 'treadle:{0}:run:*' | while read -r key; do
	redis HVALS "$key" | grep -E '^[a-z]+ [0-9]+ [0-9]+ [0-9]+-'
done | cut -d ' ' -f 1-3 | sort | uniq -c | xargs >"$TREADLE_TEST_TMP/records"
is 'no step has more than one attempt on its record' \
	"$(cat "$TREADLE_TEST_TMP/records")" "$((2 * RUNS * STEPS)) done 1 0"
is 'those that left are gone' "$(ask workers | jq -r '.workers[].pid' | sort |
	xargs)" "$(printf '%s\n' "${WORKERS[@]:3}" | sort | xargs)"
is 'nobody holds anything' \
	"$(redis XPENDING 'treadle:{0}:queue:default' workers | head -n 1)" 0
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
