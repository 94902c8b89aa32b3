#!/bin/bash
# SPDX-License-Identifier: MIT
# Handlers ignore signals, fork, flood, eat memory and kill their workers: each ends as it must, the rest goes on.
. "$(dirname "$0")/lib.sh"

# The shell says of each worker that is killed that it was.
exec 2>"$TREADLE_TEST_TMP/stderr"
begin_world --appendfsync everysec
begin_load 10
# wild NAME STATE CLASS COMMAND [TIMEOUT]: a workflow of one step, how it must end, and why.
wild() {
	# The guilty end alone; of those beside them nobody knows how many they take
	# along before that.
	local recoveries=100
	[ "$3" != worker_lost ] || recoveries=2
	printf 'name: %s\nsteps:\n  only:\n    timeout: %s\n    recoveries: %s\n    retry: {attempts: 1}\n    exec: {command: [bash, -c, %s]}\n' \
		"$1" "${5:-30s}" "$recoveries" "$4" >"$TREADLE_TEST_TMP/$1.yaml"
	echo "expect $1 $2" >>"$ledgers/graph"
	echo "$1 $3" >>"$TREADLE_TEST_TMP/wild"
	fault "$1"
	yes '{}' | head -n $((3 * SCALE)) | treadle submit \
		"$TREADLE_TEST_TMP/$1.yaml" --bulk - 2>/dev/null \
		>"$TREADLE_TEST_TMP/$1.ids"
}
wild deaf failed timeout "'trap \"\" TERM; exec tail -f /dev/null'" 1s
wild forks failed timeout "'trap \"\" TERM; for i in 1 2 3; do (trap \"\" TERM; exec -a storm-fork-$$ tail -f /dev/null) & done; wait'" 1s
wild flood failed too_large "'exec head -c 4000000 /dev/zero'"
wild hungry failed error "'ulimit -v 200000; head -c 900000000 /dev/zero | tail'"
wild leaves done null "'(exec -a storm-fork-$$ tail -f /dev/null >/dev/null 2>&1 3>&-) &'"
wild orphans failed worker_lost "'(trap \"\" TERM; exec -a storm-fork-$$ tail -f /dev/null) & sleep 0.1; kill -9 \$PPID'"
wild poison failed worker_lost "'kill -9 \$PPID'"
# Of these; runs of the load fail as well.
failed_count() {
	# shellcheck disable=SC2046 # a list of ids
	redis ZMSCORE "${PREFIX}runs:failed" $(cat "$TREADLE_TEST_TMP"/*.ids) |
		grep -c .
}
# Who is killed by what it performs is followed by another.
for i in $(counted 600); do
	for pid in "${fleet[@]}"; do
		is_running "$pid" && continue
		reap "$pid"
		for AT in "${!fleet[@]}"; do
			[ "${fleet[AT]}" != "$pid" ] || break
		done
		drop_worker "$AT"
		add_worker
	done
	[ "$(failed_count)" -lt $((18 * SCALE)) ] || break
	rest 50
done
while read -r name class; do
	is "$name fails as it must" "$(while read -r run; do
		ask status "$run" | jq -r '.reason.class'
	done <"$TREADLE_TEST_TMP/$name.ids" | sort -u)" "$class"
done <"$TREADLE_TEST_TMP/wild"
verdict 'handlers run wild'
is 'R5: no descendant is left' "$(pgrep -f "storm-fork-$$")" ''
done_testing
