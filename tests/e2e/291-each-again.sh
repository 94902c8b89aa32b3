#!/bin/bash
# SPDX-License-Identifier: MIT
# Items that are performed again have new idempotency keys, and are undone like other steps.
. "$(dirname "$0")/lib.sh"

start_redis
start_coordinator
start_worker
ledger=$TREADLE_TEST_TMP/ledger
: >"$ledger"
cat >"$TREADLE_TEST_TMP/keys.yaml" <<YAML
name: keys
steps:
  each:
    for_each: [1, 2]
    exec: {command: [sh, -c, 'echo "\$TREADLE_IDEMPOTENCY_KEY" >>"\$0"', "$ledger"]}
YAML
cat >"$TREADLE_TEST_TMP/trip.yaml" <<YAML
name: trip
input: {type: object, properties: {bad: {type: integer, default: 0}}}
defaults: {retry: {attempts: 1}}
steps:
  each:
    for_each: [1, 2, 3]
    max_parallel: 1
    exec: {command: [sh, -c, '[ "\$0" != "\$1" ] || exit 65; echo "\$0"', "\${.item}", "\${.input.bad}"]}
    compensate:
      unfinished: true
      exec: {command: [sh, -c, 'echo "undo \$1" >>"\$0"', "$ledger", "\${.steps.each.output | tojson}"]}
  fails: {needs: each, exec: {command: ["false"]}}
YAML
distinct() { echo "$(sort -u "$ledger" | grep -c .) of $(grep -c . "$ledger")"; }
again() { # STEP
	treadle retry "$run" --from "$1" >/dev/null 2>&1 || fail "no retry from $1"
	until_state "$run" done 60
}

run=$(treadle submit "$TREADLE_TEST_TMP/keys.yaml")
until_state "$run" done 60
again each
is 'all of them again' "$(distinct)" '4 of 4'
again each/0
again each/0
is 'one of them again, and again' "$(distinct)" '6 of 6'
again each
is 'and all' "$(distinct)" '8 of 8'

: >"$ledger"
run=$(treadle submit "$TREADLE_TEST_TMP/trip.yaml")
until_state "$run" failed 60
is 'what was done for a list is undone at once' "$(cat "$ledger")" 'undo [1,2,3]'
: >"$ledger"
run=$(treadle submit "$TREADLE_TEST_TMP/trip.yaml" -i bad=2)
until_state "$run" failed 60
is 'and what was begun, where that was said' "$(cat "$ledger")" 'undo null'
treadle retry "$run" >/dev/null 2>&1
until_state "$run" failed 60
is 'a retry does it all again' "$(grep -c undo "$ledger")" 2
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
