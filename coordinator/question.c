/* SPDX-License-Identifier: MIT */
#include "question.h"

#include <stdlib.h>

#include "treadle/clock.h"

#define DEADLINE_MS 2000

struct question_waiter {
	struct question_waiter *next;
	store_answer_fn *on_answer;
	void *arg;
};

void question_init(struct question *q, struct store *s,
		   enum store_function function, int64_t fresh_ms)
{
	*q = (struct question){.store = s,
			       .function = function,
			       .fresh_ms = fresh_ms,
			       .answer = jv_invalid()};
	q->last = &q->first;
}

void question_clear(struct question *q)
{
	must(!q->first && !q->is_asking);
	jv_free(q->answer);
	q->answer = jv_invalid();
}

static void on_answer(void *arg, jv answer, const struct error *err)
{
	struct question *q = arg;
	struct question_waiter *waiter = q->first, *next;

	/* Taken off first: who is answered may ask again. */
	q->first = NULL;
	q->last = &q->first;
	q->is_asking = false;
	jv_free(q->answer);
	q->answer = err ? jv_invalid() : jv_copy(answer);
	q->answered_at = clock_monotonic_ms();
	for (; waiter; waiter = next) {
		next = waiter->next;
		waiter->on_answer(waiter->arg, answer, err);
		free(waiter);
	}
}

static bool is_fresh(const struct question *q)
{
	return jv_is_valid(q->answer) &&
	       clock_monotonic_ms() - q->answered_at < q->fresh_ms;
}

void question_ask(struct question *q, store_answer_fn *on_answered, void *arg)
{
	struct question_waiter *waiter;

	if (!q->is_asking && is_fresh(q)) {
		on_answered(arg, q->answer, NULL);
		return;
	}
	waiter = xmalloc(sizeof(*waiter));
	*waiter = (struct question_waiter){NULL, on_answered, arg};
	*q->last = waiter;
	q->last = &waiter->next;
	if (q->is_asking)
		return;
	q->is_asking = true;
	store_ask(q->store, q->function, NULL, 0, DEADLINE_MS, on_answer, q);
}
