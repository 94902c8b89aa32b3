#!/bin/bash
# SPDX-License-Identifier: MIT
# Replies to what workers and producers say are lost, after it was done: all is done, and done once.
. "$(dirname "$0")/lib.sh"

CALLS='define submit register heartbeat take expand complete results recall remember hold spawn collect fail defer release note leave definition version xreadgroup'
MANY=$((100 * SCALE))
VIA_PROXY=yes
WORKER_COUNT=16
# Whose farewell was not answered says so, by the code of an absent Redis.
STOPS_WELL='[06]'
TREADLE_WORKER_GRACE=20ms
mkdir "$TREADLE_TEST_TMP/blobs"
export TREADLE_BLOBS_FOLDER=$TREADLE_TEST_TMP/blobs TREADLE_BLOBS_COLLECT=100ms
export TREADLE_BLOBS_INLINE_MAX=1KiB
begin_world --appendfsync always
begin_load 60
printf '%s\n' 'expect once done' 'step once only - pass 3 3' \
	'expect kept done' 'step kept only - pass 3 3' \
	'expect big done' 'step big only - pass 3 3' \
	'expect list done' 'step list each - each 3 3' \
	'step list join each pass 3 3' \
	'expect outer done' 'step outer only - workflow 3 3' \
	'expect inner done' 'step inner only - pass 3 3' >>"$ledgers/graph"

# Another definition each time, so that it must be stored, and looked up.
submit_once() {
	turn=$((${turn:-0} + 1))
	cat >"$TREADLE_TEST_TMP/once.$lane.yaml" <<-YAML
		name: once
		steps: {only: {pass: {value: "$lane/$turn"}}}
	YAML
	TREADLE_REDIS_TIMEOUT=60s treadle submit "$TREADLE_TEST_TMP/once.$lane.yaml"
}

# Its output is larger than what is kept in Redis.
submit_big() {
	cat >"$TREADLE_TEST_TMP/big.$lane.yaml" <<-'YAML'
		name: big
		steps: {only: {exec: {command: [seq, '1000'], output: text}}}
	YAML
	TREADLE_REDIS_TIMEOUT=60s treadle submit "$TREADLE_TEST_TMP/big.$lane.yaml"
}

# What it does has no effect that the ledgers know, whether it is done or known.
submit_kept() {
	cat >"$TREADLE_TEST_TMP/kept.$lane.yaml" <<-'YAML'
		name: kept
		input: {type: object}
		steps: {only: {cache: 1s, exec: {command: [echo, "${.input.turn}"]}}}
	YAML
	TREADLE_REDIS_TIMEOUT=60s treadle submit "$TREADLE_TEST_TMP/kept.$lane.yaml" \
		-i turn=$((RANDOM % 20))
}

# A list is kept, and what came of it is read.
submit_list() {
	cat >"$TREADLE_TEST_TMP/list.$lane.yaml" <<-'YAML'
		name: list
		steps:
		  each: {for_each: [1, 2, 3], pass: {value: "${.item}"}}
		  join: {needs: each, pass: {value: "${.steps.each.output}"}}
	YAML
	TREADLE_REDIS_TIMEOUT=60s treadle submit "$TREADLE_TEST_TMP/list.$lane.yaml"
}

# A workflow is performed as a step of another.
apply_inner() {
	cat >"$TREADLE_TEST_TMP/inner.yaml" <<-'YAML'
		name: inner
		steps: {only: {pass: {value: 1}}}
	YAML
	treadle apply "$TREADLE_TEST_TMP/inner.yaml"
}
submit_outer() {
	cat >"$TREADLE_TEST_TMP/outer.$lane.yaml" <<-'YAML'
		name: outer
		steps: {only: {workflow: inner}}
	YAML
	TREADLE_REDIS_TIMEOUT=60s treadle submit "$TREADLE_TEST_TMP/outer.$lane.yaml"
}

ok 'the inner workflow is known' apply_inner
# shellcheck disable=SC2086 # a list of words
lose "$MANY" 50 $CALLS
lose "$MANY" 70 register leave
provoke 8 define submit_once
provoke 4 'recall remember' submit_kept
provoke 4 hold submit_big
provoke 4 'expand results' submit_list
provoke 4 spawn submit_outer
for i in $(counted 1000); do
	[ "$(left $CALLS)" != 0 ] || break
	if [ "$(left register leave release definition)" != 0 ]; then
		for _ in 1 2 3 4; do replace_worker; done
		[ ${#stopping[@]} -lt 40 ] || until_stopped
	fi
	rest 100
done
until_provoked 60
until_stopped
is 'each reply that was to be lost was' "$(rules | awk '$3 > 0')" ''
verdict 'replies are lost'
done_testing
