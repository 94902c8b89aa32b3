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
	result $? "$name" || explain "status $status, expected $code; $lines lines"\
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

# Workflows of which one is done, the other fails for good.
cat >"$files/good.yaml" <<'END'
name: good
steps:
  first: {pass: {value: 20}}
  second:
    needs: [first]
    pass: {value: "${.steps.first.output + 1}"}
output: {sum: "${.steps.second.output}"}
END
cat >"$files/bad.yaml" <<'END'
name: bad
input: {type: object, properties: {code: {type: integer, default: 65}}}
steps:
  first: {pass: {value: 1}}
  ship:
    needs: [first]
    retry: {attempts: 1}
    exec:
      command: [sh, -c, 'printf "no \033[31mstamps\n" >&2; exit "$0"',
        "${.input.code}"]
END
cat >"$files/stuck.yaml" <<'END'
name: stuck
steps:
  gate: {pass: {value: 1}}
  long: {needs: [gate], wait: {for: 1h}}
END
good=$files/good.yaml bad=$files/bad.yaml stuck=$files/stuck.yaml
