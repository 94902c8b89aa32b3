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

# 40 MB of lines in little memory.
line=$(head -c 1000 /dev/zero | tr '\0' x)
yes "{\"x\":\"$line\"}" | head -n 40000 >"$files/long"
sed '/who:/d' "$one" >"$files/any.yaml"
peak() { # of resident memory, in KB
	/usr/bin/time -f %M -o "$files/peak" "$@" && cat "$files/peak"
}
if [ -x /usr/bin/time ] && ! ldd "$TREADLE_BUILD/treadle" | grep -q asan; then
	kb=$(peak "$TREADLE_BUILD/treadle" submit "$files/any.yaml" \
		--bulk "$files/long" --quiet)
	ok "memory stays bounded ($kb KB)" [ "$kb" -lt 65536 ]
fi
done_testing
