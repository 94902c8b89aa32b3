# SPDX-License-Identifier: MIT
# What check.awk judges of the shapes of workflows: branches, runs that are
# closed, what undoes, items, children. load.sh says how the graph declares them.

# --- what is declared -----------------------------------------------------------

kind == "graph" && $1 == "items" {
	items_count[$2, $3] = $4
	items_max[$2, $3] = $5
	items_tolerated[$2, $3] = $6
}
kind == "graph" && $1 == "performs" {
	performed[$2, $3] = $4
	yields_of[$2, $3] = $5
	is_performed[$4] = 1
}
kind == "graph" && $1 == "given" {
	given_steps[$2] = given_steps[$2] " " $3
	given_from[$2, $3] = $4
}
kind == "graph" && $1 == "outcome" {
	n = ++outcomes[$2, $3]
	outcome_key[$2, $3, n] = $4
	outcome[$2, $3, n] = $5
}

# What must become of a run (step: -), or of a step of it, of whom it is: states with
# a bar between. `usual` where no line fits.
function must_become(w, step, key, usual,    i)
{
	for (i = outcomes[w, step]; i > 0; i--)
		if (key ~ outcome_key[w, step, i])
			return outcome[w, step, i]
	return usual
}

function is_item(step)
{
	return index(step, "/") > 0
}

function base_of(step)
{
	sub(/\/[0-9]+$/, "", step)
	return step
}

# The step of a record, or the item, waits for a run that it has performed.
function is_parent(id, step,    w)
{
	w = workflow_of[id]
	return step_kind[w, step] == "workflow" || \
		is_item(step) && (w, base_of(step)) in performed
}

function is_live(text)
{
	return text ~ /^(ready|running|delayed|parked) /
}

# --- a run that is closed -------------------------------------------------------

# In which phase of its closing a run is, by its field `state`.
function change_phase(id, value,    word)
{
	phase[id] = split(value, word, " ") > 2 && word[3] != "again" ? \
		word[3] : ""
}

# Which steps may begin when: none while a run drains; then what undoes, then
# what cleans up, each when nothing that came before is under way.
function check_phase(id, w, step,    list, count, i, when)
{
	when = when_of[w, step]
	if (phase[id] == "draining")
		violation("S11", "run " id " drains, step " step " begins")
	else if (phase[id] == "undoing" && when != "undoing" ||
	    phase[id] == "cleaning" && when != "closing" ||
	    phase[id] == "" && when == "undoing")
		violation("S6", "run " id " step " step " begins, the run is " \
			(phase[id] == "" ? "not closed" : phase[id]))
	if (phase[id] == "")
		return
	count = split(steps[w], list, " ")
	for (i = 1; i <= count; i++)
		if (when_of[w, list[i]] != when &&
		    (is_live(record[id, list[i]]) || items_live[id, list[i]] > 0))
			violation("S6", "run " id " is " phase[id] ", step " \
				list[i] " is " record[id, list[i]] " still")
}

# What undoes a step begins when all that was done later is undone.
function check_order(id, w, step,    list, count, i, of, place)
{
	of = needs[w, step]
	place = undo_place[id, of]
	if (place == "" || record[id, of] !~ /^done /)
		violation("S6", "run " id " step " step " begins, " of " is " \
			record[id, of])
	count = split(steps[w], list, " ")
	for (i = 1; i <= count; i++)
		if (when_of[w, list[i]] == "undoing" &&
		    undo_place[id, needs[w, list[i]]] > place + 0 &&
		    record[id, list[i]] !~ /^(done|dead) /)
			violation("S6", "run " id " step " step " begins, " \
				list[i] " is " record[id, list[i]])
}

# --- items ------------------------------------------------------------------------

# An item begins while its list is spread.
function check_item_begins(id, step)
{
	if (record[id, base_of(step)] !~ /^spread /)
		violation("S6", "run " id " item " step " begins, its list is " \
			record[id, base_of(step)])
}

# How many items there are at a time; no record: it is gone.
function count_item(id, step, old, new,    base, at)
{
	base = base_of(step)
	at = workflow_of[id] SUBSEP base
	items_live[id, base] += is_live(new) - is_live(old)
	if (at in items_max && items_live[id, base] > items_max[at])
		violation("S18", "run " id " step " base " has " \
			items_live[id, base] " items at a time")
}

# What came of an item stands in a list, once: an output, or byte 193 and why it
# failed; blanks say that there is nothing.
function commit_item(key, index_, value,    at, id, step)
{
	if (value ~ /^ +$/) {
		if ((key, index_) in item_done)
			ended_items[key]--
		delete item_done[key, index_]
		return
	}
	id = key
	sub(/^results:/, "", id)
	step = substr(id, index(id, "/") + 1) "/" index_
	sub(/\/.*/, "", id)
	at = key SUBSEP index_
	if (at in item_done) {
		twice++
		violation("S4", "item " index_ " of " key " is done twice")
	}
	if (is_parent(id, step) && value !~ /^\\xc1/)
		done_by_child[id, step] = 1
	else if (record[id, step] !~ /^running /)
		violation("S5", "run " id " item " step " ends, it is " \
			record[id, step])
	item_done[at] = record[id, step]
	ended_items[key]++
	if (value !~ /^\\xc1/)
		commits++
}

# The list is evaluated anew, or nobody needs it any more.
function forget_list(key,    i)
{
	for (i = 0; ended_items[key] > 0 && i < 1000; i++)
		if ((key, i) in item_done) {
			delete item_done[key, i]
			ended_items[key]--
		}
}

# When its run is over what was under way may end, and if that was the last of
# a list, the list is done.
function ends_late(id, step, from, to)
{
	return step_kind[workflow_of[id], step] == "each" && \
		from == "cancelled" && to == "done" && \
		(phase[id] == "draining" || run_state[id] != "running")
}

# A step with items is done with the last of them.
function check_list_is_done(id, step, old,    at, count)
{
	at = workflow_of[id] SUBSEP step
	count = ended_items["results:" id "/" step] + 0
	if (at in items_count && old !~ /^(spread|cancelled) / ||
	    at in items_count && count != items_count[at])
		violation("S20", "run " id " step " step " is done, and was " \
			old ", with " count " items")
}

# --- children -----------------------------------------------------------------------

# A step, or an item, that performs a workflow leaves `parked` when its run ends, in
# that very call, and as that ended; and while it is parked that run goes on, which
# may have ended before and been begun again: looked at when the call is over.
function note_child(id, step, from, to)
{
	if (!is_parent(id, step))
		return
	if (from == "parked" && to != "cancelled")
		woken[id, step] = to
	if (to == "parked")
		put_aside[id, step] = 1
}

# The record of an item that has ended is gone.
function note_end_of_item(id, step)
{
	if ((id, step) in done_by_child && record[id, step] !~ /^parked /)
		violation("S5", "run " id " item " step " ends with its run, it is " \
			record[id, step])
	else if ((id, step) in done_by_child)
		woken[id, step] = "done"
	delete done_by_child[id, step]
}

function check_family(    at, part, state, parent, name)
{
	for (at in woken) {
		split(at, part, SUBSEP)
		state = run_state[child_of[at]]
		if (state !~ /^(done|failed|cancelled)$/ ||
		    (woken[at] == "done") != (state == "done"))
			violation("S20", "run " part[1] " step " part[2] \
				" is " woken[at] ", its run " child_of[at] \
				" is " state)
	}
	delete woken
	for (at in put_aside) {
		split(at, part, SUBSEP)
		if (record[part[1], part[2]] ~ /^parked / &&
		    run_state[child_of[at]] != "running")
			violation("S20", "run " part[1] " step " part[2] \
				" waits, its run " child_of[at] " is " \
				run_state[child_of[at]])
	}
	delete put_aside
	for (at in over) {
		parent = parent_of[at]
		split_parent(parent, part)
		if (child_of[part[1], part[2]] == at &&
		    record[part[1], part[2]] ~ /^parked /)
			violation("S20", "run " at " is over, step " parent \
				" waits for it still")
	}
	delete over
}

# --- in the end ---------------------------------------------------------------------

# Of `<run>/<step>` both, where the step may be an item.
function split_parent(parent, part)
{
	part[1] = part[2] = parent
	sub(/\/.*/, "", part[1])
	sub(/^[^\/]*\//, "", part[2])
}

# The key of a run; of a child that of whose it is, and so on.
function key_of_run(id,    part)
{
	if (id in key_there)
		return key_there[id]
	if (id in key_ever || !(id in parent_there || id in parent_of))
		return key_ever[id]
	split_parent(id in parent_there ? parent_there[id] : parent_of[id], part)
	return key_of_run(part[1])
}

# A run as outcomes know it: its key, or the step that performs it and the key.
function whose(id,    part)
{
	if (!(id in parent_there))
		return key_of_run(id)
	split_parent(parent_there[id], part)
	return part[2] ":" key_of_run(id)
}

# A step, and an item, has one run, however often it is tried; and of an item that
# has ended only the history knows which.
function check_parent(id, w,    part, named)
{
	if (!(w in is_performed))
		return
	split_parent(parent_there[id], part)
	if (part[1] in removed)
		return
	named = child_there[part[1], part[2]]
	if (is_item(part[2]))
		named = history && !was_flushed ? child_of[part[1], part[2]] : id
	if (!(part[1] in is_there) || named != id)
		violation("S3", "run " id " of " w " is of nobody: its parent " \
			"is " parent_there[id] ", whose child is " named)
	if (children_at[parent_there[id]] > 1)
		violation("S3", "step " parent_there[id] " has " \
			children_at[parent_there[id]] " runs of " w)
}

function check_child(id, w, step,    child)
{
	child = child_there[id, step]
	if (child == "" || !(child in is_there) ||
	    workflow_there[child] != performed[w, step])
		violation("S20", "run " id " step " step " is " \
			record_there[id, step] ", its run " child " is not there")
	else if (record_there[id, step] ~ /^done / &&
	    output_there[id, step] != output_there[child, yields_of[w, step]])
		violation("S4", "run " id " step " step " has " \
			output_there[id, step] ", its run yielded " \
			output_there[child, yields_of[w, step]])
}

# What an item has is what its run yielded; where it has failed, so has that.
function check_child_of_item(id, w, item, value,    at, child, wanted)
{
	at = id "/" item
	child = child_at[at]
	if (value ~ /^ *$/ || child == "" && child_of[id, item] in removed)
		return
	wanted = value ~ /^\?/ ? "failed" : "done"
	if (state_there[child] != wanted)
		violation("S20", "item " at " is " wanted ", its run " child \
			" is " state_there[child])
	else if (wanted == "done" &&
	    value != output_there[child, yields_of[w, base_of(item)]])
		violation("S4", "item " at " has " value ", its run yielded " \
			output_there[child, yields_of[w, base_of(item)]])
}

# Of an item its record is gone: the history had it, when it ended.
function check_items(id, w, step,    i, item, value, failed, key, part)
{
	key = "results:" id "/" step
	for (i = 0; i < items_count[w, step]; i++) {
		item = step "/" i
		check_begun(id, w, step, item)
		value = result_there[id, step, i]
		if ((w, step) in performed)
			check_child_of_item(id, w, item, value)
		if (value ~ /^(\?| *$)/) {
			failed++
			continue
		}
		if ((w, step) in performed)
			continue
		split(item_done[key, i], part, " ")
		check_yielded(id, item, value, part[2], part[5])
	}
	if (record_there[id, step] ~ /^done / &&
	    failed + 0 != items_tolerated[w, step] + 0)
		violation("S12", "run " id " step " step " is done, " \
			failed + 0 " of its items have no output")
}

# What a step must have been given: all that `from` names, as it stands there.
function text_given(id, w, from,    list, count, i, text)
{
	count = split(from, list, ",")
	for (i = 1; i <= count; i++)
		text = text (i > 1 ? "," : "") \
			(list[i] == "=key" ? key_of_run(id) : \
			step_kind[w, list[i]] == "each" ? \
				list_text(id, w, list[i]) : \
			record_there[id, list[i]] ~ /^done / ? \
				output_there[id, list[i]] : "null")
	return text
}

function list_text(id, w, step,    i, text, value)
{
	if (record_there[id, step] !~ /^done /)
		return "null"
	for (i = 0; i < items_count[w, step]; i++) {
		value = result_there[id, step, i]
		text = text (i ? "," : "") \
			(value ~ /^\?/ ? "null" : "\"" value "\"")
	}
	return "[" text "]"
}

function check_given(id, w,    list, count, i, step, text)
{
	count = split(given_steps[w], list, " ")
	for (i = 1; i <= count; i++) {
		step = list[i]
		if (record_there[id, base_of(step)] !~ /^done/)
			continue
		text = text_given(id, w, given_from[w, step])
		if (given[id, step] != text)
			violation("S15", "run " id " step " step " was given " \
				given[id, step] ", not " text)
	}
}
