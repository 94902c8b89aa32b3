/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include "branch.h"
#include "treadle/workflow_link.h"

/*
 * What the library is told of a workflow: its shape, and nothing of what
 * steps do. docs/INTERNALS.md describes the map; the library reads it.
 */
static jv names_of(const struct workflow *w, const int *steps, size_t count)
{
	jv names = jv_array();

	for (size_t i = 0; i < count; i++)
		names = jv_array_append(names,
					jv_string(w->steps[steps[i]].name));
	return names;
}

/*
 * Outputs, and the failures that may stand in their place; of what undoes a
 * step, why its run has ended.
 */
static jv print_reads(const struct workflow *w, const struct step *step)
{
	jv reads = names_of(w, step->reads, step->reads_count);

	for (size_t i = 0; i < step->errors_count; i++)
		reads = jv_array_append(
			reads, jv_string_fmt(".error:%s",
					     w->steps[step->errors[i]].name));
	if (step->when == WHEN_UNDO)
		reads = jv_array_append(reads, jv_string(".reason"));
	return reads;
}

/* The signal that it waits for. */
static jv print_signal(const struct step *step, jv map)
{
	jv signal = value_get(step->params, "signal");

	if (step->kind == STEP_wait && value_is_text(signal))
		return jv_object_set(map, jv_string("signal"), signal);
	jv_free(signal);
	return map;
}

/* What most steps have not. */
static jv print_branch(const struct workflow *w, const struct step *step,
		       jv map)
{
	if (step->when != WHEN_SUCCESS)
		map = jv_object_set(map, jv_string("when"),
				    jv_string(step_when_text(step->when)));
	if (step->is_tolerant)
		map = jv_object_set(map, jv_string("tolerates"), jv_true());
	if (jv_is_valid(step->catches))
		map = jv_object_set(map, jv_string("catches"),
				    jv_copy(step->catches));
	if (*step->definition)
		map = jv_object_set(map, jv_string("definition"),
				    jv_string(step->definition));
	if (step->handles >= 0)
		map = jv_object_set(map, jv_string("handles"),
				    jv_string(w->steps[step->handles].name));
	if (step->undone_by >= 0)
		map = jv_object_set(map, jv_string("undo"),
				    jv_string(w->steps[step->undone_by].name));
	if (step->is_unfinished)
		map = jv_object_set(map, jv_string("unfinished"), jv_true());
	if (step->repeat.until)
		map = jv_object_set(map, jv_string("rounds"),
				    jv_number(step->repeat.rounds_max));
	return print_signal(step, map);
}

/* What is performed for each item of a list. */
static jv print_each(const struct workflow *w, const struct step *step)
{
	const struct step *item = step->item;
	jv each = JV_OBJECT(
		jv_string("kind"), jv_string(step_kind_text(item->kind)),
		jv_string("max"), jv_number((double)step->each.parallel_max),
		jv_string("reads"), print_reads(w, item), jv_string("input"),
		jv_bool(item->reads_input));

	if (item->repeat.until)
		each = jv_object_set(each, jv_string("rounds"),
				     jv_number(item->repeat.rounds_max));
	if (step->each.tolerates > 0)
		each = jv_object_set(each, jv_string("tolerates"),
				     jv_number((double)step->each.tolerates));
	if (step->each.tolerates_percent > 0)
		each = jv_object_set(
			each, jv_string("tolerates_percent"),
			jv_number((double)step->each.tolerates_percent));
	return each;
}

static jv print_step(const struct workflow *w, const struct step *step)
{
	jv map = JV_OBJECT(
		jv_string("queue"), jv_string(step->queue), jv_string("kind"),
		jv_string(step_kind_text(step->kind)), jv_string("needs"),
		names_of(w, step->needs, step->needs_count), jv_string("next"),
		names_of(w, step->next, step->next_count), jv_string("reads"),
		print_reads(w, step), jv_string("input"),
		jv_bool(step->reads_input), jv_string("recoveries"),
		jv_number(step->recoveries_max));

	if (step->item)
		map = jv_object_set(map, jv_string("each"),
				    print_each(w, step));
	return print_branch(w, step, map);
}

static bool is_closing(const struct step *step)
{
	return step->when != WHEN_SUCCESS && step->when != WHEN_UNDO;
}

static bool has_branch(const struct step *step)
{
	return is_closing(step) || step->condition || step_may_fail(step);
}

/* Steps that may not be performed, and those that clean up, in order. */
static jv print_branches(const struct workflow *w, jv graph)
{
	jv closing = jv_array();
	bool is_branched = false, has_closing = false;

	for (size_t i = 0; i < w->steps_count; i++) {
		is_branched |= has_branch(&w->steps[i]);
		if (!is_closing(&w->steps[i]))
			continue;
		has_closing = true;
		closing = jv_array_append(closing, jv_string(w->steps[i].name));
	}
	if (is_branched)
		graph = jv_object_set(graph, jv_string("branches"), jv_true());
	if (has_closing)
		return jv_object_set(graph, jv_string("closing"), closing);
	jv_free(closing);
	return graph;
}

/* The steps that can be undone, and the ends at which they are. */
static jv print_undoing(const struct workflow *w, jv graph)
{
	jv steps = jv_array();
	bool is_empty = true;

	for (size_t i = 0; i < w->steps_count; i++) {
		if (w->steps[i].undone_by < 0)
			continue;
		is_empty = false;
		steps = jv_array_append(steps, jv_string(w->steps[i].name));
	}
	if (is_empty) {
		jv_free(steps);
		return graph;
	}
	return jv_object_set(
		graph, jv_string("undo"),
		JV_OBJECT(jv_string("steps"), steps, jv_string("failed"),
			  jv_bool(w->is_undone_failed), jv_string("cancelled"),
			  jv_bool(w->is_undone_cancelled)));
}

/* The names of the workflows that its steps perform, each once. */
static jv print_performed(const struct workflow *w, jv graph)
{
	jv names = jv_object();

	for (size_t i = 0; i < w->steps_count; i++)
		if (w->steps[i].performs)
			names = jv_object_set(names,
					      jv_string(w->steps[i].performs),
					      jv_true());
	names = jv_keys(names);
	if (jv_array_length(jv_copy(names)) == 0) {
		jv_free(names);
		return graph;
	}
	if (workflow_is_unlinked(w))
		graph = jv_object_set(graph, jv_string("unlinked"), jv_true());
	return jv_object_set(graph, jv_string("performs"), names);
}

static jv find_queues(const struct workflow *w)
{
	jv queues = jv_object();

	for (size_t i = 0; i < w->steps_count; i++)
		queues = jv_object_set(queues, jv_string(w->steps[i].queue),
				       jv_true());
	return jv_keys(queues);
}

struct slice graph_print(struct workflow *w)
{
	jv roots = jv_array(), steps = jv_object();
	size_t total = 0;
	struct buf out;

	for (size_t i = 0; i < w->steps_count; i++) {
		const struct step *step = &w->steps[i];
		total += step->when != WHEN_UNDO;
		if (!step->needs_count)
			roots = jv_array_append(roots, jv_string(step->name));
		steps = jv_object_set(steps, jv_string(step->name),
				      print_step(w, step));
	}
	jv graph = JV_OBJECT(
		jv_string("name"), jv_string(w->name), jv_string("deadline"),
		jv_number((double)w->deadline_ms), jv_string("total"),
		jv_number((double)total), jv_string("roots"), roots,
		jv_string("queues"), find_queues(w), jv_string("steps"), steps);

	if (*w->description)
		graph = jv_object_set(graph, jv_string("description"),
				      jv_string(w->description));
	graph = print_undoing(w, print_branches(w, graph));
	graph = print_performed(w, graph);
	/* Bounded by the limits of steps, needs and reads. */
	buf_init(&out, 8 << 20);
	must(msgpack_print(graph, &out) == 0);
	struct slice copy = arena_copy(&w->arena, buf_slice(&out));
	buf_clear(&out);
	jv_free(graph);
	return copy;
}
