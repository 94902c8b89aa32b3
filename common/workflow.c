/* SPDX-License-Identifier: MIT */
#include "treadle/workflow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder.h"
#include "grammar.h"
#include "subworkflow.h"
#include "undo.h"
#include "treadle/schema.h"

/*
 * The model, built from the normalised document alone. A workflow that was
 * just parsed goes the same way as one that comes back from Redis, so both
 * are the same in every respect. What comes from Redis is not trusted: it
 * may be of a later version, or damaged. builder.c has the half of one step.
 */

/* --- all steps ----------------------------------------------------------- */

/* How many steps it comes behind: what undoes a step does not follow it. */
static size_t follows(const struct step *step)
{
	return step->when == WHEN_UNDO ? 0 : step->needs_count;
}

/* The steps that need each, which come in order as we go through them. */
static void build_next(struct workflow *w)
{
	for (size_t i = 0; i < w->steps_count; i++)
		for (size_t k = 0; k < follows(&w->steps[i]); k++)
			w->steps[w->steps[i].needs[k]].next_count++;
	int **next = xcalloc(w->steps_count, sizeof(*next));
	for (size_t i = 0; i < w->steps_count; i++) {
		struct step *step = &w->steps[i];
		next[i] =
			arena_calloc(&w->arena, step->next_count, sizeof(int));
		step->next = next[i];
	}
	for (size_t i = 0; i < w->steps_count; i++)
		for (size_t k = 0; k < follows(&w->steps[i]); k++)
			*next[w->steps[i].needs[k]]++ = (int)i;
	free(next);
}

/* Of the steps that are read, those that may have failed. */
static void build_errors(struct workflow *w, struct step *step)
{
	int *errors = arena_calloc(&w->arena, step->reads_count, sizeof(int));

	for (size_t k = 0; k < step->reads_count; k++)
		if (step_may_fail(&w->steps[step->reads[k]]))
			errors[step->errors_count++] = step->reads[k];
	step->errors = errors;
}

/* Whose failures each step handles, and whose it can read. */
static int build_handlers(struct builder *b)
{
	struct workflow *w = b->w;

	for (size_t i = 0; i < w->steps_count; i++) {
		struct step *step = &w->steps[i];
		if (!jv_is_valid(step->catches))
			continue;
		jv_array_foreach (step->catches, k, clause) {
			jv name = jv_object_get(clause, jv_string("step"));
			int node = graph_find(&b->graph, jv_string_value(name));
			jv_free(name);
			if (node < 0)
				return error_set(b->err, ERR_INPUT,
						 "step \"%s\": on_error names "
						 "no step",
						 step->name);
			w->steps[b->place_of[node]].handles = (int)i;
		}
	}
	for (size_t i = 0; i < w->steps_count; i++) {
		build_errors(w, &w->steps[i]);
		if (w->steps[i].item)
			build_errors(w, w->steps[i].item);
	}
	return 0;
}

/* What undoes a step is in its name, its need and its `when` alike. */
static int build_undoing(struct builder *b)
{
	struct workflow *w = b->w;

	for (size_t i = 0; i < w->steps_count; i++) {
		struct step *step = &w->steps[i];
		struct slice name = slice_of(step->name);
		bool is_undo = undo_is_name(name);

		if (is_undo != (step->when == WHEN_UNDO) ||
		    (is_undo && (step->needs_count != 1 ||
				 !slice_is(undo_cut(name),
					   w->steps[step->needs[0]].name))))
			return error_set(b->err, ERR_INPUT,
					 "step \"%s\" undoes no step",
					 step->name);
		if (is_undo)
			w->steps[step->needs[0]].undone_by = (int)i;
	}
	return 0;
}

static int check_names(const struct graph *g, struct error *err)
{
	for (size_t i = 0; i < g->count; i++)
		if (!text_is_name(slice_of(g->names[i])) &&
		    !undo_is_name(slice_of(g->names[i])))
			return error_set(err, ERR_INPUT,
					 "\"%.64s\" is no name of a step",
					 g->names[i]);
	return 0;
}

static int build_order(struct builder *b)
{
	struct arena *a = &b->w->arena;
	size_t count = b->graph.count;
	char *cycle;

	b->order = arena_calloc(a, count, sizeof(int));
	b->place_of = arena_calloc(a, count, sizeof(int));
	if (graph_order(&b->graph, a, b->order, &cycle) != 0)
		return error_set(b->err, ERR_INPUT, "cycle: %s", cycle);
	for (size_t i = 0; i < count; i++)
		b->place_of[b->order[i]] = (int)i;
	return 0;
}

static int build_steps(struct builder *b)
{
	struct workflow *w = b->w;
	int count = 0;

	if (jv_get_kind(b->steps.value) == JV_KIND_OBJECT)
		count = jv_object_length(jv_copy(b->steps.value));
	if (count < 1 || count > WORKFLOW_STEPS_MAX)
		return error_set(b->err, ERR_INPUT, "has %d steps", count);
	if (graph_init(&b->graph, &w->arena, b->steps.value, b->err) != 0 ||
	    check_names(&b->graph, b->err) != 0 || build_order(b) != 0)
		return -1;
	w->steps = arena_calloc(&w->arena, (size_t)count, sizeof(*w->steps));
	for (int i = 0; i < count; i++) {
		struct step *step = &w->steps[w->steps_count++];
		if (builder_step(b, step, b->order[i]) != 0)
			return error_prefix(b->err,
					    "step \"%s\": ", step->name);
	}
	build_next(w);
	return build_undoing(b) == 0 ? build_handlers(b) : -1;
}

/* --- the workflow -------------------------------------------------------- */

static int build_root(struct builder *b, struct spot root)
{
	struct workflow *w = b->w;
	struct spot name = spot_get(root, "name");
	struct spot description = spot_get(root, "description");
	struct spot input = spot_get(root, "input");
	jv deadline = spot_get(root, "deadline").value;

	if (!value_is_text(name.value) || !text_is_name(value_text(name.value)))
		return error_set(b->err, ERR_INPUT, "has no name");
	w->name = arena_strdup(&w->arena, jv_string_value(name.value));
	w->description =
		value_is_text(description.value)
			? arena_strdup(&w->arena,
				       jv_string_value(description.value))
			: "";
	if (!value_is_whole(deadline) || jv_number_value(deadline) < 0)
		return error_set(b->err, ERR_INPUT, "has no deadline");
	w->deadline_ms = (int64_t)jv_number_value(deadline);
	if (undo_parse_ends(w, spot_get(root, "compensate_on"), b->err) != 0)
		return -1;
	if (!spot_is_absent(input) &&
	    schema_check(input.value, jv_invalid(), NULL, b->err) != 0)
		return -1;
	w->input = jv_copy(input.value);
	return 0;
}

static int check_version(struct spot root, struct error *err)
{
	static const char *const keys[] = {
		"version",  "name",  "description",   "input",
		"deadline", "steps", "compensate_on",
	};
	jv version = spot_get(root, "version").value;

	if (jv_get_kind(root.value) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "is not a map");
	if (jv_get_kind(version) != JV_KIND_NUMBER ||
	    jv_number_value(version) != GRAMMAR_VERSION)
		return builder_refuse(err, "its version");
	return builder_check_keys(root, keys, countof(keys), err);
}

/* document: borrowed. Gives *w. */
static int build(jv document, struct slice canonical, struct workflow **result,
		 struct error *err)
{
	struct spot root = {.value = document, .place = jv_invalid()};
	struct workflow *w = xcalloc(1, sizeof(*w));
	struct builder b = {.w = w, .err = err};

	arena_init(&w->arena);
	w->input = jv_invalid();
	w->path = "";
	w->canonical = arena_copy(&w->arena, canonical);
	digest(canonical, w->digest);
	b.steps = spot_get(root, "steps");
	if (check_version(root, err) != 0 || build_root(&b, root) != 0 ||
	    build_steps(&b) != 0) {
		workflow_free(w);
		return error_prefix(err, "definition: ");
	}
	w->graph = graph_print(w);
	*result = w;
	return 0;
}

int workflow_parse(struct slice yaml, const char *path, struct workflow **w,
		   struct error *err)
{
	struct buf canonical;
	jv document, lines;
	int result;

	if (grammar_read(yaml, path, &document, &lines, err) != 0)
		return -1;
	buf_init(&canonical, WORKFLOW_SIZE_MAX);
	if (msgpack_print(document, &canonical) != 0)
		result = error_set(err, ERR_INPUT,
				   "is larger than %d KiB with all defaults "
				   "filled in: split the workflow",
				   WORKFLOW_SIZE_MAX >> 10);
	else
		result = build(document, buf_slice(&canonical), w, err);
	if (result == 0)
		subworkflow_place(*w, path, lines);
	else if (err)
		error_prefix(err, "%s: ", path);
	buf_clear(&canonical);
	jv_free(document);
	jv_free(lines);
	return result;
}

int workflow_decode(struct slice canonical, struct workflow **w,
		    struct error *err)
{
	jv document;

	if (canonical.len > WORKFLOW_SIZE_MAX)
		return error_set(err, ERR_INPUT, "definition: is too large");
	if (msgpack_parse(canonical, &document, err) != 0)
		return error_prefix(err, "definition: ");
	int result = build(document, canonical, w, err);
	jv_free(document);
	return result;
}

static void step_clear(struct step *step)
{
	jv_free(step->params);
	jv_free(step->condition_source);
	jv_free(step->catches);
	jv_free(step->repeat.source);
	jv_free(step->cache_source);
	template_free(step->cache_key);
	template_free(step->condition);
	template_free(step->repeat.until);
	template_free(step->template);
	if (step->item)
		step_clear(step->item);
}

void workflow_free(struct workflow *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->steps_count; i++)
		step_clear(&w->steps[i]);
	for (size_t i = 0; i < w->parts_count; i++)
		workflow_free(w->parts[i]);
	free(w->parts);
	jv_free(w->input);
	arena_clear(&w->arena);
	free(w);
}
