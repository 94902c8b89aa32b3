#!/bin/bash
# SPDX-License-Identifier: MIT
# Looking: every answer is JSON, pages end, nothing is changed by it.
. "$(dirname "$0")/lib.sh"

start_library
define_all
register w1 >/dev/null
look() { redis FCALL_RO "treadle_$1" 1 "$P" "${@:2}"; }

for n in 1 2 3 4 5; do
	call submit "$(run_id $n)" chain '' '' 0 >/dev/null
done
take w1
# msgpack of {"a": [1, -1, 1.5, "\"\n", null, true, {}, []]}
printf '\x81\xa1a\x98\x01\xff\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xa2"\n\xc0\xc3\x80\x90' |
	redis -X output FCALL treadle_complete 1 "$P" w1 q "$ENTRY" "$RUN" a 1 \
		output 0 >/dev/null
call cancel "$(run_id 5)" '' >/dev/null

is 'an output is shown as JSON' \
	"$(look status "$RUN" | jq -c '.steps[0].output')" \
	'{"a":[1,-1,1.5,"\"\n",null,true,{},[]]}'
is 'steps come in order' "$(look status "$RUN" |
	query '[.steps[] | .step + ":" + .state] | join(" ")')" 'a:done b:ready'
is 'a list has the newest first' \
	"$(look list '' '' 2 | query '.runs[0].run')" "$(run_id 5)"
cursor=$(look list '' '' 2 | query .cursor)
is 'a cursor goes on where it ended' \
	"$(look list '' "$cursor" 2 | query '[.runs[].run] | join(",")')" \
	"$(run_id 3),$(run_id 2)"
is 'the last page has none' \
	"$(look list '' "$(run_id 2)" 9 | query .cursor)" null
is 'a state filters' \
	"$(look list cancelled '' 9 | query '.runs | length')" 1
is 'a workflow filters' \
	"$(look list '' '' 9 other | query '.runs | length')" 0
is 'an age filters' \
	"$(look list '' '' 9 '' '' 3600000 | query '.runs | length')" 0
is 'it is that of the ids' \
	"$(look list '' '' 9 '' 3600000 | query '.runs | length')" 5
like 'an unknown state is refused' "$(look list lost '' 9 2>&1)" '^USAGE '
is 'ids are found by their beginning' \
	"$(look find "$(run_id 5 | cut -c 1-23)" | query '.runs | length')" 5
is 'or not at all' "$(look find zzz | query '.runs | length')" 0
is 'queues say what waits and runs' "$(look queues |
	query '.queues[0] | "\(.waiting) \(.running) \(.paused)"')" '4 0 false'
is 'workers say who they are' "$(look workers |
	query '.workers[0] | "\(.worker) \(.host) \(.slots) \(.state)"')" \
	'w1 host 4 live'
is 'totals agree' "$(look stats |
	query '"\(.runs.running) \(.runs.cancelled) \(.counters.submitted)"')" \
	'4 1 5'
fail_letters() { # RUN...: each dies
	local id
	for id; do
		call submit "$id" one '' '' 0 >/dev/null
	done
	for id; do
		take w1
		fail_step w1 -1 >/dev/null
	done
}
letters() { look dead "$@" | query '[.dead[].run] | join(",")'; }
redis DEL "$P:queue:q" >/dev/null
register w1 >/dev/null
fail_letters "$(run_id 11)" "$(run_id 12)" "$(run_id 13)"
is 'dead letters have the newest first' "$(letters '' 2)" \
	"$(run_id 13),$(run_id 12)"
is 'a page of them goes on' \
	"$(letters "$(look dead '' 2 | query .cursor)" 2)" "$(run_id 11)"
is 'those of a run are found' "$(letters '' 9 '' '' '' '' "$(run_id 12)")" \
	"$(run_id 12)"
is 'without looking at others' \
	"$(look dead '' 9 '' '' '' '' "$(run_id 12)" | query .examined)" 1
is 'of another run there are none' \
	"$(letters '' 9 '' '' '' '' "$(run_id 5)")" ''
is 'none is an hour old' "$(letters '' 9 '' '' '' 3600000)" ''
is 'all are older than nothing' "$(letters '' 9 '' '' '' -60000)" \
	"$(run_id 13),$(run_id 12),$(run_id 11)"
is 'a class filters' "$(letters '' 9 '' '' timeout)" ''
like 'a cursor that is none' "$(look dead abc 9 2>&1)" '^USAGE '
like 'nobody is no run' "$(look status nobody 2>&1)" '^ABSENT '
like 'one key is required' \
	"$(redis FCALL_RO treadle_version 0 2>&1)" '^USAGE '
before=$(redis DEBUG DIGEST)
for what in queues workers stats version; do look $what >/dev/null; done
look status "$RUN" >/dev/null
is 'looking changes nothing' "$(redis DEBUG DIGEST)" "$before"
done_testing
