#!/bin/bash
# SPDX-License-Identifier: MIT
# Dead letters can be listed, shown, retried and dropped, one or many.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

is 'none: nothing on standard output' "$(treadle dead 2>/dev/null)" ''
run=$(treadle submit "$bad" --wait 2>/dev/null)
for code in 1 65 66; do echo "{\"code\":$code}"; done |
	treadle submit "$bad" --bulk - >"$files/ids"
dead() { treadle dead list --json "$@" | jq -r '.entry // empty'; }
wait_until '[ "$(dead | wc -l)" = 4 ]'

entry=$(dead --run "${run:0:25}")
like 'the table' "$(treadle dead --run "$run")" "$entry +$run +bad +ship +rejected +1"
is 'by class' "$(dead --class error | wc -l)" 1
is 'by step' "$(dead --step ship | wc -l) $(dead --step first | wc -l)" '4 0'
is 'by workflow' "$(dead --workflow bad | wc -l) $(dead --workflow x)" '4 '
is 'by age' "$(dead --older 1h | wc -l)" 0
is 'in pages' "$(dead --limit 3 | wc -l)" 3
cursor=$(treadle dead --limit 3 --json | jq -r '.cursor // empty')
like 'the way on is told' "$(treadle dead --limit 3 2>&1 >/dev/null)" \
	"treadle dead list --cursor $cursor"
is 'and leads to the rest' "$(dead --cursor "$cursor")" "$(dead | tail -n 1)"
is 'which ends' "$(treadle dead --cursor "$cursor" --json |
	jq -r '.cursor // empty')" ''
like 'one with its history' "$(treadle dead show "$entry")" \
	"run +$run.*class +rejected.*TRY.*1 +rejected"
is 'as JSON' "$(treadle dead show "$entry" --json | jq -r .run)" "$run"
refused 'one that is not there' 4 'no dead letter' treadle dead show 1-1
refused 'what is none' 3 "can't be a dead letter" treadle dead show x

refused 'all without saying so' 2 'or say --all' treadle dead drop
refused 'many without a terminal need --yes' 2 \
	'retry 3 dead letters: say --yes' treadle dead retry --class rejected
is 'and nothing was done' "$(dead | wc -l)" 4
SCREEN=$(printf 'n\n' | TERM=xterm script -qec \
	"'$TREADLE_BUILD/treadle' dead drop --class error" /dev/null)
like 'on a terminal it is asked' "$SCREEN" 'drop 1 dead letter\? \[y/N\]'
is 'no is no' "$(dead | wc -l)" 4

treadle dead drop "$entry" 2>"$files/said"
is 'one is dropped' "$(cat "$files/said") $(dead | wc -l)" '1 dropped 3'
is 'its run stays failed' "$(run_state "$run")" failed
is 'what is retried fails again' "$(treadle dead retry --class rejected \
	--yes --json)" '{"retried":2,"skipped":0}'
wait_until '[ "$(dead | wc -l)" = 3 ]'
is 'all are dropped' "$(treadle dead drop --all --yes 2>&1)" '3 dropped'
is 'and gone' "$(dead)" ''
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
