/* SPDX-License-Identifier: MIT */
#include "treadle/workflow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "branch.h"
#include "caching.h"
#include "grammar.h"
#include "graph.h"
#include "params.h"
#include "repeat.h"
#include "settings.h"
#include "undo.h"
#include "treadle/schema.h"

/*
 * The model, built from the normalised document alone. A workflow that was
 * just parsed goes the same way as one that comes back from Redis, so both
 * are the same in every respect. What comes from Redis is not trusted: it
 * may be of a later version, or damaged.
 */
struct builder {
	struct workflow *w;
	struct graph graph;
	struct spot steps;
	int *order;    /* step i is node order[i] */
	int *place_of; /* node n is step place_of[n] */
	size_t reads_total;
	struct error *err;
};

static int unsupported(struct error *err, const char *what)
{
	return error_set(err, ERR_INPUT,
			 "%s is unsupported: upgrade this program", what);
}

/* --- one step ------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void build_needs(struct builder *b, struct step *step, int node)
{
	size_t count = b->graph.needs_count[node];
	int *needs = arena_calloc(&b->w->arena, count, sizeof(int));

	for (size_t i = 0; i < count; i++)
		needs[i] = b->place_of[b->graph.needs[node][i]];
	qsort(needs, count, sizeof(int), by_number);
	step->needs = needs;
	step->needs_count = count;
}

struct reader {
	struct builder *b;
	int node;
	bool *is_read; /* of each node */
	int result;
};

static void on_read(void *arg, const char *name)
{
	struct reader *reader = arg;
	struct graph *g = &reader->b->graph;

	if (!name) {
		for (size_t i = 0; i < g->count; i++)
			reader->is_read[i] |=
				graph_is_ancestor(g, (int)i, reader->node);
		return;
	}
	int other = graph_find(g, name);
	if (other >= 0 && graph_is_ancestor(g, other, reader->node))
		reader->is_read[other] = true;
	else
		reader->result = error_set(reader->b->err, ERR_INPUT,
					   "reads .steps.%.64s, which is no "
					   "ancestor",
					   name);
}

static int build_reads(struct builder *b, struct step *step, int node)
{
	size_t count = b->graph.count, used = 0;
	bool has_input = false, keys_input = false;
	struct reader reader = {
		.b = b,
		.node = node,
		.is_read = xcalloc(count, sizeof(bool)),
	};

	template_reads(step->template, on_read, &reader, &step->reads_input);
	if (step->condition)
		template_reads(step->condition, on_read, &reader, &has_input);
	step->reads_input |= has_input;
	if (step->repeat.until)
		template_reads(step->repeat.until, on_read, &reader,
			       &has_input);
	step->reads_input |= has_input;
	if (step->cache_key)
		template_reads(step->cache_key, on_read, &reader, &keys_input);
	step->reads_input |= keys_input;
	for (size_t i = 0; i < count; i++)
		used += reader.is_read[i];
	int *reads = arena_calloc(&b->w->arena, used, sizeof(int));
	used = 0;
	for (size_t i = 0; i < count; i++)
		if (reader.is_read[b->order[i]])
			reads[used++] = (int)i;
	step->reads = reads;
	step->reads_count = used;
	free(reader.is_read);
	b->reads_total += used;
	if (b->reads_total > WORKFLOW_READS_MAX)
		return error_set(
			b->err, ERR_INPUT,
			"all steps together read more than %d outputs: "
			"name those that are read, .steps.NAME",
			WORKFLOW_READS_MAX);
	return reader.result;
}

static int build_params(struct builder *b, struct step *step, struct spot s)
{
	jv checked;

	step->params = jv_copy(spot_get(s, "params").value);
	if (params_read(step->kind, spot_get(s, "params"), "", &checked,
			b->err) != 0)
		return -1;
	jv_free(checked);
	step->template = template_new(step->params, false, b->err);
	return step->template ? 0 : -1;
}

static int build_branch(struct builder *b, struct step *step, struct spot s)
{
	struct branch branch;
	int result;

	branch_init(&branch);
	result = branch_parse(&branch, s.value, b->err);
	step->when = branch.when;
	step->is_tolerant = branch.is_tolerant;
	step->condition_source = branch.condition;
	step->catches = branch.catches;
	step->handles = step->undone_by = -1;
	step->is_unfinished = !spot_is_absent(spot_get(s, "unfinished"));
	if (result != 0 || !jv_is_valid(branch.condition))
		return result;
	step->condition = template_new(step->condition_source, false, b->err);
	return step->condition ? 0 : -1;
}

static int build_repeat(struct builder *b, struct step *step, struct spot s)
{
	struct repeat repeat;
	int result;

	repeat_init(&repeat);
	result = repeat_parse(&repeat, s.value, b->err);
	step->repeat = (struct step_repeat){.source = repeat.until,
					    .every_ms = repeat.every_ms,
					    .rounds_max = (int)repeat.max};
	if (result != 0 || !jv_is_valid(repeat.until))
		return result;
	step->repeat.until = template_new(repeat.until, false, b->err);
	return step->repeat.until ? 0 : -1;
}

static int check_keys(struct spot s, const char *const *keys, size_t count,
		      struct error *err)
{
	struct error cause;

	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "is not a map");
	if (spot_check_keys(s, "", keys, count, &cause) != 0)
		return unsupported(err, cause.text);
	return 0;
}

static int build_step(struct builder *b, struct step *step, int node)
{
	static const char *const keys[] = {"kind",       "needs",  "params",
					   "when",       "final",  "unfinished",
					   BRANCH_KEYS,  "repeat", CACHING_KEYS,
					   SETTINGS_KEYS};
	struct spot s = spot_get(b->steps, b->graph.names[node]);
	struct spot kind = spot_get(s, "kind");
	struct settings settings;

	step->name = b->graph.names[node];
	step->params = jv_null();
	step->condition_source = step->catches = jv_invalid();
	step->repeat.source = step->cache_source = jv_invalid();
	if (check_keys(s, keys, countof(keys), b->err) != 0)
		return -1;
	int found = value_is_text(kind.value)
			    ? grammar_kind(jv_string_value(kind.value))
			    : -1;
	if (found < 0)
		return unsupported(b->err, "its kind");
	step->kind = (enum step_kind)found;
	if (settings_parse(&settings, s.value, b->err) != 0)
		return -1;
	step->queue = arena_strdup(&b->w->arena, settings.queue);
	step->timeout_ms = settings.timeout_ms;
	step->recoveries_max = settings.recoveries_max;
	step->retry = settings.retry;
	build_needs(b, step, node);
	if (build_params(b, step, s) != 0 || build_branch(b, step, s) != 0 ||
	    build_repeat(b, step, s) != 0 ||
	    caching_build(step, s.value, b->err) != 0)
		return -1;
	return build_reads(b, step, node);
}

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
		struct step *step = &w->steps[i];
		int *errors =
			arena_calloc(&w->arena, step->reads_count, sizeof(int));
		for (size_t k = 0; k < step->reads_count; k++)
			if (step_may_fail(&w->steps[step->reads[k]]))
				errors[step->errors_count++] = step->reads[k];
		step->errors = errors;
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
		if (build_step(b, step, b->order[i]) != 0)
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
		return unsupported(err, "its version");
	return check_keys(root, keys, countof(keys), err);
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
	jv document;
	int result;

	if (grammar_read(yaml, path, &document, err) != 0)
		return -1;
	buf_init(&canonical, WORKFLOW_SIZE_MAX);
	if (msgpack_print(document, &canonical) != 0)
		result = error_set(err, ERR_INPUT,
				   "is larger than %d KiB with all defaults "
				   "filled in: split the workflow",
				   WORKFLOW_SIZE_MAX >> 10);
	else
		result = build(document, buf_slice(&canonical), w, err);
	if (result != 0 && err)
		error_prefix(err, "%s: ", path);
	buf_clear(&canonical);
	jv_free(document);
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

void workflow_free(struct workflow *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->steps_count; i++) {
		jv_free(w->steps[i].params);
		jv_free(w->steps[i].condition_source);
		jv_free(w->steps[i].catches);
		jv_free(w->steps[i].repeat.source);
		jv_free(w->steps[i].cache_source);
		template_free(w->steps[i].cache_key);
		template_free(w->steps[i].condition);
		template_free(w->steps[i].repeat.until);
		template_free(w->steps[i].template);
	}
	jv_free(w->input);
	arena_clear(&w->arena);
	free(w);
}

bool step_may_fail(const struct step *step)
{
	return step->is_tolerant || jv_is_valid(step->catches);
}

const struct step *workflow_find(const struct workflow *w, struct slice name)
{
	for (size_t i = 0; i < w->steps_count; i++)
		if (slice_is(name, w->steps[i].name))
			return &w->steps[i];
	return NULL;
}
