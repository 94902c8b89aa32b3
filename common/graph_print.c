/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include "treadle/workflow.h"

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

static jv print_step(const struct workflow *w, const struct step *step)
{
	return JV_OBJECT(
		jv_string("queue"), jv_string(step->queue), jv_string("kind"),
		jv_string(step_kind_text(step->kind)), jv_string("needs"),
		names_of(w, step->needs, step->needs_count), jv_string("next"),
		names_of(w, step->next, step->next_count), jv_string("reads"),
		names_of(w, step->reads, step->reads_count), jv_string("input"),
		jv_bool(step->reads_input), jv_string("recoveries"),
		jv_number(step->recoveries_max));
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
	struct buf out;

	for (size_t i = 0; i < w->steps_count; i++) {
		const struct step *step = &w->steps[i];
		if (!step->needs_count)
			roots = jv_array_append(roots, jv_string(step->name));
		steps = jv_object_set(steps, jv_string(step->name),
				      print_step(w, step));
	}
	jv graph = JV_OBJECT(
		jv_string("name"), jv_string(w->name), jv_string("deadline"),
		jv_number((double)w->deadline_ms), jv_string("total"),
		jv_number((double)w->steps_count), jv_string("roots"), roots,
		jv_string("queues"), find_queues(w), jv_string("steps"), steps);

	/* Bounded by the limits of steps, needs and reads. */
	buf_init(&out, 8 << 20);
	must(msgpack_print(graph, &out) == 0);
	struct slice copy = arena_copy(&w->arena, buf_slice(&out));
	buf_clear(&out);
	jv_free(graph);
	return copy;
}
