# SPDX-License-Identifier: MIT
# The verdict over a storm: reads what was written outside of Redis, the
# history that the append-only file holds, and what is in Redis in the end.
# It shares no code with the product, and knows only what docs/INTERNALS.md
# says. DESIGN.md lists the invariants; shapes.awk has those of branches,
# items, children and undoing.
#
#   awk -v prefix=treadle:{0}: -f check.awk -f shapes.awk kind=graph FILE kind=nemesis FILE kind=producer FILE \
#       kind=handler FILE kind=history FILE kind=dump FILE
#
# Variables: history=1 if there is one from the first command on, whole=1 if
# nothing of it was cut off, owned: a pattern of all keys that may be there, loss_ms: of what was acknowledged before a `cut`
# so much may be lost (-1: all).
# Prints "violation ID TEXT" and "figure NAME VALUE".

function violation(id, text)
{
	if (++violations[id] <= 20)
		print "violation", id, text
}

# --- what is known of the workflows, and what was done to the programs --------

kind == "graph" && $1 == "step" {
	steps[$2] = steps[$2] " " $3
	needs[$2, $3] = $4 == "-" ? "" : $4
	step_kind[$2, $3] = $5
	attempts_max[$2, $3] = $6
	recoveries_max[$2, $3] = $7
	when_of[$2, $3] = $8
}
kind == "graph" && $1 == "expect" { expect[$2] = $3 }

kind == "nemesis" && $1 == "fault" {
	faults[$2]++
	if ($2 == "kill")
		killed_at[$3] = $4
	else if ($2 == "coordinator")
		died_at[++deaths] = $4
	if ($2 == "cut") {
		cuts[++cut_count] = $4
		cut_ends[cut_count] = $4
	}
	else if ($2 == "thawed")
		thawed_at[++splits] = $4
	else if ($2 == "deposed")
		deposed_at[splits] = $4
}
# What was said before it was cut may have been heard a little later.
kind == "nemesis" && $1 == "back" { cut_ends[cut_count] = $2 }

# --- producers ------------------------------------------------------------------

# The acknowledgements of a session come in the order of its intents.
kind == "producer" && $1 == "intent" {
	intents[$2, ++intent_count[$2]] = $3
	intent_at[$2, intent_count[$2]] = $4
	intended[$3] = 1
}
kind == "producer" && $1 == "acked" {
	acked[$3] = intents[$2, ++acked_count[$2]]
	acked_at[$3] = $4
	said_at[$3] = intent_at[$2, acked_count[$2]]
	acked_order[++acks] = $3
	if (acked[$3] in id_of_key && id_of_key[acked[$3]] != $3 && !cut_count)
		violation("S2", "key " acked[$3] " was given " \
			id_of_key[acked[$3]] " and " $3)
	id_of_key[acked[$3]] = $3
}

# --- handlers -------------------------------------------------------------------

kind == "handler" && $1 == "start" {
	at = $2 SUBSEP $3
	starts[at]++
	effects++
	if (starts[at] > 1)
		again++
	if (at in key_of && key_of[at] != $6 && !(at in retried))
		violation("S16", "run " $2 " step " $3 ": key " key_of[at] \
			", then " $6)
	key_of[at] = $6
	if ($6 in user_of && user_of[$6] != at)
		violation("S16", "key " $6 " of two steps, run " $2 " step " $3)
	user_of[$6] = at
	if (at in given && given[at] != $10 && !cut_count)
		violation("S15", "run " $2 " step " $3 ": given " given[at] \
			", then " $10)
	given[at] = $10
}
kind == "handler" && $1 == "end" {
	at = $2 SUBSEP $3
	ended[$10] = at
	ended_attempt[$10] = $4
	ended_by[$10] = $8
}

# --- the history ----------------------------------------------------------------

function edge_is_good(from, to)
{
	if (from == "none")
		return to == "ready" || to == "waiting" || to == "running" || \
			to == "skipped"
	if (from == "waiting")
		return to == "waiting" || to == "ready" || to == "running" || \
			to == "skipped" || to == "cancelled"
	if (from == "ready")
		return to == "running" || to == "ready" || to == "delayed" || \
			to == "cancelled"
	if (from == "running")
		return to == "done" || to == "delayed" || to == "dead" || \
			to == "ready" || to == "cancelled" || \
			to == "parked" || to == "spread" || \
			to == "skipped" || to == "failed"
	if (from == "spread")
		return to == "done" || to == "cancelled"
	if (from == "parked")
		return to == "done" || to == "failed" || to == "dead" || \
			to == "ready" || to == "cancelled"
	return from == "delayed" && (to == "ready" || to == "cancelled")
}

# An heir begins under the entry, and at the worker, of a step that it needs:
# `held` is both, as they stand in the records.
function is_heir(id, step, held,    list, i, count, found)
{
	count = split(needs[workflow_of[id], step], list, ",")
	for (i = 1; i <= count; i++)
		if (record[id, list[i]] ~ /^done / &&
		    index(record[id, list[i]], held))
			found = 1
	return found
}

# RUNNING: what it was given is what was ready, its needs are settled.
function begin_step(id, step, old, new,    o, n, list, i, count, w)
{
	split(old, o, " ")
	split(new, n, " ")
	grants[id, step]++
	grant_count++
	if (o[1] == "none" || o[1] == "waiting") {
		if (workflow_of[id] in expect &&
		    !is_heir(id, step, " " n[4] " " n[5] " "))
			violation("S10", "run " id " step " step ": " old \
				" -> " new)
		o[2] = 0
		o[3] = 0
		o[4] = n[4]
	}
	if (n[2] != o[2] + 1 || n[3] != o[3])
		violation("S8", "run " id " step " step ": " old " -> " new)
	if (n[4] != o[4])
		violation("S7", "run " id " step " step " begins at an entry " \
			"that is not its own: " old " -> " new)
	if (run_state[id] != "running")
		violation("S11", "run " id " is " run_state[id] ", step " step \
			" begins")
	w = workflow_of[id]
	count = split(needs[w, step], list, ",")
	for (i = 1; i <= count && phase[id] != "cleaning"; i++)
		if (record[id, list[i]] !~ /^(done|skipped|failed) /)
			violation("S6", "run " id " step " step " begins, " \
				list[i] " is " record[id, list[i]])
	if (is_item(step))
		check_item_begins(id, step)
	else
		check_phase(id, w, step)
	if (when_of[w, step] == "undoing")
		check_order(id, w, step)
}

# DONE: by the one who holds it, or has parked it, at the first time.
function commit_step(id, step, old, new,    rest)
{
	commits++
	rest = old
	sub(/^[a-z]+ /, "", rest)
	if (old ~ /^parked /)
		sub(/ [0-9]+$/, "", rest) # how long that took
	if (substr(new, 6, length(rest) + 1) != rest " ") {
		late++
		violation("S5", "run " id " step " step ": " old " -> " new)
	}
	if ((id, step) in done_by && !((id, step) in retried)) {
		twice++
		violation("S4", "run " id " step " step " is done twice: " \
			done_by[id, step] ", " new)
	}
	check_list_is_done(id, step, old)
	done_by[id, step] = new
}

# How long after the death of its worker a step is in its queue again: apart
# where a coordinator died so shortly before, or meanwhile, that the next one
# may have had to begin watching.
function recover_step(worker, entry,    at, i, name)
{
	if (!(pid_of[worker] in killed_at))
		return
	at = killed_at[pid_of[worker]]
	name = "recovery"
	for (i = 1; i <= deaths; i++)
		if (died_at[i] > at - 4000 && died_at[i] < entry + 0)
			name = "recovery_unwatched"
	print "figure", name, entry - at
}

function change_step(id, step, new,    old, from, to, o, n)
{
	old = record[id, step] == "" ? "none" : record[id, step]
	split(old, o, " ")
	split(new, n, " ")
	from = o[1]
	to = n[1]
	if (!edge_is_good(from, to) && !ends_late(id, step, from, to))
		violation("S10", "run " id " step " step ": " old " -> " new)
	if (to == "running")
		begin_step(id, step, old, new)
	else if (to == "done")
		commit_step(id, step, old, new)
	else if (from == "running" && to == "ready" && n[3] == o[3])
		released[id, step]++
	else if (from == "running" && to == "ready" && n[3] != o[3] + 1)
		violation("S8", "run " id " step " step ": " old " -> " new)
	else if (from == "running" && to == "ready")
		recover_step(o[5], n[4])
	note_child(id, step, from, to)
	if (is_item(step))
		count_item(id, step, old, new)
	record[id, step] = new
}

function change_run(id, field, value,    word)
{
	if (field == "state") {
		split(value, word, " ")
		if (run_state[id] ~ /^(done|failed|cancelled)$/ &&
		    word[1] != run_state[id] && value !~ /again/)
			violation("S10", "run " id " was " run_state[id] \
				", is " value)
		if (run_state[id] == "failed" && word[1] == "running" && id in parent_of)
			children_again++
		run_state[id] = word[1]
		change_phase(id, value)
		if (word[1] != "running" && id in parent_of)
			over[id] = 1
	} else if (field == "workflow") {
		workflow_of[id] = value
	} else if (field == "key") {
		key_ever[id] = value
	} else if (field == "parent") {
		parent_of[id] = value
	} else if (field ~ /^child:/) {
		child_of[id, substr(field, 7)] = value
	} else if (field ~ /^undo:/) {
		undo_place[id, substr(field, 6)] = value
	} else if (field ~ /^step:/) {
		change_step(id, substr(field, 6), value)
	}
}

function change_output(id, step, value)
{
	if (substr(step, 1, 1) == ".")
		return
	if ((id, step) in output && !((id, step) in retried)) {
		twice++
		violation("S4", "run " id " step " step " has a new output")
	}
	output[id, step] = value
}

function set_fields(key,    i, id)
{
	id = substr(key, 5)
	for (i = 3; i < NF; i += 2) {
		if (key ~ /^run:/)
			change_run(id, $i, $(i + 1))
		else if (key ~ /^out:/)
			change_output(id, $i, $(i + 1))
		else if (key ~ /^worker:/ && $i == "pid")
			pid_of[substr(key, 8)] = $(i + 1)
	}
}

function forget_fields(key,    i, id, step)
{
	id = substr(key, 5)
	for (i = 3; i <= NF; i++) {
		if (key ~ /^run:/ && $i ~ /^step:/) {
			step = substr($i, 6)
			if (is_item(step))
				count_item(id, step, record[id, step], "")
			else if (record[id, step] !~ /^dead /)
				retried[id, step] = 1 # with another key
			note_end_of_item(id, step)
			delete record[id, step]
		} else if (key ~ /^out:/) {
			delete output[id, $i]
		}
	}
}

function settle(    at, part)
{
	for (at in touched) {
		split(at, part, SUBSEP)
		if (live[at] > 1)
			violation("S7", "run " part[1] " step " part[2] \
				" is in its queue " live[at] " times")
	}
	delete touched
	check_family()
}

function add_entry(key,    i, at)
{
	for (i = 3; i + 3 <= NF; i++) {
		if ($i != "run" || $(i + 2) != "step")
			continue
		at = $(i + 1) SUBSEP $(i + 3)
		entries[key, $(i - 1)] = at
		live[at]++
		touched[at] = 1
	}
}

function drop_entries(key,    i)
{
	for (i = 3; i <= NF; i++) {
		if ((key, $i) in entries) {
			live[entries[key, $i]]--
			delete entries[key, $i]
		}
	}
}

# What came after the dump is not in it.
kind == "history" && $2 == "storm:dump" { is_over = 1 }
kind == "history" && is_over { next }
kind == "history" && $1 == "MULTI" { in_call = 1 }
kind == "history" && $1 == "FLUSHALL" {
	delete record; delete output; delete done_by; delete run_state
	delete entries; delete live
	delete phase; delete undo_place; delete items_live
	delete item_done; delete ended_items
	delete parent_of; delete child_of
	was_flushed = 1
}
kind == "history" && index($2, prefix) == 1 {
	key = substr($2, length(prefix) + 1)
	command = toupper($1)
	if (command == "HSET")
		set_fields(key)
	else if (command == "HDEL")
		forget_fields(key)
	else if (command == "XADD" && key ~ /^queue:/)
		add_entry(key)
	else if (command == "XDEL")
		drop_entries(key)
	else if (command == "LSET" && key ~ /^results:/)
		commit_item(key, $3, $4)
	else if (command == "UNLINK" && key ~ /^items:/)
		forget_list("results" substr(key, 6))
	else if ((command == "DEL" || command == "UNLINK") && key ~ /^run:/)
		removed[substr(key, 5)] = 1
	if (!in_call)
		settle()
}
kind == "history" && $1 == "EXEC" {
	in_call = 0
	settle()
}

# --- what is in Redis -------------------------------------------------------------

kind == "dump" && $1 == "hash" {
	key = substr($2, length(prefix) + 1)
	id = substr(key, 5)
	if (key ~ /^run:/) {
		is_there[id] = 1
		if ($3 == "state") {
			split($4, word, " ")
			state_there[id] = word[1]
		} else if ($3 == "submitted_at") {
			submitted_there[id] = $4
		} else if ($3 == "workflow") {
			workflow_there[id] = $4
		} else if ($3 == "key") {
			if ($4 in run_of_key)
				violation("S2", "key " $4 " has runs " \
					run_of_key[$4] " and " id)
			run_of_key[$4] = id
			key_there[id] = $4
			if (!($4 in intended))
				violation("S3", "run " id " of key " $4 \
					" was never intended")
		} else if ($3 == "parent") {
			parent_there[id] = $4
			child_at[$4] = id
			children_at[$4]++
		} else if ($3 ~ /^child:/) {
			child_there[id, substr($3, 7)] = $4
		} else if ($3 ~ /^step:/) {
			record_there[id, substr($3, 6)] = $4
		}
	} else if (key ~ /^out:/) {
		output_there[id, $3] = $4
	} else if (key == "counters") {
		counters[$3] = $4
	} else if (key ~ /^worker:/) {
		known[substr(key, 8)] = 1
	}
}
kind == "dump" && $1 == "member" {
	key = substr($2, length(prefix) + 1)
	if (key == "delayed")
		violation("S9", $3 " is delayed still")
	else if (key ~ /^runs:/)
		indexed[$3] = indexed[$3] substr(key, 6)
}
kind == "dump" && $1 == "element" {
	key = substr($2, length(prefix) + 1)
	if (key ~ /^results:/) {
		at = substr(key, index(key, "/") + 1)
		id = substr(key, 9, index(key, "/") - 9)
		result_there[id, at, element_count[key]++] = $3
	}
}
kind == "dump" && $1 == "entry" && $2 ~ /:queue:/ {
	violation("S9", "entry " $3 " of run " $4 " step " $5 " is left in " $2)
}
kind == "dump" && $1 == "pending" && $3 > 0 {
	violation("R3", $3 " entries of " $2 " are pending")
}
kind == "dump" && $1 == "consumer" && $2 ~ /:queue:/ { holds[$3] += $4 }
kind == "dump" && $1 == "key" {
	key = substr($2, length(prefix) + 1)
	if (index($2, prefix) != 1 || key !~ owned)
		violation("R1", "key " $2 " has no owner")
	if ($3 >= 0 && key !~ /^(lead:|once:|cache:|probe$)/)
		violation("R2", "key " $2 " expires in " $3 " ms")
}

# --- the verdict --------------------------------------------------------------------

# Whether a cut excuses the loss of what was acknowledged then.
function is_excused(at,    i)
{
	for (i = 1; i <= cut_count; i++)
		if (at <= cut_ends[i] && (loss_ms < 0 || at > cuts[i] - loss_ms))
			return i
	return 0
}

# S2: what was acknowledged under a key is the run of that key, though it may
# have been another producer who had submitted it, and died.
function check_key(id)
{
	if (!(id in is_there) || acked[id] == "")
		return
	if (run_of_key[acked[id]] != id)
		violation("S2", "key " acked[id] " was given " id ", and has " \
			run_of_key[acked[id]])
	if (submitted_there[id] < said_at[id])
		found++
}

# Whether a primary that had been replaced, and did not know, took it.
function is_usurped(at,    i)
{
	for (i = 1; i <= splits; i++)
		if (at >= thawed_at[i] && at <= deposed_at[i])
			return 1
	return 0
}

# S1: what was acknowledged is there. What a cut has taken is the last of what
# was acknowledged before it, and not older than loss_ms.
function check_acked(    i, id, c, survivor)
{
	for (i = acks; i > 0; i--) {
		id = acked_order[i]
		for (c = 1; c <= cut_count; c++)
			if (acked_at[id] <= cut_ends[c] &&
			    (c == 1 || acked_at[id] > cut_ends[c - 1]))
				break
		if (id in is_there || id in removed) {
			survivor[c] = id
			check_key(id)
			continue
		}
		lost_acked++
		if (is_usurped(acked_at[id])) {
			usurped++
			continue
		}
		c = is_excused(acked_at[id])
		if (!c) {
			lost++
			violation("S1", "run " id " of key " acked[id] \
				" was acknowledged and is not there")
		} else if (c in survivor && loss_ms >= 0) {
			violation("S1", "run " id " is lost, " survivor[c] \
				", acknowledged later, is not")
		} else if (cuts[c] - acked_at[id] > oldest_lost) {
			oldest_lost = cuts[c] - acked_at[id]
		}
	}
}

# Of these the ledger of handlers, and of the API that http steps call, speaks.
function has_effect(w, step)
{
	return step_kind[w, step] == "exec" || step_kind[w, step] == "http"
}

# What a step has is what its handler yielded, at that attempt of that worker.
function check_yielded(id, step, value, attempt, worker)
{
	if (ended[value] != id SUBSEP step) {
		violation("S4", "run " id " step " step ": its output " value \
			" was never yielded by its handler")
		return
	}
	if (attempt != "" && ended_attempt[value] != attempt)
		violation("S5", "run " id " step " step ": attempt " attempt \
			" committed what attempt " ended_attempt[value] " yielded")
	# A history that was rolled back may give a fence out twice.
	if (whole && ended_by[value] != "-" && worker in pid_of &&
	    pid_of[worker] != ended_by[value])
		violation("S5", "run " id " step " step ": worker " worker \
			" committed what worker " ended_by[value] " has done")
}

# How often a handler began; `of`: the step that declares its limits.
function check_begun(id, w, of, step,    max)
{
	if (history && whole && starts[id, step] > grants[id, step])
		violation("S8", "run " id " step " step " began " \
			starts[id, step] " times, was taken " \
			grants[id, step] + 0)
	max = attempts_max[w, of] + recoveries_max[w, of] + released[id, step]
	if (whole && starts[id, step] > max)
		violation("S8", "run " id " step " step " began " \
			starts[id, step] " times of " max)
}

function check_step(id, w, step,    text, must, part)
{
	text = record_there[id, step]
	must = must_become(w, step, whose(id), "done")
	if (expect[w] == "done" && (text == "" ? "none " : text) !~ "^(" must ") ")
		violation("S12", "run " id " of " w " is " state_there[id] \
			", step " step " is " text ", not " must)
	if (state_there[id] != "running" &&
	    text ~ /^(ready|running|delayed|parked|spread) /)
		violation("S9", "run " id " is " state_there[id] ", step " \
			step " is " text)
	if (history && !was_flushed && text != record[id, step])
		violation("S10", "run " id " step " step ": the history " \
			"says " record[id, step] ", Redis " text)
	if (step_kind[w, step] == "each")
		check_items(id, w, step)
	if (step_kind[w, step] == "workflow" && (w, step) in performed &&
	    text ~ /^(done|failed) /)
		check_child(id, w, step)
	if (!has_effect(w, step))
		return
	split(text, part, " ")
	if (part[1] == "done")
		check_yielded(id, step, output_there[id, step], part[2], part[5])
	check_begun(id, w, step, step)
}

function check_run(id,    w, list, count, i, must)
{
	w = workflow_there[id]
	if (!(w in expect))
		return
	runs[w]++
	check_parent(id, w)
	must = must_become(w, "-", whose(id), expect[w])
	if (must != "any" && state_there[id] !~ "^(" must ")$")
		violation(state_there[id] == "running" ? "V1" : "S12", "run " \
			id " of " w " is " state_there[id] ", not " must)
	if (indexed[id] != state_there[id])
		violation("M2", "run " id " is " state_there[id] \
			", indexed as " indexed[id])
	count = split(steps[w], list, " ")
	for (i = 1; i <= count; i++)
		check_step(id, w, list[i])
	check_given(id, w)
}

function check_counters(    id, there)
{
	for (id in is_there)
		there++
	for (id in removed)
		there++
	if (counters["submitted"] + 0 != there + 0)
		violation("M1", counters["submitted"] " runs were counted, " \
			there + 0 " are there")
	if (!history)
		return
	if (counters["attempts"] + 0 != grant_count + 0)
		violation("M1", counters["attempts"] " attempts were counted, " \
			grant_count " began")
	if (counters["steps_done"] + 0 != commits + 0)
		violation("M1", counters["steps_done"] " steps were counted, " \
			commits " are done")
}

END {
	check_acked()
	for (id in is_there) {
		there++
		check_run(id)
	}
	for (name in holds)
		if (!(name in known)) {
			nobody++
			if (holds[name] > 0)
				violation("R3", "consumer " name " holds " \
					holds[name] " entries and is nobody")
		}
	print "figure", "nobody", nobody + 0
	if (!was_flushed)
		check_counters()
	for (name in faults)
		print "figure", "fault:" name, faults[name]
	print "figure", "acked", acks + 0
	print "figure", "found", found + 0
	print "figure", "runs", there + 0
	print "figure", "lost", lost + 0
	print "figure", "lost_acked", lost_acked + 0
	print "figure", "usurped", usurped + 0
	print "figure", "oldest_lost_ms", oldest_lost + 0
	print "figure", "twice", twice + 0
	print "figure", "late", late + 0
	print "figure", "effects", effects + 0
	print "figure", "again", again + 0
	print "figure", "children_again", children_again + 0
	print "figure", "commits", (history ? commits : counters["steps_done"]) + 0
	print "figure", "recoveries", counters["recoveries"] + 0
	print "figure", "fenced", counters["fenced"] + 0
	print "figure", "duplicates", counters["duplicates"] + 0
}
