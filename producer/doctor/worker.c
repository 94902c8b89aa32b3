/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "errand.h"

/*
 * Workers: lease or loss, hash, orders to stop, and the groups that they read
 * with belong together.
 */
#define OVERDUE_MS 60000
static const struct slice none = {"", 0};

/* a: the worker's id, b: a queue that it takes from */
static void judge_queue(struct errand *e, const struct reply *answers)
{
	const struct reply *groups = &answers[2];

	if (answers[0].type != REPLY_TEXT || answers[1].type != REPLY_TEXT)
		return;
	for (size_t i = 0; i < groups->count; i++) {
		const struct reply *of = &groups->items[i];
		for (size_t j = 0; j + 1 < of->count; j += 2) {
			if (slice_is(of->items[j].text, "name") &&
			    slice_is(of->items[j + 1].text, "workers"))
				return;
		}
	}
	finding(e->doctor, GROUP_MISSING, SUBJECT(.key = e->b),
		"worker %.*s takes from it", TEXT(e->a));
}

static void look_at_queue(struct doctor *d, struct slice id, struct slice queue)
{
	struct errand *e = errand_new(d, judge_queue, id, queue, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "workers", none), id);
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "worker:", id),
	     SLICE("host"));
	LOOK(d->reader, SLICE("XINFO"), SLICE("GROUPS"),
	     errand_key(e, "queue:", queue));
	errand_send(e);
}

static bool is_long_ago(const struct doctor *d, const struct reply *score)
{
	return d->has_coordinator &&
	       strtod(score->text.data, NULL) < (double)(d->now - OVERDUE_MS);
}

/* Answers: lease, loss, queues, host, lost; how many orders to stop. */
static const char *stray(const struct reply *lease, const struct reply *lost,
			 const struct reply *of, bool has_orders)
{
	bool has_lease = lease->type == REPLY_TEXT;
	bool is_lost = lost->type == REPLY_TEXT;
	bool has_queues = of->items[0].type == REPLY_TEXT;
	bool has_host = of->items[1].type == REPLY_TEXT;
	bool says_lost = of->items[2].type == REPLY_TEXT;

	if (has_lease && is_lost)
		return "it has a lease, and was declared lost";
	if (has_lease && (!has_queues || !has_host))
		return "it has a lease, but its hash is gone";
	if (has_lease && says_lost)
		return "it has a lease, but its hash says that it was lost";
	if (is_lost && (!has_queues || !says_lost))
		return "it was declared lost, but its hash doesn't say so";
	if (!has_lease && !is_lost && (has_queues || has_host))
		return "it has a hash, but no lease";
	if (!has_lease && !is_lost && has_orders)
		return "there are orders for it, but no such worker";
	return NULL;
}

/* a: the worker's id */
static void judge_worker(struct errand *e, const struct reply *answers)
{
	const struct reply *lease = &answers[0], *lost = &answers[1];
	const struct subject *about = SUBJECT(.key = e->a);
	struct doctor *d = e->doctor;
	const char *why;

	if (answers[2].type != REPLY_ARRAY)
		return; /* told of as a key of another type */
	why = stray(lease, lost, &answers[2], answers[3].integer > 0);
	if (why)
		finding(d, WORKER_STRAY, about, "%s", why);
	else if (lease->type == REPLY_TEXT && is_long_ago(d, lease))
		finding(d, WORKER_OVERDUE, about, "its lease ended at %.*s",
			TEXT(lease->text));
	else if (lost->type == REPLY_TEXT && is_long_ago(d, lost))
		finding(d, WORKER_OVERDUE, about,
			"it was to be forgotten at %.*s", TEXT(lost->text));
}

void doctor_worker(struct doctor *d, struct slice id)
{
	struct errand *e = errand_new(d, judge_worker, id, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "workers", none), id);
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "lost", none), id);
	LOOK(d->reader, SLICE("HMGET"), errand_key(e, "worker:", id),
	     SLICE("queues"), SLICE("host"), SLICE("lost"));
	LOOK(d->reader, SLICE("EXISTS"), errand_key(e, "stop:", id));
	errand_send(e);
}

static void on_lost(struct doctor *d, const struct reply *items, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		doctor_worker(d, items[i].text);
}

static void on_workers(struct doctor *d, const struct reply *items,
		       size_t count)
{
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct slice id = items[i].text, queues;
		const struct reply *answer = ASK(
			d->reader, &arena, SLICE("HGET"),
			doctor_key(d, &arena, "worker:", id), SLICE("queues"));
		if (!answer)
			break;
		doctor_worker(d, id);
		queues = answer->text;
		while (queues.len)
			look_at_queue(d, id, slice_cut(&queues, ','));
	}
	arena_clear(&arena);
}

void doctor_workers(struct doctor *d)
{
	doctor_walk(d, "ZSCAN", doctor_key(d, &d->arena, "workers", none),
		    on_workers);
	doctor_walk(d, "ZSCAN", doctor_key(d, &d->arena, "lost", none),
		    on_lost);
}
