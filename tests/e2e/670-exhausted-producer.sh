#!/bin/bash
# SPDX-License-Identifier: MIT
# Whatever the system refuses to the command line: it is told, nothing is half done.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
. "$(dirname "$0")/exhaust.sh"

export TREADLE_REDIS_TIMEOUT=1s
start_redis
printf '{"n": 7}\n' >"$files/input.json"
yes '{"n": 3}' | head -n 40 >"$files/bulk.jsonl"
printf 'redis: {timeout: 9s}\nlog: {level: warn}\n' >"$files/config.yaml"
out=$TREADLE_TEST_TMP/out said=$TREADLE_TEST_TMP/said.program

# What differs from one time to the next.
same() {
	sed -E 's/\b01[0-9a-z]{24}\b/RUN/g; s/ +/ /g;
		s/\(?[0-9.]+(ms|[smhd])\b( ago\)?)?/TIME/g; s/TIME( TIME)*/TIME/g' "$1"
}

# try WISH: runs `command`, and sees whether that is as it should be. Whatever
# succeeds has said all that it says in peace.
try() {
	local status=0
	exhausted "$1"
	{
		timeout -s KILL 30 "${EXHAUSTED[@]}" "${command[@]}" >"$out" \
			2>"$said" </dev/null || status=$?
	} 2>"$TREADLE_TEST_TMP/talk" # of the shell, when a child aborts
	judge "$status" "$1" "$said" >&3
	if [ "$status" = 0 ] && ! same "$out" | cmp -s - "$files/expected"; then
		echo "$1: it says that it is well, but not all that it should" >&3
	fi
}

# holds NAME ARGUMENT...: of `treadle`, whatever is refused to it.
holds() {
	local name=$1
	is_chosen "$name" || return 0
	program treadle
	command=("$PROGRAM" "${@:2}")
	exhausted none
	"${EXHAUSTED[@]}" "${command[@]}" >"$out" 2>"$said" </dev/null ||
		fail "$name does not even work in peace: $(cat "$said")"
	same "$out" >"$files/expected"
	each_kind "$name"
}

run=$(treadle submit "$one" --key first)
treadle submit "$one" >/dev/null
holds 'validate' validate "$one"
holds 'config' config --explain --config "$files/config.yaml"
holds 'status' status "$run" --json
holds 'list' list
holds 'queues' queues
is 'none of these has changed anything' "$(runs)" 2
# The key makes one run of all tries.
holds 'submit' submit "$one" --key second --input "$files/input.json"
! is_chosen submit || is 'a run that was submitted often is one' "$(runs)" 3
holds 'submit --bulk' submit "$one" --bulk "$files/bulk.jsonl" --key third
holds 'logs' logs "$run"
holds cancel cancel "$run"

# What is performed, a list, a big value: all that a run may have.
export TREADLE_BLOBS_FOLDER=$files/blobs TREADLE_BLOBS_INLINE_MAX=1KiB
mkdir "$files/blobs"
start_worker
cat >"$files/part.yaml" <<'YAML'
name: part
steps: {a: {pass: {value: "${.input.n}"}}}
output: ${.steps.a.output}
YAML
cat >"$files/shapes.yaml" <<'YAML'
name: shapes
steps:
  list: {for_each: [1, 2], workflow: part, input: {n: "${.item}"}}
  ask: {needs: list, wait: {signal: go, prompt: "Now?"}}
  big: {needs: list, pass: {value: "${\"x\" * 5000}"}}
output: ${.steps.big.output}
YAML
treadle apply "$files/part.yaml" "$files/shapes.yaml" >/dev/null
holds 'apply' apply "$files/part.yaml" "$files/shapes.yaml"
holds 'workflows' workflows
holds 'diff' diff shapes
holds 'submit by name' submit shapes --key fourth
shapes=$(treadle submit shapes)
wait_until '[ "$(step_field "$shapes" ask state)" = parked ] && [ "$(step_field "$shapes" big state)" = done ]'
holds 'status of shapes' status "$shapes"
treadle signal "$shapes" go >/dev/null 2>&1
until_state "$shapes" done
holds 'a big value' status "$shapes" --output
holds 'fork' fork "$shapes" --from big
stop "$WORKER"
holds 'doctor' doctor --data
note "$tried cases"
done_testing
