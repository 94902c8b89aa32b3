#!/bin/bash
# SPDX-License-Identifier: MIT
# What tests of step kinds source besides lib.sh: one step, performed.

# start_api [NAME]: the test server; its address in API.
start_api() {
	program helpers/http_server
	start api "$PROGRAM"
	until_started "$PID" "log_of $PID | grep -q ."
	API=http://127.0.0.1:$(log_of "$PID" | head -n 1)
}

# perform KIND [SUBMIT_ARGUMENT...]: a run of one step, whose kind is YAML, to
# its end. Sets RUN, STATE, OUTPUT (JSON), FAILURE ("class code: detail").
# RETRY: the attempts it has, and what else there is in `retry`.
perform() {
	local step
	RUN=$({
		echo 'name: one'
		echo "defaults: {retry: {attempts: ${RETRY:-1}}}"
		printf 'steps:\n  s:\n    %s\n' "$1"
	} | treadle submit - "${@:2}") || fail "not submitted: $1"
	wait_until '[ "$(run_state "$RUN")" != running ]' 60
	step=$(ask status "$RUN" | jq -c '.steps[0]')
	STATE=$(run_state "$RUN")
	OUTPUT=$(jq -c .output <<<"$step")
	FAILURE=$(jq -r '.failure | "\(.class) \(.code): \(.detail)"' \
		<<<"$step")
}

# outputs NAME KIND JSON: the step is done, and this is what it yields.
outputs() {
	perform "$2"
	[ "$STATE" = done ] && [ "$OUTPUT" = "$3" ]
	result $? "$1" ||
		note "$STATE, $FAILURE"$'\n'"     got: $OUTPUT"$'\n'"expected: $3"
}

# fails NAME KIND REGEX: it is not, and this is what is said.
fails() {
	perform "$2"
	is "$1: it fails" "$STATE" failed
	like "$1: and says why" "$FAILURE" "$3"
}

log_of_step() { treadle logs "$RUN" s; }
