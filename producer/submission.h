/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_SUBMISSION_H
#define PRODUCER_SUBMISSION_H

#include "treadle/workflow.h"
#include "dialogue.h"

/*
 * Submitting one run.
 *
 * The id is made here, before anything is sent. So whatever is lost on the
 * way is sent again by the store, and the library answers EXISTS with the
 * same id: a submission is never doubled.
 */
#define SUBMISSION_KEY_MAX 256

int submission_check_key(struct slice key, struct error *err);

/* The run that there is now: its id, and whether it was there before. */
int submission_send(struct dialogue *d, const struct workflow *w,
		    const struct submission *sub, char run[RUN_ID_LEN + 1],
		    bool *is_new, struct error *err);

/* What is to be said where a key belongs to a run of other content. */
int submission_conflict(const char *key, struct slice run, struct error *err);

#endif
