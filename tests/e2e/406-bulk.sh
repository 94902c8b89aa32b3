#!/bin/bash
# SPDX-License-Identifier: MIT
# A file of inputs becomes as many runs, in order, whatever its length.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

for i in $(seq 1 3000); do echo "{\"n\":$i}"; done >"$files/many"
treadle submit "$one" --bulk "$files/many" >"$files/ids" 2>"$files/said"
is 'it succeeds' $? 0
is 'and says nothing' "$(cat "$files/said")" ''
is 'each line gave an id' "$(sort -u "$files/ids" | wc -l)" 3000
is 'each id is a run' "$(runs)" 3000
number() { ask status "$(sed -n "$1p" "$files/ids")" | jq .input.n; }
is 'ids come in the order of the lines' \
	"$(number 1) $(number 257) $(number 3000)" '1 257 3000'

is 'from standard input, blank lines passed over, --json' \
	"$(printf '{"n":1}\n\n  \r\n{"n":2}' |
		treadle submit "$one" --bulk - --json | jq -c .existed)" \
	$'false\nfalse'
is '--quiet prints none' \
	"$(echo '{}' | treadle submit "$one" --bulk - --quiet)" ''
is 'an empty file is no run' "$(treadle submit "$one" --bulk /dev/null)" ''

# A line that comes late does not hold back those before it.
mkfifo "$files/slow"
treadle submit "$one" --bulk "$files/slow" >"$files/slow.ids" {pause_fd}>&- &
exec {slow}>"$files/slow"
echo '{"n":1}' >&"$slow"
wait_until "[ \$(wc -l <'$files/slow.ids') = 1 ]"
ok 'what has come is submitted while more is awaited' true
echo '{"n":2}' >&"$slow"
wait_until "[ \$(wc -l <'$files/slow.ids') = 2 ]"
exec {slow}>&-
wait $!
is 'the end of the pipe is the end' $? 0

# 80 MB of lines in little memory. The sanitizer's own share is kept small.
line=$(head -c 4000 /dev/zero | tr '\0' x)
sed '/who:/d' "$one" >"$files/any.yaml"
redis FLUSHALL >/dev/null
program treadle
ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=1 \
	start bulk "$PROGRAM" submit "$files/any.yaml" --bulk "$files/slow" --quiet
exec {slow}>"$files/slow"
yes "{\"x\":\"$line\"}" | head -n 20000 >&"$slow"
wait_until '[ "$(runs)" -gt 19000 ]' 60
kb=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$PID/status")
ok "memory stays bounded ($kb KB)" [ "$kb" -lt 65536 ]
exec {slow}>&-
reap "$PID"
is 'and all are there' "$STATUS $(runs)" '0 20000'
doctor_says_well 'the doctor finds nothing wrong' --data
done_testing
