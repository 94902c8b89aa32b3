#!/bin/bash
# SPDX-License-Identifier: MIT
# logs shows what attempts wrote; a terminal is not at their mercy.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

id=$(treadle submit "$bad" --wait 2>/dev/null)
like 'who wrote, when, how it ended, what' "$(treadle logs "$id")" \
	'^--- ship, try 1, 20.*rejected.*no .*stamps'
like 'to a file as it was written' "$(treadle logs "$id")" $'no \033\[31mstamps'
on_terminal "$TREADLE_BUILD/treadle" logs "$id"
like 'on a terminal escaped' "$SCREEN" 'no \\x1b\[31mstamps'
is 'as JSON' "$(treadle logs "$id" --json | jq -r '.step, .log')" \
	$'ship\nno \033[31mstamps'
is 'of one step' "$(treadle logs "$id" first 2>/dev/null)" ''
refused 'of a step that is not' 4 'no step' treadle logs "$id" nothing
like '--explain' "$(treadle logs "$id" ship --explain)" "treadle_logs .* $id ship"
done_testing
