#!/bin/bash
# SPDX-License-Identifier: MIT
# What the tests of the command line share; sourced after lib.sh.

files=$TREADLE_TEST_TMP/files
mkdir -p "$files"

# refused NAME CODE REGEX COMMAND...: it exits with CODE, prints nothing, and
# complains in exactly one line, which matches.
refused() {
	local name=$1 code=$2 regex=$3 status=0 out said lines
	shift 3
	out=$("$@" 2>"$TREADLE_TEST_TMP/stderr") || status=$?
	said=$(cat "$TREADLE_TEST_TMP/stderr")
	lines=$(wc -l <"$TREADLE_TEST_TMP/stderr")
	[ "$status" = "$code" ] && [ -z "$out" ] && [ "$lines" = 1 ] &&
		[[ $said == treadle:\ * ]] && [[ $said =~ $regex ]]
	result $? "$name" || note "status $status, expected $code; $lines lines"\
$'\n'"  out: $out"$'\n'" said: $said"$'\n'"expected: /$regex/"
}

# On a terminal of 100 columns, its output in SCREEN.
on_terminal() { # COMMAND...
	local command
	printf -v command '%q ' "$@"
	SCREEN=$(TERM=xterm LC_ALL=C.UTF-8 script -qec \
		"stty cols 100 rows 30; $command" /dev/null </dev/null)
}

# A workflow that needs no worker to be looked at.
cat >"$files/one.yaml" <<'END'
name: one
input:
  type: object
  properties:
    n: {type: integer, default: 1}
    who: {type: string, maxLength: 20}
steps:
  only:
    pass: {value: "${.input}"}
END
one=$files/one.yaml

runs() { redis ZCARD 'treadle:{0}:runs:running'; }
