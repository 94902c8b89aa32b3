#!/bin/bash
# SPDX-License-Identifier: MIT
# Replies to each call are lost after it was applied: all is done, and done once.
. "$(dirname "$0")/lib.sh"

VIA_PROXY=yes
# Whose farewell was not answered says so, by the code of an absent Redis.
STOPS_WELL='[06]'
TREADLE_WORKER_GRACE=20ms
MANY=$((100 * SCALE))
# People are more patient than that where so much is lost.
patient() { TREADLE_REDIS_TIMEOUT=60s treadle "$@"; }
# What programs say by the thousand, and what has to be provoked.
OFTEN='submit take complete fail defer note heartbeat promote xreadgroup xread'
SELDOM='register release leave definition version'
RARE='define reclaim sweep'
ASKED='probe stats'
SAID='pause resume cancel retry drop forget'
# To provoke these takes minutes: make storm does.
[ -n "${STORM_LONG:-}" ] || RARE='' ASKED='' SAID=''
begin_world --appendfsync always
begin_load 30
cat >"$TREADLE_TEST_TMP/fails.yaml" <<'YAML'
name: fails
steps:
  only: {retry: {attempts: 1}, exec: {command: ["false"]}}
YAML
cat >"$TREADLE_TEST_TMP/waits.yaml" <<'YAML'
name: waits
steps:
  only: {wait: {for: 1h}}
YAML
printf 'expect %s\n' 'fails any' 'waits cancelled' >>"$ledgers/graph"

lose() { # PERCENT CALL...
	local percent=$1 call
	shift
	for call; do order "rule lose $call $MANY $percent"; done
}
left() { # CALL: how many replies to it are yet to be lost
	rules | awk -v name="$1" '$2 == name { n = $3 } END { print n + 0 }'
}
submit_many() { # WORKFLOW COUNT
	yes '{}' | head -n "$2" | patient submit "$TREADLE_TEST_TMP/$1.yaml" \
		--bulk - 2>/dev/null
}

# shellcheck disable=SC2086 # lists of words
{
	lose 40 $OFTEN
	lose 60 $SELDOM
	lose 75 $RARE
	lose 50 $SAID
	lose 90 $ASKED
}

# What only an operator says; each time it must be taken for what it is.
say() { # WORD...: an order of an operator, which must succeed
	patient "$@" >"$TREADLE_TEST_TMP/said" 2>&1 ||
		fail "$* was refused: $(cat "$TREADLE_TEST_TMP/said")"
}
failed_count() { redis ZCARD "${PREFIX}runs:failed"; }
operate() {
	submit_many fails "$MANY" >"$TREADLE_TEST_TMP/failing"
	submit_many waits "$MANY" >"$TREADLE_TEST_TMP/waiting"
	for i in $(counted 100); do
		[ "$(left define)" != 0 ] || break
		# Another definition each time, so that it must be stored first.
		sed "s/1h/${i}h/" "$TREADLE_TEST_TMP/waits.yaml" \
			>"$TREADLE_TEST_TMP/waits-$i.yaml"
		submit_many "waits-$i" 1 >>"$TREADLE_TEST_TMP/waiting"
	done
	for i in $(counted 20); do
		[ "$(left cancel)" != 0 ] || break
		submit_many waits 20 >>"$TREADLE_TEST_TMP/waiting"
		mapfile -t waiting <"$TREADLE_TEST_TMP/waiting"
		: >"$TREADLE_TEST_TMP/waiting"
		say cancel "${waiting[@]}"
	done
	for i in $(counted 100); do
		[ "$(left pause)$(left resume)" != 00 ] || break
		say pause default
		say resume default
	done
	for i in $(counted 20); do
		wait_until '[ "$(failed_count)" = $MANY ]' 60
		[ "$(left retry)" != 0 ] || break
		say dead retry --all --yes
	done
	say dead drop --all --yes
	is 'each dead letter is dropped' "$(redis XLEN "${PREFIX}dead")" 0
	mapfile -t failing <"$TREADLE_TEST_TMP/failing"
	say forget "${failing[@]}"
	is 'each failed run is forgotten' "$(failed_count)" 0
	for call in drop forget; do order "rule lose $call 0 0"; done
}
[ -z "$SAID" ] || operate

# Of the coordinators the oldest, by now it listens.
ask_coordinator() {
	local url
	url=$(log_of "${COORDINATORS[0]}" | grep -oE 'http://[0-9.:]+' | head -n 1)
	curl -s -m 2 "$url/readyz" "$url/metrics" >/dev/null
}

# Workers come and go, coordinators are asked, until all has been lost.
all_lost() { ! rules | awk '$3 > 0' | grep -q .; }
for i in $(counted 400); do
	! all_lost || break
	[ "$(left leave)$(left release)$(left register)$(left definition)" = 0000 ] ||
		replace_worker
	if [ $((i % 5)) = 0 ]; then
		until_stopped
		[ "$(left sweep)" = 0 ] || kill_coordinator
		ask_coordinator
	fi
	rest 100
done
until_stopped
is 'each reply that was to be lost was' "$(rules | awk '$3 > 0')" ''
verdict 'replies are lost'
done_testing
