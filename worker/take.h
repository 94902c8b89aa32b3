/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TAKE_H
#define TREADLE_TAKE_H

#include "table.h"

/*
 * Entries that were delivered, on their way to become attempts: one call for
 * all that came meanwhile, and never two calls at once.
 */
#define TAKE_MAX 512 /* in one call */

struct takes {
	struct attempt_list waiting;
	struct attempt *asked[TAKE_MAX]; /* in the call that is under way */
	size_t asked_count;
	size_t batch_max;   /* fewer after a refusal, to find out which */
	int64_t not_before; /* monotonic, after a refusal */
};

/*
 * An entry was delivered; what it names is copied. One that doesn't look like
 * ours is taken all the same: Redis knows that nobody waits for it.
 */
void takes_add(struct worker *w, const char *queue, struct slice entry,
	       struct slice run, struct slice step);
/* The heir of an attempt that was completed: under its entry, in its place. */
struct attempt *take_heir(const struct attempt *a, struct slice step);
void takes_flush(struct worker *w);
/* Forgets an attempt that was not asked for yet; false if it was. */
bool takes_forget(struct worker *w, struct attempt *a);

#endif
