/* SPDX-License-Identifier: MIT */
#include "grammar.h"

#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "params.h"

/*
 * The expressions of a workflow: whether they can be compiled, and whether
 * each step reads only what is there when it begins, the outputs of its
 * ancestors. Texts are looked at one by one, for the sake of their lines;
 * those that need jq are compiled all together, for the sake of speed.
 */
struct references {
	struct arena arena;
	struct graph graph;
	struct error *err;
	struct spot *programs; /* texts that need jq */
	const char **owners;   /* and the steps they are in */
	size_t count;

	/* of the step at hand */
	int node;
	bool is_stored; /* what the text becomes is kept in Redis */
	bool is_repeated;
	bool is_until; /* the text asks whether it is repeated once more */
};

static const char *name_of(const struct references *r)
{
	return r->graph.names[r->node];
}

/* --- what a text reads --------------------------------------------------- */

struct reading {
	const struct references *r;
	struct spot spot;
	int result;
};

static int refuse_missing(const struct reading *reading, const char *step)
{
	const struct references *r = reading->r;
	const char *nearest =
		text_nearest(step, r->graph.names, r->graph.count);

	if (nearest)
		return spot_complain(reading->spot, r->err,
				     "step \"%s\" reads .steps.%.64s, which "
				     "does not exist; did you mean \"%s\"?",
				     name_of(r), step, nearest);
	return spot_complain(reading->spot, r->err,
			     "step \"%s\" reads .steps.%.64s, which does not "
			     "exist: add that step or remove the reference",
			     name_of(r), step);
}

static void on_read(void *arg, const char *step)
{
	struct reading *reading = arg;
	const struct references *r = reading->r;

	if (!step || reading->result != 0)
		return;
	int other = graph_find(&r->graph, step);
	if (other < 0)
		reading->result = refuse_missing(reading, step);
	else if (other == r->node)
		reading->result = spot_complain(
			reading->spot, r->err,
			"step \"%s\" reads its own output: remove the "
			"reference",
			step);
	else if (graph_is_ancestor(&r->graph, r->node, other))
		reading->result = spot_complain(
			reading->spot, r->err,
			"step \"%s\" reads .steps.%s, which comes after it: "
			"remove the reference",
			name_of(r), step);
	else if (!graph_is_ancestor(&r->graph, other, r->node))
		reading->result = spot_complain(
			reading->spot, r->err,
			"step \"%s\" reads .steps.%s, which may not be done "
			"by then: add \"%s\" to its needs",
			name_of(r), step, step);
}

static void keep_program(struct references *r, struct spot s)
{
	/* Powers of two are full. */
	if (!(r->count & (r->count - 1))) {
		size_t cap = r->count ? 2 * r->count : 1;
		r->programs = xrealloc(r->programs, cap * sizeof(*r->programs));
		r->owners = xrealloc(r->owners, cap * sizeof(*r->owners));
	}
	r->programs[r->count] = s;
	r->owners[r->count++] = name_of(r);
}

/* What is there in a step that is repeated alone. */
static int check_rounds(const struct references *r, struct spot s,
			const struct template *t)
{
	if (template_reads_output(t) && !r->is_until)
		return spot_complain(
			s, r->err,
			"step \"%s\": there is an .output in "
			"repeat.until only: read .steps.NAME.output "
			"of a step that it needs",
			name_of(r));
	if (template_reads_rounds(t) && !r->is_repeated)
		return spot_complain(s, r->err,
				     "step \"%s\": there are a .round and a "
				     ".last where a step has \"repeat\" only: "
				     "remove the reference",
				     name_of(r));
	return 0;
}

static int check_text(struct references *r, struct spot s)
{
	struct reading reading = {.r = r, .spot = s};
	struct error cause;
	bool reads_input;
	struct template *t = template_new(s.value, false, &cause);

	if (!t)
		return spot_complain(s, r->err, "step \"%s\": %s", name_of(r),
				     cause.text);
	template_reads(t, on_read, &reading, &reads_input);
	if (reading.result == 0 && r->is_stored && template_has_secrets(t))
		reading.result = spot_complain(
			s, r->err,
			"step \"%s\": a secret can't stand here, where it "
			"would be stored: use it in exec or http",
			name_of(r));
	if (reading.result == 0)
		reading.result = check_rounds(r, s, t);
	if (reading.result == 0 && !template_is_plain(t))
		keep_program(r, s);
	template_free(t);
	return reading.result;
}

static int check_value(struct references *r, struct spot s)
{
	int result = 0;

	if (params_is_dynamic(s.value))
		return check_text(r, s);
	if (jv_get_kind(s.value) == JV_KIND_ARRAY) {
		int count = jv_array_length(jv_copy(s.value));
		for (int i = 0; i < count && result == 0; i++)
			result = check_value(r, spot_at(s, i));
	}
	if (jv_get_kind(s.value) == JV_KIND_OBJECT) {
		struct members m;
		members_init(&m, s.value);
		for (size_t i = 0; i < m.count && result == 0; i++)
			result = check_value(r,
					     spot_get(s, m.items[i].name.data));
		members_clear(&m);
	}
	return result;
}

static int check_until(struct references *r, struct spot written)
{
	struct spot repeat = spot_get(written, "repeat");
	int result;

	r->is_repeated = r->is_until = !spot_is_absent(repeat);
	result = check_value(r, spot_get(repeat, "until"));
	r->is_until = false;
	return result;
}

static int check_step(struct references *r, struct spot written)
{
	r->is_stored = true;
	r->is_repeated = false;
	if (check_value(r, spot_get(written, "if")) != 0 ||
	    check_value(r, spot_get(written, "for_each")) != 0 ||
	    check_value(r, spot_get(written, "input")) != 0 ||
	    check_until(r, written) != 0 ||
	    check_value(r, spot_get(spot_get(written, "cache"), "key")) != 0)
		return -1;
	for (int i = 0; i < STEP_KIND_COUNT; i++) {
		struct spot params =
			spot_get(written, step_kind_text((enum step_kind)i));
		bool is_kept = i == STEP_pass || i == STEP_wait;
		struct members m;
		int result = 0;
		if (jv_get_kind(params.value) != JV_KIND_OBJECT)
			continue;
		members_init(&m, params.value);
		for (size_t k = 0; k < m.count && result == 0; k++) {
			const char *param = m.items[k].name.data;
			r->is_stored =
				is_kept || (i == STEP_http &&
					    strcmp(param, "output") == 0);
			result = check_value(r, spot_get(params, param));
		}
		members_clear(&m);
		if (result != 0)
			return -1;
	}
	return 0;
}

/* --- compiling ----------------------------------------------------------- */

static bool compiles(const struct references *r, size_t from, size_t to,
		     struct error *err)
{
	jv texts = jv_array();

	for (size_t i = from; i < to; i++)
		texts = jv_array_append(texts, jv_copy(r->programs[i].value));
	struct template *t = template_new(texts, true, err);
	jv_free(texts);
	template_free(t);
	return t != NULL;
}

static int compile_all(struct references *r)
{
	size_t from = 0, to = r->count;
	struct error cause;

	if (!to || compiles(r, from, to, &cause))
		return 0;
	/* A bad one is in [from, to): halve until it is alone. */
	while (to - from > 1) {
		size_t middle = (from + to) / 2;
		struct error ignored;
		if (compiles(r, from, middle, &ignored)) {
			from = middle;
		} else {
			to = middle;
			cause = ignored;
		}
	}
	if (compiles(r, from, to, &cause))
		return error_set(r->err, ERR_INPUT,
				 "the expressions can't be compiled together: "
				 "use fewer");
	return spot_complain(r->programs[from], r->err, "step \"%s\": %s",
			     r->owners[from], cause.text);
}

/* --- the whole ----------------------------------------------------------- */

static int check_order(struct references *r, struct spot written)
{
	int *order = arena_calloc(&r->arena, r->graph.count, sizeof(int));
	char *cycle;

	if (graph_order(&r->graph, &r->arena, order, &cycle) == 0)
		return 0;
	char *end = strchr(cycle, ' ');
	char *first =
		arena_printf(&r->arena, "%.*s", (int)(end - cycle), cycle);
	return spot_complain(spot_get(spot_get(written, first), "needs"),
			     r->err,
			     "the steps need each other in a circle: %s; "
			     "remove one of these needs",
			     cycle);
}

static int check_all(struct references *r, struct spot written,
		     struct spot output)
{
	for (size_t i = 0; i < r->graph.count; i++) {
		struct spot step = spot_get(written, r->graph.names[i]);
		r->node = (int)i;
		r->is_stored = true;
		r->is_repeated = false;
		int result = spot_is_absent(step) ? check_value(r, output)
						  : check_step(r, step);
		if (result != 0)
			return -1;
	}
	return compile_all(r);
}

int references_check(struct spot written, struct spot output, jv steps,
		     struct error *err)
{
	struct references r = {.err = err};

	arena_init(&r.arena);
	struct error cause;
	int result = graph_init(&r.graph, &r.arena, steps, &cause);
	if (result != 0)
		spot_complain(written, err, "%s", cause.text);
	else
		result = check_order(&r, written);
	if (result == 0)
		result = check_all(&r, written, output);
	free(r.programs);
	free(r.owners);
	arena_clear(&r.arena);
	return result;
}
