#!/bin/bash
# SPDX-License-Identifier: MIT
# The load of the storms: what its runs do, and what must become of them.
# lib.sh sources it.
#
# A run of `storm` has a step of each kind, and one that needs them all. By the
# last digit of its key one in five has a run of `shapes` performed as well, half
# of which fail: they have branches, items, steps that are undone and one that
# cleans up. A step and items of it perform `part` in turn, which fails at first, so
# that they try it again; that of the last item fails for good. So the common run
# costs little, and runs that fail by design have parents, which go on.
#
# `graph` says to the checker, who knows nothing else of them:
#
#	expect WORKFLOW STATE		how its runs end; `any`
#	step WORKFLOW STEP NEEDS KIND ATTEMPTS RECOVERIES [closing | undoing]
#	items WORKFLOW STEP COUNT MAX TOLERATED	  items, so many at a time
#	performs WORKFLOW STEP OTHER FROM	  whose output is that of FROM
#	given WORKFLOW STEP FROM	outputs; =key is that of the run
#	outcome WORKFLOW STEP WHOSE STATES	what must become of a step, or of the
#			run (-): of all whose key matches, or PARENT_STEP:KEY where
#			that is performed; the last line that fits counts

write_workflows() {
	local ledger=$ledgers/handler
	local effect=$TREADLE_BUILD/storm/effect
	local defaults='{recoveries: 100, retry: {attempts: 4, delay: 10ms, max_delay: 100ms}}'
	cat >"$TREADLE_TEST_TMP/storm.yaml" <<-YAML
		name: storm
		input: {type: object, properties: {key: {type: string}}}
		defaults: $defaults
		steps:
		  split: {pass: {value: "\${.input.key}"}}
		  work: {needs: split, exec: {command: ["$effect", "$ledger", "${EFFECT_MS:-60}", "15"], stdin: "\${.steps.split.output}"}}
		  more: {needs: split, exec: {command: ["$effect", "$ledger", "10", "0"], stdin: "\${.steps.split.output}"}}
		  pause: {needs: split, wait: {for: 20ms}}
		  call:
		    needs: split
		    http: {url: "http://127.0.0.1:$api_port/\${.run.id}/\${.run.step}/\${.run.attempt}", json: "\${.steps.split.output}"}
		  join:
		    needs: [work, more, pause, call]
		    exec: {command: ["$effect", "$ledger", "0", "0"], stdin: "\${.steps.work.output} \${.steps.more.output} \${.steps.call.output}"}
		  child:
		    needs: split
		    if: "\${.input.shapes}"
		    continue_on_error: true
		    workflow: shapes
		    input: {key: "\${.steps.split.output}", fails: "\${.input.fails}"}
	YAML
	cat >"$TREADLE_TEST_TMP/part.yaml" <<-YAML
		name: part
		input: {type: object}
		defaults: $defaults
		steps:
		  keep: {exec: {command: ["$effect", "$ledger", "5", "15"], stdin: "\${.input.key}"}}
		  break:
		    needs: keep
		    retry: {attempts: 1}
		    exec: {command: ["$effect", "$ledger", "5", "\${.input.fails}"], stdin: "\${.steps.keep.output}"}
		output: "\${.steps.break.output}"
	YAML
	cat >"$TREADLE_TEST_TMP/shapes.yaml" <<-YAML
		name: shapes
		input: {type: object}
		defaults: $defaults
		steps:
		  list:
		    for_each: [15, 15, 100]
		    max_parallel: 2
		    tolerate: 1
		    exec: {command: ["$effect", "$ledger", "20", "\${.item}"], stdin: "\${.input.key}"}
		  part:
		    workflow: part
		    input: {key: "\${.input.key}", fails: 60}
		    retry: {attempts: 4, delay: 10ms}
		  parts:
		    for_each: [60, 60, 100]
		    max_parallel: 2
		    tolerate: 1
		    workflow: part
		    input: {key: "\${.input.key}", fails: "\${.item}"}
		    retry: {attempts: 4, delay: 10ms}
		  book:
		    exec: {command: ["$effect", "$ledger", "10", "15"], stdin: "\${.input.key}"}
		    compensate: {exec: {command: ["$effect", "$ledger", "5", "15"], stdin: "\${.steps.book.output}"}}
		  pay:
		    needs: book
		    exec: {command: ["$effect", "$ledger", "0", "0"], stdin: "\${.steps.book.output}"}
		    compensate: {exec: {command: ["$effect", "$ledger", "5", "15"], stdin: "\${.steps.pay.output}"}}
		  frail:
		    retry: {attempts: 1}
		    on_error: [{class: timeout, then: wrong}, {then: right}]
		    exec: {command: ["$effect", "$ledger", "0", "100"]}
		  wrong: {needs: frail, pass: {value: 1}}
		  right: {needs: frail, pass: {value: 1}}
		  fatal:
		    needs: [pay, right, wrong]
		    if: "\${.input.fails}"
		    retry: {attempts: 1}
		    exec: {command: ["$effect", "$ledger", "0", "100"]}
		finally:
		  sweep: {exec: {command: ["$effect", "$ledger", "0", "15"], stdin: "\${.steps.list.output} \${.steps.parts.output} \${.steps.part.output}"}}
		output: "\${.steps.pay.output}"
	YAML
}

write_graph() {
	cat >"$ledgers/graph" <<-'GRAPH'
		expect storm done
		step storm split - pass 4 100
		step storm work split exec 4 100
		step storm more split exec 4 100
		step storm pause split wait 4 100
		step storm call split http 4 100
		step storm join work,more,pause,call exec 4 100
		given storm join work,more,call
		step storm child split workflow 1 100
		performs storm child shapes pay
		outcome storm child . skipped
		outcome storm child 0$ done
		outcome storm child 5$ failed
		expect shapes done
		outcome shapes - 5$ failed
		step shapes list - each 4 100
		items shapes list 3 2 1
		given shapes list/0 =key
		given shapes list/1 =key
		outcome shapes list 5$ done|cancelled
		step shapes part - workflow 4 100
		performs shapes part part break
		outcome shapes part 5$ done|cancelled
		step shapes parts - each 4 100
		items shapes parts 3 2 1
		performs shapes parts part break
		outcome shapes parts 5$ done|cancelled
		step shapes book - exec 4 100
		given shapes book =key
		step shapes pay book exec 4 100
		given shapes pay book
		step shapes frail - exec 1 100
		outcome shapes frail . failed
		step shapes wrong frail pass 4 100
		outcome shapes wrong . skipped
		step shapes right frail pass 4 100
		step shapes fatal pay,right,wrong exec 1 100
		outcome shapes fatal . skipped
		outcome shapes fatal 5$ dead
		step shapes output list,part,parts,fatal,pay pass 4 100
		outcome shapes output 5$ none|waiting
		step shapes sweep output exec 4 100 closing
		given shapes sweep list,parts,part
		step shapes book.undo book exec 4 100 undoing
		given shapes book.undo book
		outcome shapes book.undo . none
		outcome shapes book.undo 5$ done
		step shapes pay.undo pay exec 4 100 undoing
		given shapes pay.undo pay
		outcome shapes pay.undo . none
		outcome shapes pay.undo 5$ done
		expect part done
		outcome part - 5$ done|failed
		outcome part - ^parts/2: failed
		step part keep - exec 4 100
		given part keep =key
		step part break keep exec 4 100
		given part break keep
		outcome part break 5$ done|dead
		outcome part break ^parts/2: dead
		step part output break pass 4 100
		outcome part output 5$ done|none|waiting
		outcome part output ^parts/2: none|waiting
	GRAPH
}

# --- who submits it ---------------------------------------------------------------

# begin_load RUNNING: keeps so many runs in progress, submitted by one producer
# after the other, until end_load. A producer that ends is followed by one that
# submits again, under the same keys, what was not acknowledged. PRODUCERS_DIE: of
# a hundred submissions so many are cut short, by kill -9.
begin_load() {
	: >"$TREADLE_TEST_TMP/load"
	feed "$1" </dev/null >"$TREADLE_TEST_TMP/feeder.log" 2>&1 &
	FEEDER=$!
	running[$FEEDER]=feeder
	log_files[$FEEDER]=$TREADLE_TEST_TMP/feeder.log
}

end_load() {
	rm -f "$TREADLE_TEST_TMP/load"
	wait_until "! is_running $FEEDER" 60
	reap "$FEEDER"
	is 'the load was submitted' "$STATUS" 0
}

acked_count() { grep -c '^acked' "$ledgers/producer"; }

# One producer: reads what a fifo is given, as long as there is load.
feed() { # RUNNING
	local session=0 number=0 again=
	trap - EXIT INT TERM HUP
	RANDOM=$((SEED % 32768))
	while { [ -e "$TREADLE_TEST_TMP/load" ] || [ -n "$again" ]; } && is_running $$; do
		session=$((session + 1))
		feed_session "$1"
	done
}

feed_session() { # RUNNING
	local fifo=$TREADLE_TEST_TMP/fifo.$session said=$TREADLE_TEST_TMP/said.$session
	local producer stamp fifo_fd said_fd done_count
	apply_shapes
	mkfifo "$fifo" "$said"
	exec {said_fd}<>"$said" # whoever dies before he opens it
	"$TREADLE_BUILD/storm/stamp" "$ledgers/producer" "acked $session" \
		<"$said" {pause_fd}>&- {said_fd}>&- &
	stamp=$!
	TREADLE_REDIS_TIMEOUT=10s "$TREADLE_BUILD/treadle" submit \
		"$TREADLE_TEST_TMP/storm.yaml" \
		--bulk "$fifo" --key-field key {pause_fd}>&- {said_fd}>&- \
		>"$said" &
	producer=$!
	exec {fifo_fd}<>"$fifo"
	for key in $again; do submit_line "$key"; done
	again=
	while [ -e "$TREADLE_TEST_TMP/load" ] && is_running "$producer" &&
		is_running $$; do
		if [ "$(redis ZCARD "${PREFIX}runs:running" 2>/dev/null || echo 9999)" \
			-lt "$1" ] 2>/dev/null; then
			for _ in 1 2 3 4 5 6; do
				number=$((number + 1))
				submit_line "$SEED-$number"
			done
			[ $((RANDOM % 100)) -ge "${PRODUCERS_DIE:-0}" ] ||
				kill_producer
		fi
		rest 30
	done
	# What stands in a fifo that nobody has opened yet would be gone.
	until ! is_running "$producer" ||
		[[ $(readlink "/proc/$producer/fd/"*) == *"$fifo"* ]]; do
		rest 10
	done
	exec {fifo_fd}>&-
	wait "$producer"
	exec {said_fd}>&-
	wait "$stamp"
	rm -f "$fifo" "$said"
	done_count=$(grep -c "^acked $session " "$ledgers/producer")
	again=$(awk -v s=$session -v done="$done_count" '$1 == "intent" &&
		$2 == s && ++n > done { print $3 }' "$ledgers/producer")
}

# In the middle of what it was just given.
kill_producer() {
	rest $((RANDOM % 5))
	fault producer "$producer"
	kill -9 "$producer"
}

# What it performs is known; a cut may have taken that.
apply_shapes() {
	[ "$(redis HEXISTS "${PREFIX}named" shapes 2>/dev/null)" = 1 ] ||
		"$TREADLE_BUILD/treadle" apply "$TREADLE_TEST_TMP/shapes.yaml" \
			"$TREADLE_TEST_TMP/part.yaml"
}

submit_line() { # KEY
	local more=
	case $1 in
	*0) more=',"shapes":true' ;;
	*5) more=',"shapes":true,"fails":true' ;;
	esac
	now_ms
	echo "intent $session $1 $NOW" >>"$ledgers/producer"
	echo "{\"key\":\"$1\"$more}" >&"$fifo_fd" 2>/dev/null
}

