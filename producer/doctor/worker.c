/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "errand.h"
#include "treadle/crypto.h"

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

static bool is_number(struct slice text)
{
	int64_t number;

	return slice_int(text, 0, INT64_MAX, &number) == 0;
}

/* "<entry> <run>/<step>" */
static bool is_suspect(struct slice text)
{
	struct slice entry = slice_cut(&text, ' ');
	struct slice run = slice_cut(&text, '/');

	return is_number(slice_cut(&entry, '-')) && is_number(entry) &&
	       run.len == RUN_ID_LEN && text.len;
}

static void judge_fields(struct errand *e, const struct reply *hash)
{
	static const struct {
		const char *name;
		bool (*is_right)(struct slice text); /* or NULL */
	} known[] = {{"host", NULL},      {"pid", is_number},
		     {"version", NULL},   {"slots", is_number},
		     {"busy", is_number}, {"lease_ms", is_number},
		     {"queues", NULL},    {"registered_at", is_number},
		     {"lost", is_number}, {"suspect", is_suspect}};

	for (size_t i = 0; i + 1 < hash->count; i += 2) {
		struct slice name = hash->items[i].text;
		struct slice text = hash->items[i + 1].text;
		size_t k = 0;

		while (k < countof(known) && !slice_is(name, known[k].name))
			k++;
		if (k == countof(known) ||
		    (known[k].is_right && !known[k].is_right(text)))
			finding(e->doctor, WORKER_UNREADABLE,
				SUBJECT(.key = e->a), "field %.*s is \"%.*s\"",
				TEXT(name), TEXT(text));
	}
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
	judge_fields(e, &answers[4]);
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
	LOOK(d->reader, SLICE("HGETALL"), errand_key(e, "worker:", id));
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
