#!/bin/bash
# SPDX-License-Identifier: MIT
# What was done is undone in reverse order, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
ledger=$TREADLE_TEST_TMP/ledger
mkdir "$ledger"
# A handler that leaves a line when it begins, waits where its gate is shut, and
# leaves another when it ends.
cat >"$TREADLE_TEST_TMP/act" <<'SH'
#!/bin/sh
echo "$2 $TREADLE_IDEMPOTENCY_KEY $4" >>"$1/begun.$TREADLE_RUN"
while [ -e "$1/shut.$2" ]; do sleep 0.02; done
[ -e "$1/broken.$2" ] && exit 65
echo "$2" >>"$1/ended.$TREADLE_RUN"
echo "result-of-$2"
exit "${3:-0}"
SH
chmod +x "$TREADLE_TEST_TMP/act"
act() { # NAME [STATUS [ARGUMENT]]
	printf 'exec: {command: ["%s/act", "%s", %s, "%s", "%s"]}' \
		"$TREADLE_TEST_TMP" "$ledger" "$1" "${2:-0}" "${3:-}"
}
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
shut() { : >"$ledger/shut.$1"; }
open_gate() { rm "$ledger/shut.$1"; }
begun() { grep "^$1 " "$ledger/begun.$run" 2>/dev/null; }
lines() { begun "$1" | grep -c .; }
keys() { begun "$1" | cut -d ' ' -f 2 | sort -u | grep -c .; }
until_begun() { wait_until "[ \$(lines $1) -ge ${2:-1} ]" 30; } # NAME [TIMES]
ended() { tr '\n' ' ' <"$ledger/ended.$run"; }
after() { sed '1,/^pay$/d' "$ledger/ended.$run" | tr '\n' ' '; }
submit() { # STATUS
	run=$(treadle submit "$TREADLE_TEST_TMP/flow.yaml" -i status="$1") ||
		fail 'the run was not submitted'
}
everything_dies() {
	crash "$WORKER"
	crash "$COORDINATOR"
	kill_redis
	restart_redis
	start_coordinator
	start_worker
}

# The car is done after the hotel; each dies in the middle once.
shut car
shut no-car
shut no-hotel
submit 65
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
	'result-of-flight rejected'
doctor_says_well 'the doctor finds nothing wrong' --data

# What can't be undone stays a dead letter until it can.
: >"$ledger/broken.no-hotel"
submit 65
until_state "$run" failed 60
is 'the others are undone all the same' "$(after | tr ' ' '\n' |
	sort | tr '\n' ' ')" 'clean no-car no-flight '
is 'it is dead' "$(step_field "$run" hotel.undo state)" dead
like 'and in the dead letters' "$(treadle dead list --run "$run" --json)" \
	'hotel\.undo'
rm "$ledger/broken.no-hotel"
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
shut car
submit 0
until_begun car
wait_until '[ "$(step_field "$run" hotel state)" = done ]'
treadle cancel "$run" >/dev/null 2>&1
until_state "$run" cancelled 60
is 'a cancelled run undoes what was done, or begun' "$(ended)" \
	'flight hotel no-car no-hotel no-flight clean '
is 'there is no output of what was only begun' "$(begun no-car)" \
	"no-car $run/car.undo was null"
open_gate car
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'it is done anew when it is retried' "$(keys flight) $(keys car)" '2 2'
is 'nothing is shown of the undoing' "$(treadle status "$run" --json |
	jq '[.steps[] | select(.undoes)] | length')" 0

shut no-car
submit 65
until_begun no-car
treadle cancel "$run" >/dev/null 2>&1
until_state "$run" cancelled 60
open_gate no-car
is 'cancelling while it undoes ends it at once' "$(step_field "$run" \
	flight.undo state)" waiting
doctor_says_well 'the doctor agrees' --data
done_testing
