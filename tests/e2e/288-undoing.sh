#!/bin/bash
# SPDX-License-Identifier: MIT
# What was done is undone in reverse order, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
cat >"$TREADLE_TEST_TMP/flow.yaml" <<YAML
name: flow
input: {type: object}
defaults: {retry: {attempts: 1}}
steps:
  flight:
    $(act flight)
    compensate: {$(act no-flight 0 '${.steps.flight.output} ${.run.reason.class}')}
  hotel:
    needs: flight
    $(act hotel)
    compensate: {$(act no-hotel 0 '${.steps.flight.output}')}
  car:
    needs: flight
    $(act car)
    compensate: {unfinished: true, $(act no-car 0 'was ${.steps.car.output}')}
  pay: {needs: [hotel, car], $(act pay '${.input.status}')}
finally:
  clean: {$(act clean)}
YAML
after() { sed '1,/^pay$/d' "$ledger/ended.$run" | tr '\n' ' '; }

# The car is done after the hotel; each dies in the middle once.
shut_gate car
shut_gate no-car
shut_gate no-hotel
submit flow -i status=65
until_begun car
wait_until '[ "$(step_field "$run" hotel state)" = done ]'
open_gate car
until_begun no-car
like 'status says that it undoes' "$(treadle status "$run")" 'undoing: 3 steps'
like 'and what' "$(treadle status "$run")" 'hotel\.undo +exec +waiting'
doctor_says_well 'the doctor knows of undoing' --data
crash "$WORKER"
start_worker
until_begun no-car 2
open_gate no-car
until_begun no-hotel
everything_dies
until_begun no-hotel 2
crash "$COORDINATOR"
start_coordinator
open_gate no-hotel
until_state "$run" failed 60
is 'the last that was done is undone first' "$(ended)" \
	'flight hotel car pay no-car no-hotel no-flight clean '
is 'what was repeated had its key' "$(keys no-car) $(keys no-hotel)" '1 1'
like 'it knows what was done, and why the run failed' "$(begun no-flight)" \
	'did flight rejected'
doctor_says_well 'the doctor finds nothing wrong' --data

# What can't be undone stays a dead letter until it can.
break_act no-hotel
submit flow -i status=65
until_state "$run" failed 60
is 'the others are undone all the same' "$(after | tr ' ' '\n' |
	sort | tr '\n' ' ')" 'clean no-car no-flight '
is 'it is dead' "$(step_field "$run" hotel.undo state)" dead
like 'and in the dead letters' "$(treadle dead list --run "$run" --json)" \
	'hotel\.undo'
mend_act no-hotel
treadle retry "$run" >/dev/null 2>&1
until_state "$run" failed 60
like 'a retry undoes it, and cleans up anew' "$(after)" \
	' clean no-hotel clean $'
is 'with the same key' "$(keys no-hotel)" 1
sed -i 's/^/old /' "$ledger/ended.$run"
treadle retry "$run" >/dev/null 2>&1
until_state "$run" failed 60
is 'the next one does all again, and undoes it' "$(grep -v '^old' \
	"$ledger/ended.$run" | sort | tr '\n' ' ')" \
	'car clean flight hotel no-car no-flight no-hotel pay '
is 'with new keys' "$(keys flight) $(keys no-flight) $(keys no-hotel)" '2 2 2'

# Cancelled in the middle of a step that says to be undone even so.
shut_gate car
submit flow -i status=0
until_begun car
wait_until '[ "$(step_field "$run" hotel state)" = done ]'
treadle cancel "$run" >/dev/null 2>&1
until_state "$run" cancelled 60
is 'a cancelled run undoes what was done, or begun' "$(ended)" \
	'flight hotel no-car no-hotel no-flight clean '
is 'there is no output of what was only begun' "$(begun no-car)" \
	"$run/car.undo was null"
open_gate car
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'it is done anew when it is retried' "$(keys flight) $(keys car)" '2 2'
is 'nothing is shown of the undoing' "$(treadle status "$run" --json |
	jq '[.steps[] | select(.undoes)] | length')" 0

shut_gate no-car
submit flow -i status=65
until_begun no-car
treadle cancel "$run" >/dev/null 2>&1
until_state "$run" cancelled 60
open_gate no-car
is 'cancelling while it undoes ends it at once' "$(step_field "$run" \
	flight.undo state)" waiting
doctor_says_well 'the doctor agrees' --data
done_testing
