/* SPDX-License-Identifier: MIT */
#include "builder.h"

#include <stdlib.h>

#include "branch.h"
#include "caching.h"
#include "each.h"
#include "grammar.h"
#include "params.h"
#include "repeat.h"
#include "settings.h"
#include "subworkflow.h"

int builder_refuse(struct error *err, const char *what)
{
	return error_set(err, ERR_INPUT,
			 "%s is unsupported: upgrade this program", what);
}

int builder_check_keys(struct spot s, const char *const *keys, size_t count,
		       struct error *err)
{
	struct error cause;

	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "is not a map");
	if (spot_check_keys(s, "", keys, count, &cause) != 0)
		return builder_refuse(err, cause.text);
	return 0;
}

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

static int build_kind(struct builder *b, struct step *step, struct spot s)
{
	struct spot kind = spot_get(s, "kind");
	int found = value_is_text(kind.value)
			    ? grammar_kind(jv_string_value(kind.value))
			    : -1;

	step->kind = (enum step_kind)found;
	return found < 0 ? builder_refuse(b->err, "its kind") : 0;
}

/* What is performed for each item of a list. */
static int build_item(struct builder *b, struct step *step, struct spot s,
		      int node)
{
	struct spot written = spot_get(s, "item");

	step->item = arena_calloc(&b->w->arena, 1, sizeof(*step->item));
	each_init_item(step);
	if (each_parse(&step->each, s, b->err) != 0 ||
	    build_kind(b, step->item, written) != 0 ||
	    build_params(b, step->item, written) != 0 ||
	    build_repeat(b, step->item, written) != 0 ||
	    caching_build(step->item, written.value, b->err) != 0)
		return -1;
	step->item->is_tolerant =
		step->each.tolerates > 0 || step->each.tolerates_percent > 0;
	return build_reads(b, step->item, node);
}

int builder_step(struct builder *b, struct step *step, int node)
{
	static const char *const keys[] = {"kind",       "needs",  "params",
					   "when",       "final",  "unfinished",
					   "each",       "item",   "definition",
					   BRANCH_KEYS,  "repeat", CACHING_KEYS,
					   SETTINGS_KEYS};
	struct spot s = spot_get(b->steps, b->graph.names[node]);
	struct settings settings;

	step->name = b->graph.names[node];
	step->params = jv_null();
	step->condition_source = step->catches = jv_invalid();
	step->repeat.source = step->cache_source = jv_invalid();
	if (builder_check_keys(s, keys, countof(keys), b->err) != 0)
		return -1;
	if (build_kind(b, step, s) != 0)
		return -1;
	if (settings_parse(&settings, s.value, b->err) != 0)
		return -1;
	step->queue = arena_strdup(&b->w->arena, settings.queue);
	step->timeout_ms = settings.timeout_ms;
	step->recoveries_max = settings.recoveries_max;
	step->retry = settings.retry;
	build_needs(b, step, node);
	if (build_params(b, step, s) != 0 || build_branch(b, step, s) != 0 ||
	    build_repeat(b, step, s) != 0 ||
	    caching_build(step, s.value, b->err) != 0 ||
	    (step->kind == STEP_each && build_item(b, step, s, node) != 0) ||
	    subworkflow_parse(step, s, &b->w->arena, b->err) != 0)
		return -1;
	return build_reads(b, step, node);
}
