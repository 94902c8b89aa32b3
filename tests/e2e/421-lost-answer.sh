#!/bin/bash
# SPDX-License-Identifier: MIT
# What was done is not done twice, nor refused, when its answer is lost on the way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"

start_redis
start_coordinator
start_worker
direct=$TREADLE_REDIS_URL
count=0
# losing FUNCTION COMMAND...: treadle, whose first answer of that function is
# lost; what it says in SAID, its exit status in STATUS.
losing() {
	local socket=$TREADLE_TEST_TMP/lossy.$((count += 1)) proxy status
	program helpers/false_redis
	start lossy "$PROGRAM" "$socket" loses "treadle_$1" \
		"$TREADLE_TEST_TMP/redis.sock"
	proxy=$PID
	until_started "$proxy" "[ -S '$socket' ]"
	status=0
	SAID=$(TREADLE_REDIS_URL=unix://$socket treadle "${@:2}" 2>&1) || status=$?
	ok "$2: its answer was lost" [ -e "$socket.lost" ]
	crash "$proxy"
	STATUS=$status
}
failed_run() {
	run=$(treadle submit "$bad")
	until_state "$run" failed
}
attempts() { redis HGET 'treadle:{0}:counters' attempts; }
letters() { redis XLEN 'treadle:{0}:dead'; }

failed_run
before=$(attempts)
losing retry retry "$run"
is 'retry: it succeeds' "$STATUS" 0
like 'retry: it says what it did' "$SAID" "run $run is running again: ship"
until_state "$run" failed
is 'retry: one attempt was made' "$(attempts)" $((before + 1))

losing retry dead retry --all --yes
is 'dead retry: it counts what it did' "$STATUS $SAID" '0 1 retried'
until_state "$run" failed
losing drop dead drop --all --yes
is 'dead drop: it counts what it did' "$STATUS $SAID" '0 1 dropped'
is 'dead drop: it is gone' "$(letters)" 0
losing forget forget "$run"
is 'forget: it succeeds' "$STATUS $SAID" "0 run $run is forgotten"
refused 'forget: the run is gone' 4 'no run' treadle status "$run"

losing submit submit "$stuck"
is 'submit: it succeeds' "$STATUS" 0
is 'submit: one run is there' "$(runs) $(run_state "$SAID")" '1 running'
run=$SAID
losing cancel cancel "$run"
is 'cancel: it succeeds' "$STATUS" 0
is 'cancel: it is cancelled' "$(run_state "$run")" cancelled
cat >"$files/asks.yaml" <<'END'
name: asks
steps: {ask: {wait: {signal: go}}}
output: ${.steps.ask.output}
END
run=$(treadle submit "$files/asks.yaml")
wait_until '[ "$(step_field "$run" ask state)" = parked ]'
losing signal signal "$run" go --data 7
is 'signal: it succeeds' "$STATUS $SAID" "0 step ask of run $run is done"
until_state "$run" done
is 'signal: it counts' "$(treadle status "$run" --output)" 7
losing pause pause default
is 'pause: it succeeds' "$STATUS" 0
losing resume resume default
is 'resume: it succeeds' "$STATUS" 0
is 'resume: nothing is paused' "$(redis SCARD 'treadle:{0}:paused')" 0
seq 3 | sed 's/.*/{"n": &}/' >"$files/three.ndjson"
losing submit submit "$one" --bulk "$files/three.ndjson"
is 'submit --bulk: no run is there twice' \
	"$STATUS $(redis HGET 'treadle:{0}:counters' submitted)" '0 6'
done_testing
