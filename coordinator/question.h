/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_QUESTION_H
#define TREADLE_QUESTION_H

#include "treadle/store.h"

/*
 * A question to the store that many may ask at once.
 *
 * Whoever asks while it is under way, or shortly after it was answered, gets
 * the same answer: a hundred scrapers cost Redis as much as one.
 */
struct question_waiter;

struct question {
	struct store *store;
	enum store_function function;
	int64_t fresh_ms; /* how long an answer serves */

	struct question_waiter *first, **last;
	bool is_asking;
	jv answer; /* invalid while there is none; never of a failure */
	int64_t answered_at;
};

/* Borrows the store, which must be stopped before question_clear(). */
void question_init(struct question *q, struct store *s,
		   enum store_function function, int64_t fresh_ms);
void question_clear(struct question *q);

/* on_answer comes once, later or before this returns; as store_answer_fn. */
void question_ask(struct question *q, store_answer_fn *on_answer, void *arg);

#endif
