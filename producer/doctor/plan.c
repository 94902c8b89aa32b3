/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/arena.h"
#include "../answer.h"

#define PLANS_MAX 1024 /* kept; then all are dropped, and read again */

struct kept {
	struct slice definition;
	struct arena arena;
	struct plan plan;
};

struct plans {
	struct kept kept[PLANS_MAX];
	size_t count, last;
};

size_t plan_find(const struct plan *p, struct slice name)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		struct slice at = p->steps[middle].name;
		size_t len = at.len < name.len ? at.len : name.len;
		int order = memcmp(at.data, name.data, len);

		if (order == 0 && at.len == name.len)
			return middle;
		if (order < 0 || (order == 0 && at.len < name.len))
			low = middle + 1;
		else
			high = middle;
	}
	return PLAN_NONE;
}

struct plans *plans_new(void)
{
	return xcalloc(1, sizeof(struct plans));
}

static void drop_all(struct plans *p)
{
	for (size_t i = 0; i < p->count; i++)
		arena_clear(&p->kept[i].arena);
	p->count = p->last = 0;
}

void plans_free(struct plans *p)
{
	drop_all(p);
	free(p);
}

/* Most runs that are read one after the other are of one definition. */
const struct plan *plans_find(const struct plans *p, struct slice definition)
{
	if (p->count && slice_equal(p->kept[p->last].definition, definition))
		return &p->kept[p->last].plan;
	for (size_t i = 0; i < p->count; i++) {
		if (slice_equal(p->kept[i].definition, definition)) {
			((struct plans *)p)->last = i;
			return &p->kept[i].plan;
		}
	}
	return NULL;
}

static int read_needs(struct kept *k, struct plan_step *step, jv of)
{
	int count = answer_count(of, "needs");

	step->needs = arena_calloc(&k->arena, (size_t)count + 1,
				   sizeof(*step->needs));
	for (int i = 0; i < count; i++) {
		jv need = answer_item(of, "needs", i);
		size_t at = value_is_text(need)
				    ? plan_find(&k->plan, value_text(need))
				    : PLAN_NONE;
		if (at == PLAN_NONE)
			return -1;
		step->needs[step->needs_count++] = at;
	}
	return 0;
}

/* Members come in the order of their names, which plan_find() relies on. */
static int read_steps(struct kept *k, jv steps)
{
	struct members m;
	int rc = 0;

	if (jv_get_kind(steps) != JV_KIND_OBJECT)
		return -1;
	members_init(&m, steps);
	k->plan.count = m.count;
	k->plan.steps =
		arena_calloc(&k->arena, m.count + 1, sizeof(*k->plan.steps));
	for (size_t i = 0; i < m.count; i++) {
		struct plan_step *step = &k->plan.steps[i];
		step->name = arena_copy(&k->arena, m.items[i].name);
		step->queue = arena_copy(
			&k->arena, answer_text(m.items[i].value, "queue"));
		struct slice when = answer_text(m.items[i].value, "when");
		step->is_undo = slice_is(when, "undo");
		step->is_closing = when.len > 0 && !step->is_undo;
		step->has_items = answer_has(m.items[i].value, "each");
		step->performs =
			answer_text(m.items[i].value, "definition").len > 0;
	}
	for (size_t i = 0; i < m.count && rc == 0; i++)
		rc = read_needs(k, &k->plan.steps[i], m.items[i].value);
	members_clear(&m);
	return rc;
}

int plans_add(struct plans *p, struct slice definition, struct slice graph)
{
	struct error err;
	jv value;

	if (plans_find(p, definition))
		return 0;
	if (msgpack_parse(graph, &value, &err) != 0)
		return -1;
	if (p->count == PLANS_MAX)
		drop_all(p);
	struct kept *k = &p->kept[p->count];
	*k = (struct kept){.definition = SLICE("")};
	k->definition = arena_copy(&k->arena, definition);
	int rc = read_steps(k, answer_get(value, "steps"));
	if (rc == 0)
		p->last = p->count++;
	else
		arena_clear(&k->arena);
	jv_free(value);
	return rc;
}
