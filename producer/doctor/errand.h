/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_ERRAND_H
#define PRODUCER_ERRAND_H

#include "doctor.h"

/*
 * One look of the doctor's at something small: an entry, a member, a worker.
 *
 *   struct errand *e = errand_new(d, judge, id, none, none);
 *   LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "workers", none), e->a);
 *   errand_send(e);
 *
 * judge gets the answers, as of one instant, in the order in which they were
 * asked. It is not called when reading is over.
 */
struct errand;
typedef void judge_fn(struct errand *e, const struct reply *answers);

struct errand {
	struct doctor *doctor;
	struct arena arena;
	struct slice a, b, c; /* what it is about: copies */
	judge_fn *judge;
};

/* NULL when reading is over. Waits until there is room for another look. */
struct errand *errand_new(struct doctor *d, judge_fn *judge, struct slice a,
			  struct slice b, struct slice c);
struct slice errand_key(struct errand *e, const char *name, struct slice rest);
void errand_send(struct errand *e);

#endif
