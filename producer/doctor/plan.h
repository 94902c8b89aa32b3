/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_PLAN_H
#define PRODUCER_PLAN_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * What the doctor must know of a definition: the steps, what each needs, and
 * its queue; read from the stored graph (docs/INTERNALS.md). Those that were
 * read last are kept.
 */
struct plan_step {
	struct slice name, queue;
	size_t *needs; /* of which steps, by number */
	size_t needs_count;
	bool is_closing; /* it has its turn also when the run is closed */
	bool is_undo;    /* it undoes the one that it needs, and only then */
	bool has_items;  /* it is performed for each item of a list */
	bool is_item;    /* it is such an item: not in the plan */
	bool performs;   /* a workflow */
};

struct plan {
	struct plan_step *steps; /* sorted by name */
	size_t count;
};

#define PLAN_NONE SIZE_MAX
size_t plan_find(const struct plan *p, struct slice name);

struct plans;
struct plans *plans_new(void);
void plans_free(struct plans *p);

/* NULL if it is not kept; borrowed until the next plans_add(). */
const struct plan *plans_find(const struct plans *p, struct slice definition);
/* Keeps the plan that the graph, msgpack, says; -1 if it says none. */
int plans_add(struct plans *p, struct slice definition, struct slice graph);

#endif
