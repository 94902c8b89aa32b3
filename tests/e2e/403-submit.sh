#!/bin/bash
# SPDX-License-Identifier: MIT
# submit prints the id of a new run, and nothing else.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
start_redis

id=$(treadle submit "$one" 2>&1)
like 'an id and nothing else' "$id" '^[0-9a-z]{26}$'
is 'the run is there' "$(ask status "$id" | jq -r .state)" running
input() { ask status "$1" | jq -c .input; }
is 'defaults of the schema are filled in' "$(input "$id")" '{"n":1}'

is '-i is read as the schema says' \
	"$(input "$(treadle submit "$one" -i n=7 -i who=8)")" \
	'{"n":7,"who":"8"}'
echo '{"n":2,"who":"a"}' >"$files/input.json"
is '--input is the whole, -i changes it' \
	"$(input "$(treadle submit "$one" --input "$files/input.json" -i n=3)")" \
	'{"n":3,"who":"a"}'
is '--input - is standard input' \
	"$(input "$(echo '{"n":9}' | treadle submit "$one" --input -)")" '{"n":9}'
is 'the workflow may be standard input' \
	"$(ask status "$(treadle submit - <"$one")" | jq -r .workflow)" one

mkdir "$files/flows"
sed 's/^name: one/name: two/' "$one" >"$files/flows/two.yaml"
export TREADLE_PRODUCER_WORKFLOWS=$files/flows
is 'a name is looked up in the folders' \
	"$(ask status "$(treadle submit two)" | jq -r .workflow)" two
is 'with --json an object' \
	"$(treadle submit two --json | jq -c '[.workflow, .existed]')" \
	'["two",false]'

before=$(runs)
like '--dry-run says what would be' "$(treadle submit two --dry-run -i n=4)" \
	'would submit two.*"n": 4'
is 'as JSON' "$(treadle submit two --dry-run --json | jq -c .input)" '{"n":1}'
is 'and does nothing' "$(runs)" "$before"
ok 'nor does it need Redis' treadle submit two --dry-run \
	--redis-url redis://127.0.0.1:1

id=$(treadle submit two --deadline 1h)
is 'a deadline' \
	"$(ask status "$id" | jq '.deadline_at - .submitted_at')" 3600000
done_testing
