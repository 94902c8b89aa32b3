#!/bin/bash
# SPDX-License-Identifier: MIT
# Tables are for people: aligned, cut to the terminal, without colour in files.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

yes '{}' | head -n 30 | treadle submit "$one" --bulk - >/dev/null
unlike 'no escape sequences in a file' "$(treadle list 2>&1)" $'\033'
is 'columns are aligned' "$(treadle list 2>/dev/null |
	awk '{ print index($0, "running"), index($0, "one") }' |
	sed 1d | sort -u | wc -l)" 1
on_terminal "$TREADLE_BUILD/treadle" list
like 'colours on a terminal' "$SCREEN" $'\033\[36mrunning'
NO_COLOR=1 on_terminal "$TREADLE_BUILD/treadle" list
unlike 'unless NO_COLOR' "$SCREEN" $'\033'
TERM=dumb
SCREEN=$(script -qec "$TREADLE_BUILD/treadle list" /dev/null </dev/null)
unlike 'or a dumb terminal' "$SCREEN" $'\033'

reason=$(head -c 150 /dev/zero | tr '\0' r)
treadle cancel --reason "$reason" "$(treadle submit "$one")" 2>/dev/null
NO_COLOR=1 on_terminal "$TREADLE_BUILD/treadle" list
is 'long cells do not wrap' \
	"$(tr -d '\r' <<<"$SCREEN" | grep -v 'there may be' |
		sed 's/…/./' | awk 'length > 100')" ''
like 'in a file they are whole' "$(treadle list 2>/dev/null)" "$reason"

if [ -w /dev/full ]; then
	treadle list >/dev/full 2>"$files/said"
	is 'a full disk is an error' "$?" 71
	like 'that says so' "$(cat "$files/said")" 'cannot write'
fi
head -n 1 < <(treadle list --json 2>"$files/said") >/dev/null
is 'a reader who has enough is none' "$(grep -v cursor "$files/said")" ''

is 'config shows where values come from' \
	"$(TREADLE_REDIS_TIMEOUT=3s treadle config |
		awk '/^redis.timeout/ { print $2, $3 }')" '3s TREADLE_REDIS_TIMEOUT'
unlike 'but no password' "$(treadle config --redis-url redis://:hush@h)" hush
ok 'config --check' treadle config --check
treadle config --defaults >"$files/treadle.yaml"
ok 'the defaults are a configuration' \
	treadle list --config "$files/treadle.yaml" --redis-url "$TREADLE_REDIS_URL"
done_testing
