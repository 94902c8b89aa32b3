#!/bin/bash
# SPDX-License-Identifier: MIT
# Replies to what operators say are lost, after it was done: they say it again, and hear the same.
. "$(dirname "$0")/lib.sh"

CALLS='cancel retry signal fork forget drop apply unapply pause resume mend find status list dead logs queues workers workflows'
MANY=$((100 * SCALE))
LANES=4
VIA_PROXY=yes
export TREADLE_REDIS_TIMEOUT=60s
begin_world --appendfsync always
# Queues that can be paused without harm.
start worker "$TREADLE_BUILD/treadle-worker" --worker-queues \
	"$(seq -s, -f 'side%g' $LANES)"
until_started "$PID" "is_registered $PID"
begin_load 10
# Which they look at.
wait_until '[ "$(acked_count)" -gt 0 ]' 60
mkdir "$TREADLE_TEST_TMP/operators"
cd "$TREADLE_TEST_TMP/operators" || exit 1
for lane in $(seq $LANES); do
	cat >"fails-$lane.yaml" <<-YAML
		name: fails-$lane
		steps:
		  only: {retry: {attempts: 1}, exec: {command: ["false"]}}
	YAML
	cat >"waits-$lane.yaml" <<-YAML
		name: waits-$lane
		steps:
		  only: {wait: {for: 1h}}
	YAML
	cat >"asks-$lane.yaml" <<-YAML
		name: asks-$lane
		steps:
		  only: {wait: {signal: go}}
	YAML
	printf 'expect %s\n' "fails-$lane any" "waits-$lane cancelled" \
		"asks-$lane done" \
		>>"$ledgers/graph"
done

submit_some() { # WORKFLOW: its runs into ids
	mapfile -t ids < <(yes '{}' | head -n 20 |
		treadle submit "$1.yaml" --bulk - 2>/dev/null)
	[ ${#ids[@]} = 20 ]
}
cancel_some() {
	submit_some "waits-$lane" && treadle cancel "${ids[@]}"
}
# Early ones, and such as are waited for.
signal_some() {
	local id
	submit_some "asks-$lane" || return
	for id in "${ids[@]}"; do
		treadle signal "$id" go --data 1 || return
	done
}
fork_some() {
	local id forks=()
	submit_some "waits-$lane" || return
	for id in "${ids[@]}"; do
		forks+=("$(treadle fork "$id" --from only)") || return
	done
	treadle cancel "${ids[@]}" "${forks[@]}"
}
until_dead() {
	until [ "$(treadle dead --workflow "fails-$lane" --json |
		jq -s 'map(select(.entry)) | length')" = 20 ]; do
		is_running $$ || return
		pause
	done
	true
}
bury_some() {
	submit_some "fails-$lane" && until_dead &&
		treadle dead retry --workflow "fails-$lane" --yes && until_dead &&
		treadle dead drop --workflow "fails-$lane" --yes &&
		treadle forget "${ids[@]}"
}
name_some() {
	treadle apply "waits-$lane.yaml" &&
		treadle workflows --remove "waits-$lane"
}
pause_some() {
	treadle pause "side$lane" && treadle resume "side$lane"
}
# Keys of runs that never were.
mend_some() {
	local i
	for i in $(seq 50); do
		echo "HSET ${PREFIX}keys stray-$lane-$i 01m80000000000000000000000"
	done | redis >/dev/null
	treadle doctor --data --repair
	[ "$(redis HKEYS "${PREFIX}keys" | grep -c "^stray-$lane-")" = 0 ]
}
look_around() {
	local run
	run=$(treadle list --workflow storm --limit 1 --json | jq -r '.run // empty')
	[ -n "$run" ] && treadle status "${run:0:24}" && treadle logs "$run" &&
		treadle dead && treadle queues && treadle workers &&
		treadle workflows
}

# shellcheck disable=SC2086 # a list of words
lose "$MANY" 60 $CALLS
provoke $LANES cancel cancel_some
provoke $LANES signal signal_some
provoke $LANES fork fork_some
provoke $LANES 'apply unapply' name_some
provoke $LANES 'retry drop forget' bury_some
provoke $LANES 'pause resume' pause_some
provoke 2 mend mend_some
provoke $((4 * LANES)) 'find status list dead logs queues workers workflows' look_around
until_provoked 250
is 'each reply that was to be lost was' "$(rules | awk '$3 > 0')" ''
is 'each call of the library is in one of these storms' \
	"$(sed -n "s/^CALLS='\(.*\)'/\1/p" "$STORM"/4?-*.sh | tr ' ' '\n' |
		grep -v '^xread' | sort)" \
	"$(sed -n 's/^FUNCTION(\([a-z]*\),.*/\1/p' \
		"$ROOT/include/treadle/functions.def" | sort)"
verdict 'replies to operators are lost'
done_testing
