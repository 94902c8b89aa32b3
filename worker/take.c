/* SPDX-License-Identifier: MIT */
#include "take.h"

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "crash.h"

enum { REFUSED_PAUSE_MS = 1000 };

/* A text that can't be one of ours is taken as an empty one. */
static struct slice fitting(struct slice text, size_t size)
{
	return text.len < size ? text : slice_of(NULL);
}

void takes_add(struct worker *w, const char *queue, struct slice entry,
	       struct slice run, struct slice step)
{
	struct attempt *a =
		table_add(&w->table, queue, entry, fitting(run, sizeof(a->run)),
			  fitting(step, sizeof(a->name)));

	list_push(&w->takes.waiting, a);
}

struct attempt *take_heir(const struct attempt *a, struct slice step)
{
	return table_add(&a->worker->table, a->ref.queue, slice_of(a->entry),
			 slice_of(a->run), fitting(step, sizeof(a->name)));
}

bool takes_forget(struct worker *w, struct attempt *a)
{
	for (size_t i = 0; i < w->takes.asked_count; i++)
		if (w->takes.asked[i] == a)
			return false;
	list_remove(&w->takes.waiting, a);
	return true;
}

/* As ends that are refused: behind all others, and in ever smaller calls. */
static void put_back(struct worker *w, const struct redis_failure *failure)
{
	struct takes *t = &w->takes;

	for (size_t i = 0; i < t->asked_count; i++)
		list_push(&t->waiting, t->asked[i]);
	t->batch_max = (t->asked_count + 1) / 2;
	t->asked_count = 0;
	if (failure->cause == REDIS_STOPPED)
		return;
	log_error("take refused", NULL, "%s; tried again in %d ms",
		  failure->error.text, REFUSED_PAUSE_MS);
	t->not_before = clock_monotonic_ms() + REFUSED_PAUSE_MS;
	worker_wake_at(w, t->not_before);
}

static void on_taken(void *arg, const struct taken *taken, size_t count,
		     const struct redis_failure *failure)
{
	struct worker *w = arg;
	struct takes *t = &w->takes;
	struct attempt *asked[TAKE_MAX];
	bool is_lost = false;

	if (failure) {
		put_back(w, failure);
		return;
	}
	crash_point("after-take");
	must(count == t->asked_count);
	for (size_t i = 0; i < count; i++)
		asked[i] = t->asked[i];
	t->asked_count = 0;
	t->batch_max =
		t->batch_max < TAKE_MAX / 2 ? t->batch_max * 2 : TAKE_MAX;
	w->fetch.is_exec_met = false;
	for (size_t i = 0; i < count; i++) {
		is_lost = is_lost || taken[i].code == TAKE_LOST;
		attempt_taken(asked[i], &taken[i]);
	}
	if (is_lost)
		worker_lost(w);
}

void takes_flush(struct worker *w)
{
	struct takes *t = &w->takes;
	struct step_ref refs[TAKE_MAX];
	size_t count = 0;

	if (t->asked_count > 0 || t->waiting.count == 0 ||
	    clock_monotonic_ms() < t->not_before)
		return;
	while (count < t->batch_max && t->waiting.count > 0) {
		t->asked[count] = list_shift(&t->waiting);
		refs[count] = t->asked[count]->ref;
		count++;
	}
	t->asked_count = count;
	store_take(w->store, w->id, refs, count, on_taken, w);
}
