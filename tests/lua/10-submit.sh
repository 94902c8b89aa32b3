#!/bin/bash
# SPDX-License-Identifier: MIT
# Submitting: once, twice, by key, without a definition.
. "$(dirname "$0")/lib.sh"

start_library
is 'the library says its version' "$(call version)" 1
is 'a definition is stored' \
	"$(define one "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")")" OK
is 'once' "$(define one "$(graph 1 '["a"]' "\"a\":$(step '[]' '[]')")")" KNOWN

r1=$(run_id 1) r2=$(run_id 2)
is 'a run is created' "$(call submit "$r1" one i '' 0)" CREATED
is 'its root is ready' "$(state_of "$r1" a)" ready
is 'its entry is in the queue' "$(redis XLEN "$P:queue:q")" 1
is 'it has a line in the index' "$(redis ZRANGE "$P:runs:running" 0 -1)" "$r1"
is 'its definition is in use' "$(redis HGET "$P:def:one" runs)" 1
is 'the same submission again finds it' \
	"$(call submit "$r1" one i '' 0)" "EXISTS $r1"
is 'and changes nothing' "$(redis XLEN "$P:queue:q")" 1

is 'a key names a run' "$(call submit "$r2" one i k 0)" CREATED
is 'the key and content again give that run' \
	"$(call submit "$(run_id 3)" one i k 0)" "EXISTS $r2"
is 'the key with other content is a conflict' \
	"$(call submit "$(run_id 3)" one j k 0)" "CONFLICT $r2"
is 'nothing was created by either' "$(redis ZCARD "$P:runs:running")" 2

is 'without its definition nothing happens' \
	"$(call submit "$(run_id 4)" other i '' 0)" "UNDEFINED $(run_id 4)"
is 'several at once answer each' "$(call submit "$(run_id 5)" one '' '' 0 \
	"$r1" one '' '' 0 "$(run_id 6)" other '' '' 0 | paste -sd,)" \
	"CREATED,EXISTS $r1,UNDEFINED $(run_id 6)"
is 'they are counted' "$(redis HGET "$P:counters" submitted)" 3

like 'a deadline is kept' "$(call submit "$(run_id 7)" one '' '' 60000;
	redis ZSCORE "$P:delayed" "$(run_id 7)/")" $'CREATED\n[0-9]{13}'
like 'arguments are checked first' "$(call submit "$r1" one 2>&1)" '^USAGE '
like 'an id must have its length' "$(call submit x one i '' 0 2>&1)" '^USAGE '
redis FLUSHALL >/dev/null
is 'what Lua remembers is not believed' \
	"$(call submit "$(run_id 8)" one '' '' 0)" "UNDEFINED $(run_id 8)"
done_testing
