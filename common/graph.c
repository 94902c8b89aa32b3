/* SPDX-License-Identifier: MIT */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/workflow.h"

/* --- reading ------------------------------------------------------------- */

int graph_find(const struct graph *g, const char *name)
{
	size_t low = 0, high = g->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, g->names[middle]);
		if (order == 0)
			return (int)middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

static bool has_need(const struct graph *g, int node, int need)
{
	for (size_t i = 0; i < g->needs_count[node]; i++)
		if (g->needs[node][i] == need)
			return true;
	return false;
}

static int add_need(struct graph *g, int node, jv need, struct error *err)
{
	const char *name = value_is_text(need) ? jv_string_value(need) : "";
	int other = graph_find(g, name);

	if (other < 0 || other == node || has_need(g, node, other))
		return error_set(err, ERR_INPUT,
				 "step \"%s\" can't need \"%.64s\"",
				 g->names[node], name);
	g->needs[node][g->needs_count[node]++] = other;
	return 0;
}

static int read_needs(struct graph *g, struct arena *a, int node, jv step,
		      size_t *total, struct error *err)
{
	jv needs = value_get(step, "needs");
	int count = 0, result = 0;

	if (jv_get_kind(needs) == JV_KIND_ARRAY)
		count = jv_array_length(jv_copy(needs));
	*total += (size_t)count;
	if (*total > WORKFLOW_NEEDS_MAX) {
		jv_free(needs);
		return error_set(
			err, ERR_INPUT,
			"there are more than %d needs: split the workflow",
			WORKFLOW_NEEDS_MAX);
	}
	g->needs[node] = arena_calloc(a, (size_t)count, sizeof(int));
	for (int i = 0; i < count && result == 0; i++) {
		jv need = jv_array_get(jv_copy(needs), i);
		result = add_need(g, node, need, err);
		jv_free(need);
	}
	jv_free(needs);
	return result;
}

int graph_init(struct graph *g, struct arena *a, jv steps, struct error *err)
{
	struct members m;
	size_t total = 0;
	int result = 0;

	members_init(&m, steps);
	*g = (struct graph){
		.count = m.count,
		.names = arena_calloc(a, m.count, sizeof(*g->names)),
		.needs = arena_calloc(a, m.count, sizeof(*g->needs)),
		.needs_count = arena_calloc(a, m.count, sizeof(size_t)),
		.words = (m.count + 63) / 64,
	};
	for (size_t i = 0; i < m.count; i++)
		g->names[i] = arena_copy(a, m.items[i].name).data;
	for (size_t i = 0; i < m.count && result == 0; i++)
		result =
			read_needs(g, a, (int)i, m.items[i].value, &total, err);
	members_clear(&m);
	return result;
}

/* --- order --------------------------------------------------------------- */

enum mark { NEW, OPEN, CLOSED };

struct walk {
	struct graph *g;
	struct arena *arena;
	enum mark *marks;
	int *path; /* the open nodes, each needing the next */
	size_t depth;
	int *order;
	size_t ordered;
	char *cycle;
};

/* The part of the path from `again` on, and back to it. */
static void print_cycle(struct walk *w, int again)
{
	const char *const *names = w->g->names;
	size_t from = w->depth;
	struct buf text;

	while (w->path[--from] != again)
		;
	buf_init(&text, 320);
	for (; from < w->depth; from++)
		if (buf_addf(&text, "%s -> ", names[w->path[from]]) != 0)
			break;
	if (from < w->depth)
		buf_adds(&text, "... -> ");
	w->cycle = arena_printf(w->arena, "%s%s", text.data, names[again]);
	buf_clear(&text);
}

static void add_ancestors(struct graph *g, int node, int need)
{
	uint64_t *row = g->ancestors + (size_t)node * g->words;
	const uint64_t *other = g->ancestors + (size_t)need * g->words;

	for (size_t i = 0; i < g->words; i++)
		row[i] |= other[i];
	row[need / 64] |= UINT64_C(1) << need % 64;
}

/* Depth first: what a node needs comes before it. At most 1000 deep. */
static int visit(struct walk *w, int node)
{
	struct graph *g = w->g;

	if (w->marks[node] == CLOSED)
		return 0;
	if (w->marks[node] == OPEN) {
		print_cycle(w, node);
		return -1;
	}
	w->marks[node] = OPEN;
	w->path[w->depth++] = node;
	for (size_t i = 0; i < g->needs_count[node]; i++) {
		if (visit(w, g->needs[node][i]) != 0)
			return -1;
		add_ancestors(g, node, g->needs[node][i]);
	}
	w->depth--;
	w->marks[node] = CLOSED;
	w->order[w->ordered++] = node;
	return 0;
}

int graph_order(struct graph *g, struct arena *a, int *order, char **cycle)
{
	struct walk w = {
		.g = g,
		.arena = a,
		.marks = arena_calloc(a, g->count, sizeof(enum mark)),
		.path = arena_calloc(a, g->count, sizeof(int)),
		.order = order,
	};

	must(g->count <= WORKFLOW_STEPS_MAX + 1);
	g->ancestors = arena_calloc(a, g->count * g->words, sizeof(uint64_t));
	for (size_t i = 0; i < g->count; i++) {
		if (visit(&w, (int)i) != 0) {
			*cycle = w.cycle;
			return -1;
		}
	}
	return 0;
}

bool graph_is_ancestor(const struct graph *g, int ancestor, int node)
{
	const uint64_t *row = g->ancestors + (size_t)node * g->words;

	return row[ancestor / 64] >> ancestor % 64 & 1;
}
