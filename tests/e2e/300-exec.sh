#!/bin/bash
# SPDX-License-Identifier: MIT
# exec gives a program its arguments, environment, folder and input as they were written.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

mkdir "$TREADLE_TEST_TMP/folder"
export HIDDEN=me LANG=C.UTF-8
start_redis
start_coordinator
start_worker --worker-directory "$TREADLE_TEST_TMP"

# shellcheck disable=SC2016 # none of it is for this shell
outputs 'arguments are never for a shell' \
	'exec: {command: [printf, "%s|", "$HOME", "a  b", "; echo x", "*", "-n", ""]}' \
	'"$HOME|a  b|; echo x|*|-n||"'
perform 'exec: {command: [sh, -c, "cat"], stdin: {b: [1, null], a: "é"}}'
is 'an object is read as JSON' "$OUTPUT" '{"a":"é","b":[1,null]}'
outputs 'a text is read as it is' \
	'exec: {command: [cat], stdin: "  two\nlines"}' '"  two\nlines"'
outputs 'without input there is an end of it' 'exec: {command: [cat]}' '""'

perform 'exec: {command: [env], env: {COLOUR: green, N: 3}}'
env=$(jq -r . <<<"$OUTPUT" | sort)
names=$(cut -d= -f1 <<<"$env" | tr '\n' ' ')
is 'the environment holds what is allowed, and no more' "$names" \
	'COLOUR HOME LANG N PATH TREADLE_ATTEMPT TREADLE_FD TREADLE_IDEMPOTENCY_KEY TREADLE_RECOVERY TREADLE_RUN TREADLE_STEP TREADLE_WORKFLOW '
like 'what the step adds' "$env" $'\nN=3\n'
like 'which run it is' "$env" "TREADLE_RUN=$RUN"
like 'which step' "$env" $'TREADLE_STEP=s\nTREADLE_WORKFLOW=one'
like 'which attempt' "$env" $'TREADLE_ATTEMPT=1\n'
like 'the key that never changes' "$env" "TREADLE_IDEMPOTENCY_KEY=$RUN/s"

outputs 'it runs in the folder of the worker' 'exec: {command: [pwd]}' \
	"\"$TREADLE_TEST_TMP\""
outputs 'or one below' 'exec: {command: [pwd], directory: folder}' \
	"\"$TREADLE_TEST_TMP/folder\""
outputs 'or anywhere' 'exec: {command: [pwd], directory: /}' '"/"'
outputs 'PATH is the one it gets' \
	"exec: {command: [ls], env: {PATH: /nowhere:/bin}, directory: folder}" '""'
fails 'another PATH' 'exec: {command: [ls], env: {PATH: /nowhere}}' \
	'^rejected 127: cannot run "ls": not found in PATH \(/nowhere\)'
fails 'no such folder' 'exec: {command: [ls], directory: nothing}' \
	'^rejected 127: cannot enter folder nothing'

outputs 'JSON is read' 'exec: {command: [echo, " [1, 2.5]"]}' '[1,2.5]'
outputs 'what is not JSON is a text, without its last line end' \
	'exec: {command: [printf, "a\nb\n"]}' '"a\nb"'
outputs 'a long number stays what it is' \
	'exec: {command: [echo, "12345678901234567890"]}' \
	'"12345678901234567890"'
outputs 'text is what one asks for' \
	'exec: {command: [echo, "[1]"], output: text}' '"[1]"'
outputs 'or none' 'exec: {command: [echo, "[1]"], output: none}' null
fails 'or JSON' 'exec: {command: [echo, "[1,"], output: json}' \
	'^bad_output 0: standard output is not JSON.*line 2'
fails 'bytes are no text' "exec: {command: [printf, '\\377']}" \
	'^bad_output 0: standard output is not UTF-8'
done_testing
