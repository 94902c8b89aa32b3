/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "errand.h"

/*
 * Queues, seen from their streams: each entry and each pending record must
 * belong to a step that says so. (That each step has its entry is seen from
 * the run.)
 */
#define GROUP "workers"
static const struct slice none = {"", 0};

/* "<key of the queue>" without what all queues' keys begin with. */
static struct slice queue_of(const struct doctor *d, struct slice key)
{
	size_t len = strlen(d->prefix) + strlen("queue:");

	must(key.len >= len);
	return (struct slice){key.data + len, key.len - len};
}

/* --- entries ------------------------------------------------------------- */

/* The state of "<state> <attempt> <recoveries> <entry>...", or empty. */
static struct slice state_under(struct slice record, struct slice entry)
{
	struct slice state = slice_cut(&record, ' ');

	slice_cut(&record, ' ');
	slice_cut(&record, ' ');
	return slice_equal(slice_cut(&record, ' '), entry) ? state : none;
}

static bool owns(struct slice record, struct slice entry)
{
	struct slice state = state_under(record, entry);

	return slice_is(state, "ready") || slice_is(state, "running");
}

static void tell_stray(const struct errand *e, struct slice record)
{
	finding(e->doctor, ENTRY_STRAY,
		SUBJECT(.key = queue_of(e->doctor, e->a), .entry = e->b),
		"of %.*s, whose record is \"%.*s\"", TEXT(e->c), TEXT(record));
}

/* a, b, c as below; the values of the run's hash: some record of its steps */
static void judge_heir(struct errand *e, const struct reply *answers)
{
	const struct reply *values = &answers[1];

	if (answers[0].type != REPLY_ARRAY || !answers[0].count)
		return;
	for (size_t i = 0; i < values->count; i++) {
		if (owns(values->items[i].text, e->b))
			return;
	}
	tell_stray(e, SLICE("done"));
}

static void look_for_heir(const struct errand *of)
{
	struct errand *e =
		errand_new(of->doctor, judge_heir, of->a, of->b, of->c);
	struct slice rest = of->c;

	if (!e)
		return;
	LOOK(e->doctor->reader, SLICE("XRANGE"), e->a, e->b, e->b);
	LOOK(e->doctor->reader, SLICE("HVALS"),
	     errand_key(e, "run:", slice_cut(&rest, '/')));
	errand_send(e);
}

/* a: the queue's key, b: the entry, c: "<run>/<step>" */
static void judge_entry(struct errand *e, const struct reply *answers)
{
	struct slice record = answers[1].text, state;

	if (answers[0].type != REPLY_ARRAY || !answers[0].count ||
	    owns(record, e->b))
		return;
	state = state_under(record, e->b);
	if (slice_is(state, "done") || slice_is(state, "skipped"))
		look_for_heir(e);
	else
		tell_stray(e, record);
}

static void on_entry(struct doctor *d, struct slice key,
		     const struct reply *entry)
{
	struct slice run = pair_text(&entry->items[1], "run");
	struct slice step = pair_text(&entry->items[1], "step");
	struct slice id = entry->items[0].text;
	char about[256];

	snprintf(about, sizeof(about), "%.*s/%.*s", TEXT(run), TEXT(step));
	struct errand *e = errand_new(d, judge_entry, key, id, slice_of(about));
	if (!e)
		return;
	LOOK(d->reader, SLICE("XRANGE"), key, id, id);
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "run:", run),
	     doctor_slice(&e->arena, "step:", step));
	errand_send(e);
	d->entries++;
}

/* --- pending entries ----------------------------------------------------- */

static bool takes_from(struct slice queues, struct slice queue)
{
	while (queues.len) {
		if (slice_equal(slice_cut(&queues, ','), queue))
			return true;
	}
	return false;
}

/* a: the queue's key, b: the entry, c: the worker that it is pending for */
static void judge_pending(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	const struct reply *pending = &answers[0], *entry = &answers[1];
	struct slice queue = queue_of(d, e->a);

	if (pending->type != REPLY_ARRAY || !pending->count ||
	    !slice_equal(pending->items[0].items[1].text, e->c))
		return;
	if (!entry->count)
		finding(d, PENDING_STRAY, SUBJECT(.key = queue, .entry = e->b),
			"pending for worker %.*s", TEXT(e->c));
	if ((answers[2].type != REPLY_TEXT && answers[3].type != REPLY_TEXT) ||
	    !takes_from(answers[4].text, queue))
		finding(d, PENDING_UNWATCHED, SUBJECT(.key = e->c),
			"holds entry %.*s of queue %.*s", TEXT(e->b),
			TEXT(queue));
}

static void on_pending(struct doctor *d, struct slice key,
		       const struct reply *item)
{
	struct slice id = item->items[0].text, worker = item->items[1].text;
	struct errand *e = errand_new(d, judge_pending, key, id, worker);

	if (!e)
		return;
	LOOK(d->reader, SLICE("XPENDING"), key, SLICE(GROUP), id, id,
	     SLICE("1"));
	LOOK(d->reader, SLICE("XRANGE"), key, id, id);
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "workers", none),
	     worker);
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "lost", none), worker);
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "worker:", worker),
	     SLICE("queues"));
	errand_send(e);
}

static void each_pending(struct doctor *d, struct slice key)
{
	struct arena page;
	char from[64] = "-";
	int64_t left = d->sample;
	size_t count = 0;

	arena_init(&page);
	do {
		arena_reset(&page);
		const struct reply *answer = ASK(
			d->reader, &page, SLICE("XPENDING"), key, SLICE(GROUP),
			slice_of(from), SLICE("+"), SLICE("500"));
		if (!answer || answer->type != REPLY_ARRAY)
			break;
		count = answer->count;
		for (size_t i = 0; i < count; i++)
			on_pending(d, key, &answer->items[i]);
		if (count)
			snprintf(from, sizeof(from), "(%.*s",
				 TEXT(answer->items[count - 1].items[0].text));
		left -= (int64_t)count;
	} while (count && left > 0);
	arena_clear(&page);
}

/* --- the group ----------------------------------------------------------- */

static bool has_member(const struct reply *list, struct slice member)
{
	for (size_t i = 0; i < list->count; i++) {
		if (slice_equal(list->items[i].text, member))
			return true;
	}
	return false;
}

static void judge_consumer(struct errand *e, const struct reply *consumer,
			   const struct reply *workers,
			   const struct reply *lost)
{
	const struct reply *name = pair_find(consumer, "name");
	const struct reply *pending = pair_find(consumer, "pending");

	if (!name || !pending || pending->integer > 0 ||
	    has_member(workers, name->text) || has_member(lost, name->text))
		return;
	finding(e->doctor, CONSUMER_STRAY, SUBJECT(.key = name->text),
		"of queue %.*s", TEXT(e->b));
}

/* An entry needs some 100 bytes; a node of the tree holds many of them. */
static void judge_room(struct errand *e, const struct reply *stream)
{
	const struct reply *length = pair_find(stream, "length");
	const struct reply *nodes = pair_find(stream, "radix-tree-keys");

	if (length && nodes && nodes->integer > 1000 &&
	    nodes->integer > length->integer / 2)
		finding(e->doctor, STREAM_SPARSE, SUBJECT(.key = e->b),
			"%lld entries in %lld blocks",
			(long long)length->integer, (long long)nodes->integer);
}

/* What takes from a queue is a consumer from its first read on. */
static void judge_service(struct errand *e, const struct reply *consumers,
			  const struct reply *workers,
			  const struct reply *stream)
{
	const struct reply *length = pair_find(stream, "length");

	for (size_t i = 0; i < consumers->count; i++) {
		const struct reply *name =
			pair_find(&consumers->items[i], "name");

		if (name && has_member(workers, name->text))
			return;
	}
	if (length && length->integer > 0)
		finding(e->doctor, QUEUE_UNSERVED, SUBJECT(.key = e->b),
			"%lld entries", (long long)length->integer);
}

/* a: the queue's key, b: its name */
static void judge_group(struct errand *e, const struct reply *answers)
{
	for (size_t i = 0; i < answers[0].count; i++)
		judge_consumer(e, &answers[0].items[i], &answers[1],
			       &answers[2]);
	if (answers[3].type != REPLY_ARRAY)
		return;
	judge_room(e, &answers[3]);
	if (!e->doctor->is_data_only)
		judge_service(e, &answers[0], &answers[1], &answers[3]);
}

static void look_at_group(struct doctor *d, struct slice key)
{
	struct errand *e =
		errand_new(d, judge_group, key, queue_of(d, key), none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("XINFO"), SLICE("CONSUMERS"), key, SLICE(GROUP));
	LOOK(d->reader, SLICE("ZRANGE"), errand_key(e, "workers", none),
	     SLICE("0"), SLICE("-1"));
	LOOK(d->reader, SLICE("ZRANGE"), errand_key(e, "lost", none),
	     SLICE("0"), SLICE("-1"));
	LOOK(d->reader, SLICE("XINFO"), SLICE("STREAM"), key);
	errand_send(e);
}

/* --- all of them --------------------------------------------------------- */

static void on_queues(struct doctor *d, const struct reply *items, size_t count)
{
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < count; i++) {
		struct slice key =
			doctor_key(d, &arena, "queue:", items[i].text);
		doctor_walk_stream(d, key, on_entry);
		each_pending(d, key);
		look_at_group(d, key);
	}
	arena_clear(&arena);
}

/* Redis knows no group or stream of that name: an error, which holds nothing.
 */
static void judge_paused(struct errand *e, const struct reply *answers)
{
	if (answers[0].integer == 1 && answers[1].integer == 0)
		finding(e->doctor, PAUSED_STRAY, SUBJECT(.key = e->a), "%s",
			"");
}

static void look_at_paused(struct doctor *d, struct slice name)
{
	struct errand *e = errand_new(d, judge_paused, name, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("SISMEMBER"), errand_key(e, "paused", none),
	     e->a);
	LOOK(d->reader, SLICE("SISMEMBER"), errand_key(e, "queues", none),
	     e->a);
	errand_send(e);
}

static void on_paused(struct doctor *d, const struct reply *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		look_at_paused(d, items[i].text);
}

void doctor_queues(struct doctor *d)
{
	doctor_walk(d, "SSCAN", doctor_key(d, &d->arena, "queues", none),
		    on_queues);
	doctor_walk(d, "SSCAN", doctor_key(d, &d->arena, "paused", none),
		    on_paused);
}
