/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_DEFINITION_H
#define TREADLE_DEFINITION_H

#include "table.h"

/*
 * Definitions, decoded and kept.
 *
 * They are addressed by digest, so what was decoded once stays right. Those
 * that no attempt uses are kept up to a number and a size, the ones used
 * last. A definition is fetched once however many attempts wait for it.
 */
struct definition {
	char digest[DIGEST_LEN + 1];
	struct workflow *workflow; /* NULL while it is fetched */
	struct plan *plans;        /* one for each step */
	unsigned users;            /* attempts, the waiting ones too */
	bool is_answered;          /* Redis has said what it knows */
	struct attempt_list waiting;
	struct definitions *owner;
	struct definition *hash_next;
	struct definition *newer, *older; /* among those that nobody uses */
};

#define DEFINITION_BUCKETS 256 /* a power of two */

struct definitions {
	struct worker *worker;
	struct definition *buckets[DEFINITION_BUCKETS];
	struct definition *newest, *oldest;
	struct definition *last; /* the one asked for last */
	size_t idle_count, idle_size;
};

void definitions_init(struct definitions *s, struct worker *w);
void definitions_clear(struct definitions *s); /* none may be in use */

/*
 * Sets a->definition and returns true if it is at hand. Else false, and
 * attempt_defined() is called later.
 */
bool definition_attach(struct definitions *s, struct attempt *a,
		       struct slice digest);
/* The attempt does not wait for its definition any more; it keeps it. */
void definition_leave(struct attempt *a);
void definition_put(struct definition *d);

bool definition_is_fetched(const struct definition *d);
/* The definition of that digest if it is at hand, borrowed; else NULL. */
const struct workflow *definition_known(struct definitions *s,
					struct slice digest);
/*
 * NULL if the workflow has no such step. Of <step>/<index> that of the items
 * of the step; *index is -1 for a step itself.
 */
const struct plan *definition_plan(const struct definition *d,
				   struct slice step, int *index);
const char *definition_name(const struct definition *d); /* NULL for NULL */

#endif
