#!/bin/bash
# SPDX-License-Identifier: MIT
# A run of a workflow for each item of a list, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
. "$(dirname "$0")/acts.sh"

export TREADLE_WORKER_LEASE=1s
export TREADLE_BLOBS_FOLDER=$TREADLE_TEST_TMP/blobs TREADLE_BLOBS_INLINE_MAX=1KiB
start_redis --appendfsync always
start_coordinator
start_worker --worker-exec-slots 4
mkdir "$TREADLE_BLOBS_FOLDER"
cd "$files" || exit 1
cat >page.yaml <<YAML
name: page
input:
  type: object
  required: [page]
  properties: {page: {type: integer}, place: {type: integer, default: 7}, size: {type: integer, default: 1}}
steps:
  draw: {$(act 'draw.${.input.page}')}
  print: {needs: draw, $(act 'print.${.input.page}')}
output: {text: "\${.steps.print.output}", place: "\${.input.place}", paper: "\${\"x\" * .input.size}"}
YAML
# book NAME MORE: one that has a run of page for each of its pages.
book() {
	cat >"$1.yaml" <<YAML
name: $1
input: {type: object, properties: {pages: {type: array, default: [1, 2, 3, 4, 5]}}}
steps:
  list: {pass: {value: "\${.input.pages}"}}
  pages:
    needs: list
    for_each: \${.steps.list.output}
    max_parallel: 2
    workflow: page
    input: {page: "\${.item}", place: "\${.index}"}
    $2
  bind: {needs: pages, pass: {value: "\${.steps.pages.output | map(.text // \"-\")}"}}
output: "\${.steps.bind.output | join(\" \")}"
YAML
}
book book 'x-none:' && sed -i '/x-none/d' book.yaml
book some 'tolerate: 1'
book brief 'timeout: 1s'
# Acts are of the runs of pages, whichever these are.
tries() { lines "$1" '*'; } # NAME
until_tried() { until_begun "$1" "${2:-1}" '*'; } # NAME [TIMES]
submit() { # FILE [ARGUMENT...]
	rm -f "$ledger"/begun.*
	run=$(treadle submit "$@") || fail 'the run was not submitted'
}
output() { ask status "$run" | jq -r .output; }
items() { ask status "$run" | jq -c '.steps[] | select(.items).items'; }
child_of() { # ITEM
	ask status "$run" | jq -r --arg s "pages/$1" '.steps[] | select(.step == $s).child.run // empty'
}
children() { redis HLEN 'treadle:{0}:children'; }

# --- names -------------------------------------------------------------------------

refused 'what is not applied' 3 'book.yaml:9: step "pages" performs workflow "page", but' \
	treadle submit book.yaml
printf 'name: page\nsteps:\n  a: {for_each: [1], workflow: book}\n' >circle.yaml
treadle apply page.yaml book.yaml some.yaml brief.yaml >/dev/null 2>&1
refused 'a circle' 3 'performs workflow "page", and so itself, without end: page -> book -> page' \
	treadle apply circle.yaml
refused 'a name that is performed stays' 5 'is performed by' treadle workflows --remove page
treadle workflows book >again.yaml
is 'what is shown can be applied' "$(treadle apply again.yaml)" 'book: unchanged'

# --- while all die --------------------------------------------------------------------

shut_gate draw.2
shut_gate print.3
submit book
until_tried draw.2
until_tried print.3
wait_until '[ "$(items | jq .done)" = 1 ]'
is 'no more runs than max_parallel' "$(children) $(items | jq .begun)" '2 3'
first=$(child_of 1)
like 'they are seen' "$(treadle status "$run")" "pages/1 .* parked .*run $first, 0 of 3 steps done"
unlike 'and nobody is asked for a signal' "$(treadle status "$run")" 'treadle signal'
is 'from below, too' "$(ask status "$first" | jq -r .parent)" "$run/pages/1"
doctor_says_well 'the doctor is content' --data
everything_dies
open_gate draw.2
until_tried draw.2 2
until_tried print.3 2
everything_dies
until_tried print.3 3
shut_gate print.5
open_gate print.3
until_tried print.5
crash "$WORKER"
start_worker --worker-exec-slots 4
open_gate print.5
until_state "$run" done 60
is 'all is done, in the order of the items' "$(output)" 'did print.1 did print.2 did print.3 did print.4 did print.5'
is 'each with its place' "$(ask status "$run" | jq -c '[.steps[] |
	select(.step == "pages").output[].place]')" '[0,1,2,3,4]'
is 'what had ended was not performed again' "$(tries draw.1)$(tries print.1)$(tries draw.3)" 111
is 'keys stay the same' "$(keys print.3 '*')" 1
is 'one run was made for each' "$(redis ZCARD 'treadle:{0}:runs:done')" 6
is 'nothing is left of the items' "$(redis HKEYS "treadle:{0}:run:$run" | grep -c pages/)" 0
doctor_says_well 'so is the doctor' --data

# --- it fails, and goes on where it failed -----------------------------------------------

break_act print.2
submit book
until_state "$run" failed 60
broken=$(child_of 1)
like 'it says which step of which run' "$(ask status "$run" | jq -r '.reason | "\(.step): \(.detail)"')" \
	"pages/1: run $broken failed at step print"
is 'with dead letters of both' "$(treadle dead --run "$run" --json | jq -r 'select(.step).step' |
	sort | xargs)" 'pages/1 print'
doctor_says_well 'the doctor knows that' --data
mend_act print.2
treadle retry "$run" --from pages/1 >/dev/null 2>&1
until_state "$run" done 60
is 'the run of the item goes on' "$(tries draw.2)$(tries print.2) $(output)" \
	'12 did print.1 did print.2 did print.3 did print.4 did print.5'
break_act print.4
submit some
until_state "$run" done 60
is 'a failure is tolerated' "$(output)" 'did print.1 did print.2 did print.3 - did print.5'
mend_act print.4
treadle retry "$run" --from pages/3 >/dev/null 2>&1
until_state "$run" done 60
is 'then only what had failed is done' "$(tries draw.4)$(tries print.4)$(tries draw.3) $(output)" \
	'121 did print.1 did print.2 did print.3 did print.4 did print.5'
submit some -i 'pages=[1, "two", 3]'
until_state "$run" done 60
is 'an input that is not accepted is a failure' "$(output)" 'did print.1 - did print.3'
submit book -i 'pages=[]'
until_state "$run" done 60
is 'of an empty list there is no run' "$(ask status "$run" | jq -c '.steps[1].output')" '[]'

# --- a limit, a cancel, a coordinator that is away ----------------------------------------

shut_gate draw.1
submit brief
until_state "$run" failed 60
like 'a run that takes too long' "$(ask status "$run" | jq -r '.reason | "\(.class) \(.step)"')" \
	'^timeout pages/[0-4]$'
open_gate draw.1
shut_gate draw.1
shut_gate draw.2
submit book
until_tried draw.1
until_tried draw.2
first=$(child_of 0)
crash "$COORDINATOR"
treadle cancel "$run" >/dev/null 2>&1
start_coordinator
until_state "$first" cancelled 60
wait_until '[ "$(children)" = 0 ]'
is 'a cancel ends the runs of all items' "$(run_state "$run")" cancelled
open_gate draw.1
open_gate draw.2
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'a retry has them go on' "$(output)" 'did print.1 did print.2 did print.3 did print.4 did print.5'
doctor_says_well 'all is well' --data

# --- big values ----------------------------------------------------------------------------

cat >wide.yaml <<'YAML'
name: wide
steps:
  pages:
    for_each: [10, 5000, 20, 6000]
    workflow: page
    input: {page: "${.index}", size: "${.item}"}
  sum: {needs: pages, pass: {value: "${.steps.pages.output | map(.paper | length)}"}}
output: ${.steps.sum.output}
YAML
submit wide.yaml
until_state "$run" done 60
is 'big outputs of runs are read from their blobs' "$(output | jq -c .)" '[10,5000,20,6000]'
is 'which the parent holds' "$(redis SCARD "treadle:{0}:blobs:$run")" 2
redis HSET "treadle:{0}:run:$run" child:pages/0 "$first" >/dev/null
like 'the doctor sees a run of an item that has ended' "$(treadle doctor --data 2>/dev/null)" \
	'field child:pages/0'
redis HDEL "treadle:{0}:run:$run" child:pages/0 >/dev/null
treadle forget "$run" 2>/dev/null
doctor_says_well 'all is well in the end' --data
done_testing
