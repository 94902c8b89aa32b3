#!/bin/bash
# SPDX-License-Identifier: MIT
# How a program ends tells what becomes of its step.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

start_redis
start_coordinator
start_worker --worker-output-max 4KiB

shell() { echo "exec: {command: [sh, -c, '$1']}"; }

fails 'any exit' "$(shell 'echo first >&2; echo why >&2; exit 3')" \
	'^error 3: exit 3: why$'
fails 'EX_TEMPFAIL' "$(shell 'exit 75')" '^transient 75: exit 75$'
fails 'EX_DATAERR' "$(shell 'exit 65')" '^rejected 65: exit 65$'
fails 'EX_NOPERM' "$(shell 'exit 77')" '^rejected 77: exit 77$'
fails 'what a shell does not find' "$(shell 'no-such-program')" \
	'^rejected 127: exit 127: .*no-such-program.*not found'
fails 'a signal' "$(shell 'kill -SEGV $$')" \
	'^killed 139: ended by signal 11 \(Segmentation fault\)$'
fails 'no program' 'exec: {command: [no-such-program]}' \
	'^rejected 127: cannot run "no-such-program": not found in PATH'
fails 'no command' 'exec: {command: ["${.input.x // \"\"}"]}' \
	'^rejected 127: command is empty'

# It must not go on until it has written all of it.
fails 'too much output' "$(shell 'yes')" \
	'^too_large 0: more than 4096 bytes on standard output'
fails 'long lines' "$(shell 'printf %05000d 7 >&2; exit 1')" \
	'^error 1: exit 1: 0{300}$'
fails 'control characters' "$(shell 'printf "\033[31mred\a\n\n" >&2; exit 1')" \
	'^error 1: exit 1: \\x1b\[31mred\\x07$'

perform "$(shell 'seq 1 40000 >&2; printf "\377\000" >&2; exit 1')"
log=$(treadle logs "$RUN" s | tail -n 2 | head -n 1)
is 'the end of a long log is kept' "$log" 40000
size=$(treadle logs "$RUN" s | wc -c)
ok 'its beginning is not' test "$size" -lt 70000

# Descendants that hold the output open don't hold the step.
begun=$SECONDS
perform "$(shell 'sleep 300 & echo 1')"
is 'what stays behind does not hold the step' "$STATE $OUTPUT" 'done 1'
ok 'for long' test $((SECONDS - begun)) -lt $((30 * PATIENCE))
like 'it is mentioned' "$(log_of_step)" 'left processes behind'

perform "$(shell 'sleep 300 & echo $!')"
left=$(jq . <<<"$OUTPUT")
wait_until "! is_running $left" 20
ok 'and it is ended' test ! -d "/proc/$left/fd/0"

# Time is over: TERM to the whole group, then KILL.
cat >"$TREADLE_TEST_TMP/stubborn" <<'SH'
#!/bin/sh
trap 'echo asked >>"$1"' TERM
tail -f /dev/null &
echo $! $$ >"$1.pids"
while :; do wait; done
SH
chmod +x "$TREADLE_TEST_TMP/stubborn"
fails 'a program that does not stop' \
	"exec: {command: ['$TREADLE_TEST_TMP/stubborn', '$TREADLE_TEST_TMP/said']}
    timeout: 300ms" '^timeout '
is 'it was asked first' "$(head -n 1 "$TREADLE_TEST_TMP/said")" asked
read -r child parent <"$TREADLE_TEST_TMP/said.pids"
ok 'nothing is left of it' eval "! is_running $child && ! is_running $parent"
done_testing
