#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps perform other workflows, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/acts.sh"
. "$(dirname "$0")/cli.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
cd "$files" || exit 1
cat >page.yaml <<YAML
name: page
input: {type: object, required: [who], properties: {who: {type: string}, size: {type: integer, default: 3}}}
steps:
  draw: {$(act draw 0 '${.input.who}')}
  print: {needs: draw, $(act print 0 '${.input.who}')}
output: {text: "\${.steps.print.output}", size: "\${.input.size}"}
YAML
cat >part.yaml <<'YAML'
name: part
steps:
  page: {workflow: page, input: {who: "${.input.who}"}}
output: ${.steps.page.output.text}
YAML
cat >book.yaml <<YAML
name: book
steps:
  first: {$(act first 0 '${.input.who}')}
  part: {needs: first, workflow: part, input: {who: "\${.input.who}"}}
  last: {needs: part, $(act last 0 '${.input.who}')}
finally:
  tidy: {pass: }
output: \${.steps.part.output}
YAML
child_of() { # RUN STEP
	ask status "$1" | jq -r --arg s "$2" '.steps[] | select(.step == $s).child.run // empty'
}

# --- names, when it is submitted ---------------------------------------------------

refused 'what is not applied' 3 "book.yaml:4: step \"part\" performs workflow \"part\", but no \
workflow \"part\" is applied" treadle submit book.yaml -i who=A
refused 'neither is it by what it performs' 3 'part.yaml:3: step "page" performs workflow "page", but' \
	treadle apply part.yaml
is 'all at once, in any order' "$(treadle apply book.yaml part.yaml page.yaml | xargs)" \
	'book: created part: created page: created'
ok 'without Redis it is valid, too' eval \
	'TREADLE_REDIS_URL=unix:///none treadle validate book.yaml'
printf 'name: page\nsteps:\n  a: {workflow: book}\n' >circle.yaml
refused 'a circle' 3 'performs workflow "page", and so itself, without end: page -> book -> part -> page' \
	treadle apply circle.yaml
refused 'a name that is performed stays' 5 'is performed by part' treadle workflows --remove page
treadle workflows book >again.yaml
is 'what is shown can be applied' "$(treadle apply again.yaml)" 'book: unchanged'
below=page
for i in 2 3 4 5 6 7 8; do
	printf 'name: level%s\nsteps:\n  a: {workflow: %s, input: {who: me}}\n' $i $below >level$i.yaml
	below=level$i
	treadle apply level$i.yaml >/dev/null
done
printf 'name: level9\nsteps:\n  a: {workflow: level8}\n' >level9.yaml
refused 'nine levels' 3 'level 9 of workflows' treadle submit level9.yaml

# --- while all die -------------------------------------------------------------------

shut_gate first
run=$(treadle submit book -i who=A)
until_begun first
everything_dies
open_gate first
shut_gate draw
until_begun draw 1 '*'
is 'the step is parked' "$(step_field "$run" part state)" parked
part=$(child_of "$run" part)
page=$(child_of "$part" page)
is 'so is that of its run' "$(step_field "$part" page state)" parked
like 'that is seen' "$(treadle status "$run")" "part .* parked .*run $part, 0 of 2 steps done"
unlike 'and nobody is asked for an answer' "$(treadle status "$run")" 'treadle signal'
like 'and from below' "$(treadle status "$page")" "parent +$part/page"
like 'and in the list' "$(treadle list --json)" "\"parent\":\"$part/page\""
everything_dies
open_gate draw
shut_gate last
until_begun last 1
is 'the end went up' "$(ask status "$run" | jq -r '.steps[] | select(.step == "part").output')" \
	'did print with A'
everything_dies
open_gate last
until_state "$run" done 60
is 'it is done' "$(ask status "$run" | jq -r .output)" 'did print with A'
is 'with one run at each level' "$(redis ZCARD 'treadle:{0}:runs:done')" 3
is 'by default what the workflow says' "$(ask status "$page" | jq .input.size)" 3
doctor_says_well 'the doctor is content' --data

# --- it fails, and goes on where it failed ------------------------------------------

break_act print
run=$(treadle submit book -i who=B)
until_state "$run" failed 60
page=$(child_of "$(child_of "$run" part)" page)
like 'it says which step of which run' "$(ask status "$run" | jq -r .reason.detail)" \
	"run .* failed at step page: run $page failed at step print: .*"
is 'dead letters of all levels' "$(treadle dead --run "$run" --json | jq -r 'select(.step).step' |
	sort | xargs)" 'page part print'
doctor_says_well 'so is the doctor' --data
drawn=$(lines draw '*')
mend_act print
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'what was finished is kept' "$(lines draw '*')" "$drawn"
is 'by the same run' "$(child_of "$(child_of "$run" part)" page)" "$page"

# --- a bad input, a cancel, a pin ----------------------------------------------------

run=$(treadle submit book -i who=5)
until_state "$run" failed 60
like 'an input that it does not accept' "$(ask status "$run" |
	jq -r '.reason | "\(.class): \(.detail)"')" \
	'^rejected: run .* at step page: workflow page does not accept this: input.who: must be of type string'
shut_gate draw
drawn=$(lines draw '*')
run=$(treadle submit book -i who=C)
until_begun draw $((drawn + 1)) '*'
page=$(child_of "$(child_of "$run" part)" page)
crash "$COORDINATOR"
treadle cancel "$run" >/dev/null 2>&1
start_coordinator
until_state "$page" cancelled 60
is 'a cancel goes down to the lowest' "$(run_state "$run")" cancelled
drawn=$(lines draw '*')
run=$(treadle submit book -i who=D)
until_begun draw $((drawn + 1)) '*'
sed -i 's/print.output}/draw.output}/' page.yaml
is 'what is performed is changed meanwhile' "$(treadle apply page.yaml)" 'page: changed'
newer=$(treadle submit book -i who=E)
open_gate draw
until_state "$run" done 60
until_state "$newer" done 60
is 'a run is pinned to all it performs' "$(ask status "$run" | jq -r .output)" 'did print with D'
is 'the next one is the new one' "$(ask status "$newer" | jq -r .output)" 'did draw with E'
treadle forget "$run" 2>/dev/null
is 'forgotten with all it performed' "$(treadle list --limit 100 --json | grep -c "$run")" 0
doctor_says_well 'all is well' --data
done_testing
