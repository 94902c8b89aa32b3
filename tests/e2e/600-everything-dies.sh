#!/bin/bash
# SPDX-License-Identifier: MIT
# Workers, coordinators and Redis die in turn: each run is done, each step committed once.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s TREADLE_WORKER_SLOTS=4
export TREADLE_COORDINATOR_LEAD=1s
WAVES=6 RUNS=$((6 * 4)) STEPS=7 EFFECTS=$((6 * 4 * 6))
ATTEMPTS=3 RECOVERIES=20
ledger=$TREADLE_TEST_TMP/ledger
ids=$TREADLE_TEST_TMP/ids
start_redis --appendfsync always

# The effect, between two lines of the ledger. What it answers is new at every
# start, so that a checkpoint tells which start was committed.
cat >"$TREADLE_TEST_TMP/effect" <<'SH'
#!/bin/sh
read -r given
me="$TREADLE_RUN $TREADLE_STEP $TREADLE_ATTEMPT $TREADLE_IDEMPOTENCY_KEY"
echo "begin $me $$ $given" >>"$1"
while [ ! -e "$2" ]; do sleep 0.02; done
echo "end $me $$ $given" >>"$1"
echo "\"$TREADLE_STEP-$$\""
SH
chmod +x "$TREADLE_TEST_TMP/effect"
{
	step() { # NAME NEEDS GATE STDIN
		echo "  $1:"
		echo "    needs: [$2]"
		echo "    exec: {command: [\"$TREADLE_TEST_TMP/effect\"," \
			"\"$ledger\", \"$3\"], stdin: \"$4\"}"
	}
	echo 'name: fan'
	echo 'input: {type: object, properties: {gate: {type: string}}}'
	echo "defaults: {recoveries: $RECOVERIES, retry: {attempts: $ATTEMPTS}}"
	echo 'steps:'
	step split '' / nothing
	for name in a b c d; do
		# shellcheck disable=SC2016 # an expression of the workflow
		step $name split '${.input.gate}' '${.steps.split.output}'
	done
	echo '  pause: {needs: [a], wait: {for: 20ms}}'
	step join 'b, c, d, pause' / \
		"\${[.steps.a, .steps.b, .steps.c, .steps.d] | map(.output) | join(\\\",\\\")}"
} >"$TREADLE_TEST_TMP/fan.yaml"

counter() { # NAME
	local value
	value=$(redis HGET 'treadle:{0}:counters' "$1")
	echo "${value:-0}"
}
is_done() { [ "$(redis ZCARD 'treadle:{0}:runs:done')" = $RUNS ]; }
id_of() { # PID of a worker that lives
	ask workers | jq -r --argjson pid "$1" \
		'.workers[] | select(.pid == $pid and .state == "live") | .worker'
}
# What is pending for a worker that lives, and its id.
is_busy() { # PID
	local id
	id=$(id_of "$1")
	[ -n "$id" ] && redis XPENDING 'treadle:{0}:queue:default' workers |
		grep -qxF "$id"
}
# The pid of the coordinator that holds the lead.
leader() {
	local id pid
	id=$(redis GET 'treadle:{0}:lead:reclaim')
	for pid in "${COORDINATORS[@]}"; do
		[ -n "$id" ] && is_running "$pid" &&
			log_of "$pid" | grep -q "as $id " && echo "$pid"
	done
}
# Four runs more, whose steps in the middle don't end before the gate is open.
# They are more than two workers have slots for, so that each has some.
wave=0
begin_wave() {
	wave=$((wave + 1))
	yes "{\"gate\":\"$TREADLE_TEST_TMP/gate.$wave\"}" | head -n 4 |
		treadle submit "$TREADLE_TEST_TMP/fan.yaml" --bulk - 2>/dev/null \
			>>"$ids"
	for pid; do
		wait_until "is_busy $pid" 30
	done
}
end_wave() {
	touch "$TREADLE_TEST_TMP/gate.$wave"
	note "$1"
}

start_coordinator
start_coordinator
start_worker
first=$WORKER
start_worker
second=$WORKER

begin_wave "$first" "$second"
crash "$first"
start_worker
third=$WORKER
end_wave 'a worker was killed'

wait_until '[ -n "$(leader)" ]'
begin_wave
crash "$(leader)"
start_coordinator
end_wave 'the coordinator in the lead was killed'

begin_wave "$third"
kill_redis
restart_redis
end_wave 'Redis was killed'

begin_wave "$second"
frozen=$(id_of "$second")
kill -STOP "$second"
wait_until '[ -z "$(redis ZSCORE "treadle:{0}:workers" "$frozen")" ]' 30
kill -CONT "$second"
wait_until "log_of $second | grep -q 'worker lost'"
end_wave 'a worker was frozen, and woke up too late'

begin_wave "$third"
kill -TERM "$third"
wait_until "log_of $third | grep -q 'worker draining'"
end_wave 'a worker was told to stop'
wait_until "! is_running $third" 30
reap "$third"
is 'it stops well' "$STATUS" 0
start_worker

begin_wave "$WORKER"
kill_redis
crash "$WORKER"
crash "$COORDINATOR"
restart_redis
start_coordinator
start_worker
end_wave 'Redis, a worker and a coordinator were killed together'

wait_until is_done 60
is 'every run is done' "$(redis ZCARD 'treadle:{0}:runs:done')" "$RUNS"
is 'each step is committed once' "$(counter steps_done)" $((RUNS * STEPS))
is 'what was submitted is what is done' \
	"$wave: $(counter submitted) $(counter runs_done)" "$WAVES: $RUNS $RUNS"
is 'none has failed' "$(counter runs_failed) $(counter dead)" '0 0'
ok 'workers were missed' [ "$(counter recoveries)" -gt 2 ]
note "$(counter recoveries) recoveries, $(counter fenced) fenced," \
	"$(grep -c ^begin "$ledger") starts of $EFFECTS effects"

# --- the ledger against Redis
# begin|end RUN STEP ATTEMPT KEY PID GIVEN; of Redis: RUN STEP STARTS OUTPUT
records=$TREADLE_TEST_TMP/records
while read -r run; do
	ask status "$run" | jq -r '.run as $run | .steps[] |
		select(.kind == "exec") |
		"\($run) \(.step) \(.attempt + .recoveries) \(.output)"'
done <"$ids" >"$records"
starts() { awk '$1 == "begin" { print $2, $3 }' "$ledger"; }
distinct() { # FIELDS of the ledger: how many
	awk "{ print $1 }" "$ledger" | sort -u | grep -c .
}
is 'Redis knows each step' "$(grep -c . "$records")" "$EFFECTS"
is 'and each has begun' "$(starts | sort -u)" \
	"$(cut -d ' ' -f 1,2 "$records" | sort -u)"
is 'none more often than Redis has counted' "$(starts | cat - "$records" |
	awk 'NF == 2 { n[$1 $2]++ } NF == 4 && n[$1 $2] > $3')" ''
is 'nor than its limits allow' "$(starts | sort | uniq -c |
	awk -v max=$((ATTEMPTS + RECOVERIES)) '$1 > max')" ''
is 'each step has one key, whoever does it' "$(distinct '$2, $3, $5')" "$EFFECTS"
is 'and no two the same' "$(distinct '$5')" "$EFFECTS"
is 'each is given the same whenever it begins' "$(distinct '$2, $3, $7')" \
	"$EFFECTS"
is 'what is committed was done to its end' "$(cat "$ledger" "$records" |
	awk '$1 == "end" { done[$2 " " $3 " " $3 "-" $6] = 1 }
		NF == 4 && !done[$1 " " $2 " " $4]')" ''
is 'and is what successors are given' \
	"$(awk '$3 == "join" { print $2, $7 }' "$ledger" | sort -u)" \
	"$(awk '$2 ~ /^[abcd]$/ { out[$1] = out[$1] "," $4 }
		END { for (run in out) print run, substr(out[run], 2) }' \
		"$records" | sort)"

# --- nothing is left over
is 'the queue is empty' "$(redis XLEN 'treadle:{0}:queue:default')" 0
is 'nobody holds anything' \
	"$(redis XPENDING 'treadle:{0}:queue:default' workers | head -n 1)" 0
is 'nothing is delayed' "$(redis ZCARD 'treadle:{0}:delayed')" 0
is 'nothing is dead' "$(redis XLEN 'treadle:{0}:dead')" 0
is 'no run is running' "$(redis ZCARD 'treadle:{0}:runs:running')" 0
wait_until '[ "$(redis ZCARD "treadle:{0}:workers")" = 2 ]' 30
is 'the workers that live are known' \
	"$(ask workers | jq -r \
	'.workers[] | select(.state == "live") | .pid' | sort | xargs)" \
	"$(printf '%s\n' "$second" "$WORKER" | sort | xargs)"
is 'there are no keys but those that docs/INTERNALS.md names' \
	"$(redis --scan | grep -vE '^treadle:\{0\}:(queue:default|queues|timer|dead|(run|out|log):[0-9a-z]{26}|def:[0-9a-f]{40}|definitions|runs:done|finished|workflows|recent:[a-z]+|workers|lost|looked|worker:[0-9a-z]+|stop:[0-9a-z]+|counters|lead:(promote|reclaim|sweep)|probe)$')" ''
is 'nobody complains of a fault' "$(for pid in "${COORDINATORS[@]}" \
	"${WORKERS[@]}"; do log_of "$pid"; done | grep ' error ')" ''
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
