#!/bin/bash
# SPDX-License-Identifier: MIT
# The first bad line ends the reading: what stood before it is submitted.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

# bad NAME REGEX LINE: two good lines, LINE, and one that must not be read.
bad() {
	local before said status=0 ids
	before=$(runs)
	printf '{"n":1}\n{"n":2}\n' >"$files/lines"
	printf '%b\n{"n":4}\n' "$3" >>"$files/lines"
	ids=$(treadle submit "$one" --bulk "$files/lines" 2>"$files/said") ||
		status=$?
	said=$(cat "$files/said")
	is "$1: exit code, ids and runs" \
		"$status $(wc -l <<<"$ids") $(($(runs) - before))" '3 2 2'
	like "$1: file, line and count" "$said" \
		"^treadle: .*lines:3: $2; 2 runs before it were submitted\$"
}
bad 'malformed' 'column 6: .*' '{"n":]'
bad 'cut off' 'column 6: .*' '{"n":'
bad 'the wrong type' 'input.n: .*' '{"n":"x"}'
bad 'not an object' 'must be an object, is a number' 7
bad 'binary bytes' 'column [0-9]+: .*' '{"who":"\xff\xfe"}'
bad 'a NUL byte' 'column [0-9]+: .*' '{"n":\0}'
bad 'two objects' 'column [0-9]+: .*' '{} {}'
bad 'deep nesting' 'column [0-9]+: .*' "$(printf '[%.0s' {1..100})"
bad 'too long' 'the line is longer than 1024 KiB' \
	"$(head -c 1100000 /dev/zero | tr '\0' ' ')"

echo '{}' >"$files/lines"
before=$(runs)
refused 'nothing before it' 3 'standard input:1: .*; nothing was submitted' \
	treadle submit "$one" --bulk - <<<'x'
refused 'a file that is not there' 4 'No such file' \
	treadle submit "$one" --bulk "$files/none"
refused 'a folder' 3 'is a folder' treadle submit "$one" --bulk "$files"
refused 'a workflow that cannot run' 3 'lines:1' \
	treadle submit "$files/lines" --bulk /dev/null
is 'no run began' "$(runs)" "$before"
done_testing
