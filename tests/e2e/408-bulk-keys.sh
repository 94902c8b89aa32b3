#!/bin/bash
# SPDX-License-Identifier: MIT
# With keys the same lines can be submitted again, and no run is doubled.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

for i in $(seq 1 600); do echo "{\"n\":$i,\"who\":\"w$i\"}"; done >"$files/all"
head -n 400 "$files/all" >"$files/part"
part=$(treadle submit "$one" --bulk "$files/part" --key batch)
all=$(treadle submit "$one" --bulk "$files/all" --key batch 2>"$files/said")
is 'runs that there were keep their ids' "$(head -n 400 <<<"$all")" "$part"
is 'the rest is new' "$(runs)" 600
is 'it says how many there were' "$(cat "$files/said")" \
	'400 of 600 runs had been submitted before'

again=$(treadle submit "$one" --bulk "$files/part" --key-field who)
is 'a member of the input can be the key' \
	"$(treadle submit "$one" --bulk "$files/part" --key-field who \
		2>/dev/null)" "$again"
is 'also a number' \
	"$(treadle submit "$one" --bulk "$files/part" --key-field n --json \
		2>/dev/null | jq .existed | sort -u)" false

sed '200s/w200/other/' "$files/part" >"$files/changed"
treadle submit "$one" --bulk "$files/changed" --key batch \
	>/dev/null 2>"$files/said"
is 'another content is a conflict' $? 5
like 'which names key and run' "$(cat "$files/said")" \
	'"batch/200" belongs to run [0-9a-z]{26}'
echo '{"n":1}' >"$files/lines"
refused 'a member that cannot be a key' 3 'lines:1.*"who" must be' \
	treadle submit "$one" --bulk "$files/lines" --key-field who


# Redis forgets everything meanwhile: the definition is stored once more.
mkfifo "$files/slow"
treadle submit "$one" --bulk "$files/slow" >"$files/ids" {pause_fd}>&- &
exec {slow}>"$files/slow"
echo '{"n":1}' >&"$slow"
wait_until "[ -s '$files/ids' ]"
redis FLUSHALL >/dev/null
echo '{"n":2}' >&"$slow"
exec {slow}>&-
wait $!
is 'a lost definition is stored again' "$? $(runs)" '0 1'
done_testing
