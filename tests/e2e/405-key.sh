#!/bin/bash
# SPDX-License-Identifier: MIT
# The same key gives the same run; with another content it is a conflict.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

first=$(treadle submit "$one" --key order-7)
again=$(treadle submit "$one" --key order-7 2>"$files/said")
is 'the same run' "$again" "$first"
like 'and says so' "$(cat "$files/said")" 'submitted before'
is '--json says so as well' \
	"$(treadle submit "$one" --key order-7 --json 2>/dev/null | jq .existed)" true
refused 'another input' 5 "\"order-7\" belongs to run $first" \
	treadle submit "$one" --key order-7 -i n=2
sed 's/only:/solely:/' "$one" >"$files/other.yaml"
refused 'another workflow' 5 'belongs to run' \
	treadle submit "$files/other.yaml" --key order-7
is 'there is one run' "$(runs)" 1
done_testing
