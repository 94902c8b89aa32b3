#!/bin/bash
# SPDX-License-Identifier: MIT
# Steps perform other workflows, while worker, coordinator and Redis die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"

export TREADLE_WORKER_LEASE=1s
start_redis --appendfsync always
start_coordinator
start_worker
ledger=$TREADLE_TEST_TMP/ledger
mkdir "$ledger"
cd "$files" || exit 1
# A handler that leaves a line each time, and waits where its gate is shut.
cat >"$TREADLE_TEST_TMP/act" <<'SH'
#!/bin/sh
echo "$TREADLE_RUN" >>"$1/$2"
while [ -e "$1/shut.$2" ]; do sleep 0.02; done
[ ! -e "$1/break.$2" ] || { echo "$2 is broken" >&2; exit 65; }
echo "$2 of $3"
SH
chmod +x "$TREADLE_TEST_TMP/act"
act() { # NAME
	printf 'exec: {command: ["%s/act", "%s", %s, "${.input.who}"]}' \
		"$TREADLE_TEST_TMP" "$ledger" "$1"
}
cat >page.yaml <<YAML
name: page
input: {type: object, required: [who], properties: {who: {type: string}, size: {type: integer, default: 3}}}
steps:
  draw: {$(act draw)}
  print: {needs: draw, $(act print)}
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
  first: {$(act first)}
  part: {needs: first, workflow: part, input: {who: "\${.input.who}"}}
  last: {needs: part, $(act last)}
finally:
  tidy: {pass: }
output: \${.steps.part.output}
YAML
shut() { : >"$ledger/shut.$1"; }
open_gate() { rm "$ledger/shut.$1"; }
lines() { grep -c . "$ledger/$1" 2>/dev/null; }
until_begun() { wait_until "[ \$(lines $1) -ge ${2:-1} ]" 30; } # NAME [TIMES]
everything_dies() {
	crash "$WORKER"
	crash "$COORDINATOR"
	kill_redis
	restart_redis
	start_coordinator
	start_worker
}
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

shut first
run=$(treadle submit book -i who=A)
until_begun first
everything_dies
open_gate first
shut draw
until_begun draw
is 'the step is parked' "$(step_field "$run" part state)" parked
part=$(child_of "$run" part)
page=$(child_of "$part" page)
is 'so is that of its run' "$(step_field "$part" page state)" parked
like 'that is seen' "$(treadle status "$run")" "part .* parked .*run $part, 0 of 2 steps done"
like 'and from below' "$(treadle status "$page")" "parent +$part/page"
like 'and in the list' "$(treadle list --json)" "\"parent\":\"$part/page\""
everything_dies
open_gate draw
shut last
until_begun last 1
is 'the end went up' "$(ask status "$run" | jq -r '.steps[] | select(.step == "part").output')" \
	'print of A'
everything_dies
open_gate last
until_state "$run" done 60
is 'it is done' "$(ask status "$run" | jq -r .output)" 'print of A'
is 'with one run at each level' "$(redis ZCARD 'treadle:{0}:runs:done')" 3
is 'by default what the workflow says' "$(ask status "$page" | jq .input.size)" 3
doctor_says_well 'the doctor is content' --data

# --- it fails, and goes on where it failed ------------------------------------------

: >"$ledger/break.print"
run=$(treadle submit book -i who=B)
until_state "$run" failed 60
page=$(child_of "$(child_of "$run" part)" page)
like 'it says which step of which run' "$(ask status "$run" | jq -r .reason.detail)" \
	"run .* failed at step page: run $page failed at step print: .*"
is 'dead letters of all levels' "$(treadle dead --run "$run" --json | jq -r 'select(.step).step' |
	sort | xargs)" 'page part print'
doctor_says_well 'so is the doctor' --data
drawn=$(lines draw)
rm "$ledger/break.print"
treadle retry "$run" >/dev/null 2>&1
until_state "$run" done 60
is 'what was finished is kept' "$(lines draw)" "$drawn"
is 'by the same run' "$(child_of "$(child_of "$run" part)" page)" "$page"

# --- a bad input, a cancel, a pin ----------------------------------------------------

run=$(treadle submit book -i who=5)
until_state "$run" failed 60
like 'an input that it does not accept' "$(ask status "$run" |
	jq -r '.reason | "\(.class): \(.detail)"')" \
	'^rejected: run .* at step page: workflow page does not accept this: input.who: must be of type string'
shut draw
drawn=$(lines draw)
run=$(treadle submit book -i who=C)
until_begun draw $((drawn + 1))
page=$(child_of "$(child_of "$run" part)" page)
crash "$COORDINATOR"
treadle cancel "$run" >/dev/null 2>&1
start_coordinator
until_state "$page" cancelled 60
is 'a cancel goes down to the lowest' "$(run_state "$run")" cancelled
drawn=$(lines draw)
run=$(treadle submit book -i who=D)
until_begun draw $((drawn + 1))
sed -i 's/print.output}/draw.output}/' page.yaml
is 'what is performed is changed meanwhile' "$(treadle apply page.yaml)" 'page: changed'
newer=$(treadle submit book -i who=E)
open_gate draw
until_state "$run" done 60
until_state "$newer" done 60
is 'a run is pinned to all it performs' "$(ask status "$run" | jq -r .output)" 'print of D'
is 'the next one is the new one' "$(ask status "$newer" | jq -r .output)" 'draw of E'
treadle forget "$run" 2>/dev/null
is 'forgotten with all it performed' "$(treadle list --limit 100 --json | grep -c "$run")" 0
doctor_says_well 'all is well' --data
done_testing
