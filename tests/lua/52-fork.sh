#!/bin/bash
# SPDX-License-Identifier: MIT
# A new run has from another one what was done before a step.
. "$(dirname "$0")/lib.sh"

start_library
define_all
with() { jq -c ". + {$1}" <<<"$2"; }
# a and s need nothing, b needs a, c needs b and s; h handles b's failures; a
# can be undone; z cleans up.
define shapes "$(jq -c '. + {branches: true, closing: ["z"], undo: {
	steps: ["a"], failed: true, cancelled: true}}' \
	<<<"$(graph 6 '["a","s"]' "$(printf '"%s":%s,' \
	a "$(with 'undo: "a.undo"' "$(step '[]' '["b"]')")" \
	s "$(with 'input: true' "$(step '[]' '["c"]')")" \
	b "$(with 'catches: [{"step":"h"}]' "$(step '["a"]' '["h","c"]')")" \
	h "$(with 'handles: "b"' "$(step '["b"]' '["c"]')")" \
	c "$(step '["b","s","h"]' '["z"]' '["a","b",".error:b"]')" \
	a.undo "$(with 'when: "undo"' "$(step '["a"]' '[]' '[".reason"]')")")\"z\":$(
	with 'when: "always"' "$(step '["c"]' '[]')")" 60000)")" >/dev/null
register w1 >/dev/null
submit() { # N DEFINITION
	r=$(run_id "$1")
	call submit "$r" "$2" "${3:-in}" '' 0 >/dev/null
}
step_is() { is "$2" "$STEP" "$1"; }
do_next() { take w1; complete w1 "${1:-out-of-$STEP}" >/dev/null; }
records() { # RUN STEP...
	local name
	for name in "${@:2}"; do printf '%s ' "$(state_of "$1" "$name")"; done
}
fork() { call fork "$r" "$f" "$1"; } # STEP
outputs() { redis HKEYS "$P:out:$1" | sort | tr '\n' ' '; }

submit 1 diamond
for _ in 1 2 3 4; do do_next; done
is 'the other run is done' "$(field "$r" state)" 'done 0'
f=$(run_id 2)
answer=$(fork b)
is 'a fork is a new run' "$(query '"\(.run) \(.forked_from) \(.step)"' \
	<<<"$answer")" "$f $r b"
is 'with what was done before the step, or beside it' \
	"$(records "$f" a b c d)" 'done ready done waiting '
is 'and its outputs' "$(outputs "$f")" 'a c '
is 'and the input' "$(field "$f" input)" in
is 'it waits for the rest' "$(field "$f" state) $(field "$f" step:d)" \
	'running 2 waiting 1'
is 'asked again, it answers the same' "$(fork b)" "$answer"
like 'but not for another step' "$(fork c)" 'CONFLICT there is a run'
is 'there is one more run' "$(redis ZCARD "$P:runs:running") $(redis HGET \
	"$P:counters" submitted) $(redis HGET "$P:def:diamond" runs)" '1 2 2'
is 'status says of what' "$(call status "$f" |
	query '.forked_from | "\(.run) \(.step)"')" "$r b"
is 'the list of its workflow has it' "$(call list '' '' 10 flow |
	query '.runs[].run' | sort | tr '\n' ' ')" "$r $f "
take w1
step_is b 'it begins at the step'
is 'as a first attempt' "$ATTEMPT" 1
complete w1 new-b >/dev/null
take w1
step_is d 'then comes what is behind it'
is 'with outputs of both runs' "$(sed -n '6,7p' <<<"$TAKEN" | tr '\n' ' ')" \
	'new-b out-of-c '
complete w1 >/dev/null
is 'and it is done' "$(field "$f" state)" 'done 0'
is 'the other has what it had' "$(redis HGET "$P:out:$r" b)" out-of-b
call forget "$r" >/dev/null
is 'it does not need the other' "$(outputs "$f")" 'a b c d '
is 'there is no step of that name' "$(r=$f; f=$(run_id 3); fork nobody |
	cut -c 1-31)" 'ABSENT the workflow has no step'
like 'nor such a run' "$(call fork "$r" "$(run_id 3)" b)" 'ABSENT there is no run'
like 'an id is no word' "$(call fork "$r" short b)" USAGE
like 'a step is needed' "$(call fork "$r" "$(run_id 3)")" USAGE

# Of a run that is running, and of one with every shape.
submit 4 shapes "$(printf '%80s' '')"
do_next; do_next
f=$(run_id 5)
like 'what a running run may undo nobody else has' "$(fork b)" \
	'CONFLICT run .* is still running, and undoes step a'
is 'from there on it is its own' "$(fork a | query .run) $(
	records "$f" a s b c z)" "$f ready done  waiting  "
is 'with a large input' "$(redis HSTRLEN "$P:out:$f" .input)" 80
is 'and a deadline' "$(redis ZSCORE "$P:delayed" "$f/")" \
	"$(field "$f" deadline_at)"
call cancel "$f" >/dev/null; call cancel "$f" >/dev/null
take w1
fail_step w1 -1 rejected >/dev/null
take w1
step_is h 'a handler has its turn'
complete w1 >/dev/null
take w1; complete w1 >/dev/null
take w1; complete w1 >/dev/null
is 'the run is done' "$(field "$r" state)" 'done 0'
f=$(run_id 6)
fork c >/dev/null
is 'a fork has what has failed, and who handled it' "$(records "$f" a s b h c z \
	) $(field "$f" caught:b)" 'done done failed done ready   h'
is 'and why' "$(outputs "$f")" '.error:b .input a h s '
take w1
fail_step w1 -1 >/dev/null
is 'it does not undo what it has not done' "$(field "$f" state) $(
	records "$f" a.undo)" 'running 1 cleaning  '
take w1; complete w1 >/dev/null
f=$(run_id 7)
fork h >/dev/null
is 'a handler can be the first' "$(records "$f" b h c)" 'failed ready waiting '
call cancel "$f" >/dev/null; call cancel "$f" >/dev/null

# What was undone is not there any more.
submit 8 shapes
do_next; do_next; do_next
take w1; fail_step w1 -1 >/dev/null
take w1
step_is a.undo 'a run is undone'
complete w1 >/dev/null
do_next
is 'and has failed' "$(field "$r" state)" 'failed 1'
f=$(run_id 9)
fork c >/dev/null
is 'a fork does again what was undone' "$(records "$f" a s b c)" \
	'ready done  waiting '
is 'it begins nothing twice' "$(redis XLEN "$P:queue:q")" 1
call retry "$r" b >/dev/null
is 'the other can be retried as well' "$(records "$r" a)" 'ready '

# Too much to copy.
for id in "$r" "$f"; do
	call cancel "$id" >/dev/null
	call cancel "$id" >/dev/null
done
submit 10 chain
do_next
head -c 33554430 /dev/zero | redis -x HSET "$P:out:$r" a >/dev/null
f=$(run_id 11)
is 'what is copied is bounded' "$(fork b | query .run)" "$f"
head -c 33554433 /dev/zero | redis -x HSET "$P:out:$r" a >/dev/null
f=$(run_id 12)
like 'and refused above' "$(fork b)" 'INPUT the checkpoints before the step have'
is 'nothing has happened then' "$(redis EXISTS "$P:run:$f" "$P:out:$f")" 0

# b handles a's failures, but a is done: when the run has failed for w.
define late "$(jq -c '. + {branches: true}' \
	<<<"$(graph 3 '["a","w"]' "$(printf '"%s":%s,' \
	a "$(with 'catches: [{"step":"b"}]' "$(step '[]' '["b"]')")" \
	b "$(with 'handles: "a"' "$(step '["a"]' '[]')")")\"w\":$(step '[]' \
	'[]')")")" >/dev/null
submit 13 late
call cancel "$(run_id 10)" >/dev/null
call cancel "$(run_id 11)" >/dev/null
register w2 >/dev/null
take w2
of_a=("$ENTRY" "$RUN" "$STEP" "$ATTEMPT")
take w2; fail_step w2 -1 rejected >/dev/null
ENTRY=${of_a[0]} RUN=${of_a[1]} STEP=${of_a[2]} ATTEMPT=${of_a[3]}
complete w2 >/dev/null
is 'a step may end after its run' "$(records "$r" a b w)" 'done  dead '
f=$(run_id 14)
fork w >/dev/null
is 'what nothing asks for is skipped in a fork of it' \
	"$(records "$f" a b w) $(field "$f" state)" 'done skipped ready  running 1'
done_testing
