#!/bin/bash
# SPDX-License-Identifier: MIT
# All that treadle shows of a failed run is found with redis-cli alone, by the lines of --explain.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"

# A run of which one step is done, one failed twice and then for good, one
# never began, and one still runs and tells how far it is and what it cost.
cat >"$files/talk" <<'SH'
#!/bin/sh
echo '{"progress": 0.4, "message": "it'"'"'s half"}' >&3
echo '{"cost": {"usd": 0.02}}' >&3
while [ ! -e "$1" ]; do sleep 0.02; done
SH
chmod +x "$files/talk"
cat >"$files/ship.yaml" <<YAML
name: ship
input: {type: object, properties: {what: {type: string}}}
steps:
  pack: {pass: {value: {box: "\${.input.what}"}}}
  talk:
    needs: pack
    queue: quiet
    exec: {command: ["$files/talk", "$TREADLE_TEST_TMP/go"]}
  stamp:
    needs: pack
    retry: {attempts: 3, delay: 10ms, jitter: 0}
    exec:
      command: [sh, -c, 'echo "no stamps, try \$TREADLE_ATTEMPT" >&2; [ -e "\$0" ] || exit 75', "$TREADLE_TEST_TMP/stamps"]
  send: {needs: [stamp, talk], pass: {value: gone}}
YAML

start_redis
start_coordinator
start_worker --worker-queues default,quiet
run=$(treadle submit "$files/ship.yaml" -i what="it's \"odd\" \$HOME" --key 'a b')
until_state "$run" failed
wait_until '[ "$(step_field "$run" talk progress)" != null ]'
entry=$(step_field "$run" stamp dead)

# explained VERB...: what its lines answer, run by a shell that knows redis-cli
# and nothing of ours.
explained() {
	local lines
	lines=$(treadle "$@" --explain) || return
	[ -z "$(grep -v '^redis-cli ' <<<"$lines")" ] || return
	env -i PATH="$PATH" bash -c "$lines"
}
# same NAME FILTER VERB...: it is what the verb itself finds; FILTER takes the
# items out of the answer.
same() {
	local name=$1 filter=$2 ours theirs
	shift 2
	ours=$(treadle "$@" --json |
		jq -cS 'select(has("cursor") | not) | del(.lease_left_ms, .busy)')
	theirs=$(explained "$@" | jq -cS "$filter | del(.lease_left_ms, .busy)")
	[ -n "$ours" ]
	result $? "$name: there is something to see"
	is "$name: redis-cli finds the same" "$theirs" "$ours"
}
same status . status "$run"
same logs '.attempts[]' logs "$run"
same 'logs of a step' '.attempts[]' logs "$run" stamp
same 'dead list' '.dead[]' dead list
same 'dead letters of a run' '.dead[]' dead list --run "$run"
same 'a dead letter' '.dead[]' dead show "$entry"
same list '.runs[]' list
same 'failed runs' '.runs[]' list --state failed --workflow ship
same queues '.queues[]' queues
same workers '.workers[]' workers

# What a person wants to know about it is in there, and is what is shown.
status=$(explained status "$run")
worker=$(explained workers | jq -r '.workers[0].worker')
tells() { # NAME FILTER EXPECTED REGEX VERB...: in the answer, and on the screen
	is "$1: told by redis-cli" "$(explained "${@:5}" | jq -rc "$2")" "$3"
	like "$1: and by treadle" "$(treadle "${@:5}")" "$4"
}
step() { echo ".steps[] | select(.step == \"$1\") | "; }
tells 'why it failed' '.reason | "\(.step) \(.class)"' 'stamp transient' \
	'step stamp: transient' status "$run"
tells 'what was given' .input.what "it's \"odd\" \$HOME" 'odd' status "$run"
tells 'its key' .key 'a b' 'a b' status "$run"
tells 'who ran it' "$(step pack).worker" "$worker" "$worker" status "$run"
tells 'how often' "$(step stamp).attempt" 3 'stamp +exec +dead +3' status "$run"
tells 'what a step yielded' "$(step pack).output.box" "it's \"odd\" \$HOME" \
	'pack +pass +done' status "$run"
tells 'how far one is' "$(step talk).progress.message" "it's half" \
	'talk +exec +running' status "$run"
tells 'what it cost' "$(step talk).cost.usd" 0.02 'talk' status "$run"
tells 'what waits' "$(step send).state" waiting 'send +pass +waiting' \
	status "$run"
tells 'what was written' '[.attempts[].log] | join("")' \
	$'no stamps, try 1\nno stamps, try 2\nno stamps, try 3' \
	'try 1.*try 2.*try 3' logs "$run" stamp
tells 'the whole history' '[.dead[0].history[].class] | join(" ")' \
	'transient transient transient' '1 +transient.*2 +transient.*3 +transient' \
	dead show "$entry"
tells 'what runs where' '[.queues[] | "\(.queue) \(.running)"] | join(", ")' \
	'default 0, quiet 1' 'quiet +0 +1' queues

# The keys themselves are legible, as docs/INTERNALS.md says.
key="treadle:{0}:run:$run"
is 'the state of the run' "$(redis HGET "$key" state)" 'failed 3'
like 'the record of a step' "$(redis HGET "$key" step:stamp)" \
	"^dead 3 0 [0-9]+-0 $worker [0-9]+ [0-9]+\$"
is 'no bytes that are not text, but for the input' "$(redis HGETALL "$key" |
	sed '/^input$/,+1d' | LC_ALL=C grep -c '[^[:print:]]')" 0
like 'the log of an attempt' "$(redis HGET "treadle:{0}:log:$run" stamp/2/log)" \
	'no stamps, try 2'
is 'who holds what' "$(redis XPENDING 'treadle:{0}:queue:quiet' workers - + 9 |
	sed -n 1,2p | xargs)" "$(jq -r "$(step talk)\"\(.entry) \(.worker)\"" \
	<<<"$status")"
is 'in which index it is' \
	"$(redis ZRANGE 'treadle:{0}:runs:failed' 0 -1)" "$run"

# redis-cli can also act: the cause is gone, so the run is tried again.
touch "$TREADLE_TEST_TMP/go" "$TREADLE_TEST_TMP/stamps"
is 'retry tells what runs again' \
	"$(explained retry "$run" | jq -c '.steps | sort')" '["send","stamp"]'
until_state "$run" done
is 'what was done is kept' "$(redis HGET 'treadle:{0}:counters' attempts)" 7
is 'its dead letter is gone' "$(explained dead list | jq -c .dead)" '[]'
like 'pause' "$(explained pause quiet)" '"paused":true'
like 'is seen' "$(treadle queues)" 'quiet.*paused'
like 'resume' "$(explained resume quiet)" '"paused":false'
ok 'forget' explained forget "$run"
is 'nothing is left of it' "$(redis --scan --pattern "*$run*")" ''
done_testing
