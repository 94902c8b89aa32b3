#!/bin/bash
# SPDX-License-Identifier: MIT
# Workflows are applied, listed, compared, submitted by name, and removed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cli.sh"
export TREADLE_PRODUCER_WORKFLOWS=$files/folder
mkdir "$files/folder"
cd "$files" || exit 1
cat >book.yaml <<'END'
name: book
description: a book of one page
input: {type: object, properties: {title: {type: string, default: "none: yet"}}}
deadline: 1h
defaults: {retry: {attempts: 2, delay: 1500ms}}
steps:
  page:
    if: ${.input.title != "no"}
    pass: {value: "first of ${.input.title}"}
  bind:
    needs: page
    on_error: [{class: [timeout], then: late}, {then: mend}]
    exec: {command: ["true", "1.0", "a: b"], output: none}
  late: {needs: bind, pass: {}}
  end: {needs: bind, pass: }
  mend: {needs: bind, continue_on_error: true, pass: {value: [1, {"b c": null}]}}
  tell: {needs: bind, if: "failure() && ${.input.title}", pass: }
finally:
  sweep: {wait: {for: 10ms}}
  lock: {needs: sweep, if: cancelled(), pass: }
output: ${.steps.page.output}
END
sed 's/first of/page one of/; s/deadline: 1h/deadline: 2h/; /late: {/d;
	s/{class: \[timeout\], then: late}, //' book.yaml >newer.yaml

refused 'without Redis nothing is applied' 6 'connect' treadle apply book.yaml
start_redis
start_coordinator
start_worker

refused 'a name of nothing' 4 "no workflow \"boo\" in .*/folder, and no file of that \
name, and no workflow \"boo\" is applied \(see: treadle workflows\)" treadle submit boo
is 'nothing is applied' "$(treadle workflows 2>&1)" 'no workflows are applied'
refused 'of two files the second is bad' 4 'absent.yaml' \
	treadle apply book.yaml absent.yaml
refused 'two files of one name' 3 'both name their workflow "book"' \
	treadle apply book.yaml newer.yaml
is 'none is applied' "$(treadle workflows --json)" ''
is 'two at once' "$(treadle apply book.yaml one.yaml)" $'book: created\none: created'
is 'said again' "$(treadle apply book.yaml)" 'book: unchanged'
is 'one object each' "$(treadle apply book.yaml --json | jq -r '.workflow, .change' |
	xargs)" 'book unchanged'
like 'they are listed' "$(treadle workflows)" \
	'WORKFLOW +DEFINITION +STEPS +APPLIED.*book .* a book of one page.*one '
refused 'a name that is nearly right' 4 'did you mean "book"' treadle submit bok
yield() { treadle submit "$@" --wait --json | jq -r .output; }
is 'it is submitted by its name' "$(yield book -i title=A)" 'first of A'

# --- as a file again -------------------------------------------------------------

for name in book one; do
	treadle workflows $name >again.yaml
	is "what is shown of $name is the same workflow" \
		"$(treadle diff $name again.yaml) $(treadle apply again.yaml)" \
		" $name: unchanged"
done
for file in "$ROOT"/config/workflows/*.yaml "$ROOT"/examples/shapes/{conditions,handlers,cleaning-up,undo,repeat}.yaml; do
	treadle apply "$file" >/dev/null
	name=$(sed -n 's/^name: //p' "$file")
	treadle workflows "$name" >again.yaml
	is "and so is that of $name" "$(treadle apply again.yaml)" "$name: unchanged"
	treadle workflows --remove "$name" 2>/dev/null
done

# --- differences -----------------------------------------------------------------

status=0
shown=$(treadle diff book newer.yaml) || status=$?
is 'what differs is shown by step and key' "$shown" "$(cat <<'END'
  deadline
-   1h
+   2h
  steps.bind.on_error
-   [{"class":["timeout"],"then":"late"},{"then":"mend"}]
+   [{"then":"mend"}]
  steps.late
-   needs: ["bind"]
-   pass: {}
-   queue: default
-   recoveries: 3
-   retry:
-     attempts: 2
-     delay: 1s500ms
-     factor: 2
-     jitter: 0.5
-     max_delay: 5m
-     on: ["error","transient","throttled","timeout","killed"]
-   timeout: 5m
  steps.page.pass.value
-   "first of ${.input.title}"
+   "page one of ${.input.title}"
END
)"
is 'and said by the status' $status 1
is 'a file is compared with what has its name' "$(treadle diff newer.yaml --json |
	jq -r .at | xargs)" \
	'deadline steps.bind.on_error steps.late steps.page.pass.value'
is 'two files are compared' "$(treadle diff newer.yaml book.yaml --json |
	jq -c 'select(.at == "deadline") | [.before, .after]')" '["2h","1h"]'
ok 'nothing differs' treadle diff book book.yaml
refused 'what is not applied' 4 '"nine" is applied' treadle diff nine book.yaml
refused 'what is no workflow' 3 'folder' treadle diff book "$files/folder"

# --- pinned ----------------------------------------------------------------------

cat >gate.yaml <<END
name: gate
steps:
  hold: {exec: {command: [sh, -c, 'until [ -e "\$0" ]; do sleep 0.05; done', "$files/open"]}}
  say: {needs: hold, pass: {value: old}}
output: \${.steps.say.output}
END
treadle apply gate.yaml >/dev/null
run=$(treadle submit gate)
wait_until '[ "$(step_field "$run" hold state)" = running ]'
sed -i 's/value: old/value: new/' gate.yaml
is 'a workflow is changed while it runs' "$(treadle apply gate.yaml)" 'gate: changed'
newer=$(treadle submit gate)
doctor_says_well 'the doctor knows names' --data
touch open
is 'the run goes on as it began' "$(treadle watch "$run" >/dev/null 2>&1
	ask status "$run" | jq -r .output)" old
is 'the next one is the new one' "$(treadle watch "$newer" >/dev/null 2>&1
	ask status "$newer" | jq -r .output)" new
is 'the newest run is shown' \
	"$(treadle workflows --json | jq -r 'select(.workflow == "gate").last_run')" "$newer"

# --- files come first --------------------------------------------------------------

sed 's/value: new/value: file/' gate.yaml >folder/gate.yaml
is 'a file in the folders goes before an applied one' \
	"$(yield gate)" file
rm folder/gate.yaml
is 'without it the applied one is meant' \
	"$(yield gate)" new
like 'what would be submitted' "$(treadle submit gate --dry-run)" 'would submit gate'
is 'many are submitted by a name' "$(printf '{"title": "B"}\n{}\n' |
	treadle submit book --bulk - 2>/dev/null | grep -c .)" 2

# --- away ------------------------------------------------------------------------

is 'a name is removed' "$(treadle workflows --remove gate 2>&1)" \
	'gate is not applied any more; its runs go on'
refused 'and is gone' 4 'no workflow "gate" is applied' treadle workflows gate
refused 'nothing is left to remove' 4 'no workflow "gate"' \
	treadle workflows --remove gate
refused 'what is no name' 3 "can't be the name" treadle workflows a/b
refused 'both at once' 2 'exclude' treadle workflows --remove book one
is 'who looks is told how' "$(treadle workflows --explain | grep -c \
	'FCALL_RO treadle_workflows')" 1
kill_redis
restart_redis
is 'names outlive Redis' "$(treadle workflows --json | jq -r .workflow | xargs)" \
	'book one'
doctor_says_well 'and all is well' --data
definition=treadle:{0}:def:$(redis HGET 'treadle:{0}:named' one)
redis RENAME "$definition" aside >/dev/null
refused 'a definition that somebody deleted' 4 'one.*its definition is gone' \
	treadle submit one
like 'the doctor misses it' "$(treadle doctor --data --json | jq -r '.id // empty' |
	sort -u | xargs)" 'named-lost'
redis RENAME aside "$definition" >/dev/null
doctor_says_well 'it is well' --data
done_testing
