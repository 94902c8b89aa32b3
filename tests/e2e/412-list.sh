#!/bin/bash
# SPDX-License-Identifier: MIT
# list finds runs by state, workflow and age, a page at a time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

is 'no runs: nothing on standard output' "$(treadle list 2>/dev/null)" ''
sed 's/^name: one/name: two/' "$one" >"$files/two.yaml"
yes '{}' | head -n 1500 | treadle submit "$one" --bulk - >"$files/ids"
two=$(treadle submit "$files/two.yaml")
gone=$(treadle submit "$one")
treadle cancel "$gone" --reason 'a test' 2>/dev/null

listed() { treadle list --json "$@" | jq -r '.run // empty'; }
is 'the newest first' "$(listed --limit 2)" "$gone"$'\n'"$two"
is 'twenty unless told otherwise' "$(listed | wc -l)" 20
is 'by workflow, behind many others' "$(listed --workflow two)" "$two"
is 'by state' "$(listed --state cancelled)" "$gone"
is 'by both' "$(listed --state running --workflow two)" "$two"
is 'none is older than an hour' "$(listed --older 1h)" ''
is 'all are newer' "$(listed --newer 1h --limit 9999 | wc -l)" 1502

# All pages together are all runs, each once.
cursor='' pages=0
while :; do
	page=$(treadle list --json --limit 400 ${cursor:+--cursor $cursor})
	jq -r '.run // empty' <<<"$page" >>"$files/paged"
	cursor=$(jq -r '.cursor // empty' <<<"$page")
	pages=$((pages + 1))
	[ -n "$cursor" ] && [ $pages -lt 10 ] || break
done
is 'pages join without gap or overlap' \
	"$(sort "$files/paged" | md5sum)" \
	"$( (cat "$files/ids" && echo "$two" && echo "$gone") | sort | md5sum)"
like 'the way on is told' "$(treadle list 2>&1 >/dev/null)" '--cursor [0-9a-z]{26}'
refused 'a cursor that is none' 3 'not one that' treadle list --cursor '*'
like 'the table has the reason' "$(treadle list --limit 1 2>/dev/null)" \
	'cancelled +0/1 .*a test'

# Two runs of one call lie around all others: the older one must be looked for.
digest=$(ask status "$two" | jq -r .definition)
oldest=00000000000000000000000000 newest=7zzzzzzzzzzzzzzzzzzzzzzz00
redis FCALL treadle_submit 1 'treadle:{0}' $oldest "$digest" '' '' 0 \
	$newest "$digest" '' '' 0 >/dev/null
is 'by workflow, around many others' "$(listed --workflow two)" \
	"$newest"$'\n'"$two"$'\n'"$oldest"
# Redis is slow, so that it takes long enough for a line on the terminal.
redis CLIENT PAUSE 1200 ALL >/dev/null
on_terminal "$TREADLE_BUILD/treadle" list --workflow two --cursor "$(
	cut -c 1-25 <<<"$two")"
like 'a long search says how far it is' "$SCREEN" '1,000 searched'
like 'and what it found' "$SCREEN" "$oldest"
like '--explain' "$(treadle list --explain --older 1h)" \
	'treadle_list .* 3600000'
done_testing
