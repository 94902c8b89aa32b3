#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs hold blobs; what nobody holds is garbage, once and for all.
. "$(dirname "$0")/lib.sh"

start_library
define_all
hash=$(printf 'content' | sha256sum | cut -d ' ' -f 1)
other=$(printf 'more' | sha256sum | cut -d ' ' -f 1)
hold() { call hold "$1" "$ENTRY" "$RUN" "$STEP" "$ATTEMPT" "${2:-$hash}"; } # WORKER [HASH]
holders() { redis HGET "$P:blobs" "${1:-$hash}"; }
begin() { # N: a run, whose one step is taken
	r=$(run_id "$1")
	call submit "$r" one in '' 0 >/dev/null
	take w1
}
finish() { complete w1 "$(printf '\xc7\x5dT%s-%s 7' "$hash" "$first")" >/dev/null; }
collect() { call collect c1 1000 100 "$@" | query '.garbage | join(",")'; }
due_now() { redis ZADD "$P:garbage" XX 0 "$1" >/dev/null; } # MEMBER
register w1 >/dev/null

begin 1
first=$r
is 'a blob is named by its content and the first run' "$(hold w1)" "$hash-$r"
is 'a repeat holds it once' "$(hold w1; holders)" "$hash-$r
$r 1"
is 'the run knows it' "$(redis SMEMBERS "$P:blobs:$r") $(field "$r" blobs)" "$hash 1"
hold w1 "$other" >/dev/null
ATTEMPT=9
is 'who does not hold the step holds no blob' "$(hold w1)" FENCED
ATTEMPT=1
finish
status=$(call status "$r" | query '.steps[0] | [.blob, .output_bytes, .output] | tojson')
is 'the status names it' "$status" "[\"$hash-$r\",7,null]"

begin 2
is 'the same content is the same blob' "$(hold w1)" "$hash-$first"
is 'of both' "$(holders)" "$first 2"
finish
call forget "$first" >/dev/null
is 'what another run holds stays' "$(holders)" "$first 1"
is 'what nobody holds is garbage' "$(collect)" "$other-$first"
is 'until it is said to be deleted' "$(collect)" "$other-$first"
is 'then it is not' "$(collect "$other-$first")" ''
due_now "$other-$first again"
is 'it is collected a second time' "$(collect)" "$other-$first again"
is 'and no third' "$(collect "$other-$first again"; redis ZCARD "$P:garbage")" "
0"
is 'what is not known is not garbage' "$(collect nonsense; redis ZCARD "$P:garbage")" "
0"
call forget "$r" >/dev/null
is 'the last one lets go' "$(collect)" "$hash-$first"
is 'nothing is left of it' "$(redis EXISTS "$P:blobs:$r" "$P:blobs")" 0
begin 3
is 'the same content is a new blob then' "$(hold w1)" "$hash-$r"
is 'and the old one is garbage still' "$(collect)" "$hash-$first"
is 'one collects at a time' \
	"$(call collect c2 1000 100 | query .role)" standby

# A fork has what the other has.
first=$r
finish
r=$(run_id 4)
call submit "$r" chain in '' 0 >/dev/null
take w1
hold w1 >/dev/null
finish
take w1
complete w1 >/dev/null
f=$(run_id 5)
call fork "$r" "$f" b >/dev/null
is 'a fork holds what it has taken over' "$(holders) $(field "$f" blobs)" "$first 3 1"
call forget "$r" >/dev/null
call forget "$first" >/dev/null
is 'and keeps it' "$(holders)" "$first 1"

redis SADD "$P:blobs:$(run_id 99)" "$other" >/dev/null
repaired 'what a run holds that is gone' orphan "blobs:$(run_id 99)"
left_alone 'what one holds that is there' orphan "blobs:$f"
done_testing
