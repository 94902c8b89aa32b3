#!/bin/bash
# SPDX-License-Identifier: MIT
# What a killed worker has started does not go on without it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

start_redis
start_coordinator
start_worker
mkdir "$TREADLE_TEST_TMP/pids"
cat >"$TREADLE_TEST_TMP/family.yaml" <<YAML
name: family
steps:
YAML
for name in a b c; do
	echo "  $name: {exec: {command: [sh, -c, 'trap \"\" TERM HUP INT;
	tail -f /dev/null & echo \$! >\"\$0\"; sh -c \"tail -f /dev/null\" & echo \$! >>\"\$0\";
	echo \$\$ >>\"\$0\"; mv \"\$0\" \"\$0.all\"; wait',
	'$TREADLE_TEST_TMP/pids/$name']}}"
done >>"$TREADLE_TEST_TMP/family.yaml"
treadle submit "$TREADLE_TEST_TMP/family.yaml" >/dev/null
wait_until '[ "$(ls "$TREADLE_TEST_TMP/pids/" | grep -c all)" = 3 ]' 20
pids=$(cat "$TREADLE_TEST_TMP"/pids/*.all)
is 'nine processes are at work' "$(wc -w <<<"$pids")" 9
# What is dead but not yet reaped by whoever inherits it is dead.
alive() {
	local pid
	for pid in $pids; do
		grep -qs '^State:[[:blank:]]*[^ZX[:blank:]]' "/proc/$pid/status" &&
			echo "$pid"
	done
}
is 'all of them' "$(alive | wc -l)" 9
crash "$WORKER"
wait_until '[ -z "$(alive)" ]' 20
is 'none is left' "$(alive)" ''
done_testing
