#!/bin/bash
# SPDX-License-Identifier: MIT
# What an expression yields must fit: in type, in size, in time.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker --worker-output-max 1KiB
submit() { # PASS_VALUE
	printf 'name: shape\nsteps:\n  a: {pass: {value: %s}}\n' "$1" |
		treadle submit - -i name=pip -i 'list=[1, 2, 3]'
}
output_of() { # PASS_VALUE
	local run
	run=$(submit "$1")
	until_state "$run" done
	step_field "$run" a output | jq -c . 2>/dev/null ||
		step_field "$run" a output
}
failure_of() { # PASS_VALUE
	local run
	run=$(submit "$1")
	until_state "$run" failed
	step_field "$run" a failure | jq -r '.class + ": " + .detail'
}

is 'a constant' "$(output_of '{x: [1, two, null]}')" '{"x":[1,"two",null]}'
is 'a path keeps its type' "$(output_of '"${.input.list}"')" '[1,2,3]'
is 'jq' "$(output_of '"${.input.list | map(. * 2) | add}"')" 12
is 'in a text' "$(output_of '"hello ${.input.name}"')" 'hello pip'
is 'the run is known' "$(output_of '"${.run.workflow}"')" shape
is 'nothing is null' "$(output_of '"${.input.nobody}"')" null
like 'too large' "$(failure_of '"${[range(1000)]}"')" \
	'^too_large: the output exceeds 1KiB'
like 'an error of jq' "$(failure_of '"${.input.name | error}"')" \
	'^expression: .*pip'
like 'endless' "$(failure_of '"${[limit(1; repeat(empty))]}"')" '^expression: '
done_testing
