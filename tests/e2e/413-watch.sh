#!/bin/bash
# SPDX-License-Identifier: MIT
# watch tells what changes, as a picture on a terminal and as lines elsewhere.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis
start_coordinator
start_worker

id=$(treadle submit "$good" --wait)
text=$(treadle watch "$id")
is 'exit code of a good run' $? 0
is 'a line for each step, and one for the run' "$(wc -l <<<"$text")" 4
like 'the last one is of the run' "$(tail -n 1 <<<"$text")" "^run $id done after"
unlike 'no escape sequences' "$text" $'\033'
is 'as JSON' "$(treadle watch "$id" --json | jq -r '.state' | sort | uniq -c |
	tr -d ' ')" 4done
lost=$(treadle submit "$bad" --wait 2>/dev/null)
text=$(treadle watch "$lost")
is 'exit code of a bad one' $? 1
like 'with the reason' "$text" 'run .* failed after .*step ship: rejected'

on_terminal "$TREADLE_BUILD/treadle" watch "$lost"
like 'on a terminal in colours' "$SCREEN" $'\033\[31mdead'
like 'with a bar' "$SCREEN" '█+.*1 of 2 steps done'
unlike 'the payload cannot play with it' "$SCREEN" $'\033\[31mstamps'
NO_COLOR=1 on_terminal "$TREADLE_BUILD/treadle" watch "$lost"
unlike 'NO_COLOR is heard' "$SCREEN" $'\033\[3'
cat >"$files/lasts.yaml" <<YAML
name: lasts
steps:
  pause: {wait: {for: 1s}}
YAML
on_terminal "$TREADLE_BUILD/treadle" submit "$files/lasts.yaml" --watch
like 'it is drawn again in place' "$SCREEN" $'\033\[[0-9]+A'

# A hundred steps do not scroll the picture away.
{
	echo 'name: wide'
	echo 'steps:'
	for i in $(seq 100); do echo "  s$i: {pass: {value: $i}}"; done
} >"$files/wide.yaml"
id=$(treadle submit "$files/wide.yaml" --wait)
on_terminal "$TREADLE_BUILD/treadle" watch "$id"
like 'many steps are summed up' "$SCREEN" 'and [0-9]+ more steps'
is 'within the screen' "$([ "$(wc -l <<<"$SCREEN")" -lt 30 ]; echo $?)" 0

head -n 1 < <(treadle watch "$lost" 2>"$files/said") >/dev/null
is 'a reader who has enough is no error' "$(cat "$files/said")" ''
done_testing
