/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TABLE_H
#define TREADLE_TABLE_H

#include "worker.h"

/*
 * All attempts of a worker: found by entry, reused, counted.
 *
 * An attempt is in the table from the delivery of its entry until Redis has
 * answered its end, or it is dropped. Stream ids are unique within a stream
 * only, so the key is queue and entry.
 */
struct attempt_list {
	struct attempt *first, *last;
	size_t count;
};

void list_push(struct attempt_list *l, struct attempt *a);
void list_remove(struct attempt_list *l, struct attempt *a);
struct attempt *list_shift(struct attempt_list *l); /* NULL when empty */

struct table {
	struct worker *worker;
	struct attempt **buckets; /* a power of two of them */
	size_t bucket_count;
	size_t count; /* attempts in it */

	struct attempt *spare; /* kept for the next ones, by next */
	size_t spare_count;
};

void table_init(struct table *t, struct worker *w);
void table_clear(struct table *t); /* must be empty of attempts */

/* An attempt in state TAKING; queue is borrowed, the rest is copied. */
struct attempt *table_add(struct table *t, const char *queue,
			  struct slice entry, struct slice run,
			  struct slice step);
/* entry must not be longer than ENTRY_ID_MAX - 1; NULL where there is none. */
struct attempt *table_find(const struct table *t, const char *queue,
			   struct slice entry);
/* Takes it out, frees what it owns, keeps it for the next one. */
void table_remove(struct table *t, struct attempt *a);

/* Calls visit for each attempt; visit may remove the one it is given. */
void table_each(struct table *t, void (*visit)(struct attempt *a, void *arg),
		void *arg);

#endif
