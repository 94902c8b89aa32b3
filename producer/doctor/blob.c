/* SPDX-License-Identifier: MIT */
#include "errand.h"
#include "exam.h"

/*
 * What runs hold of big values must be known to be held, or it is deleted
 * with the last run that is known.
 */
#define HELD_MAX "100" /* of one run, any of them */
static const struct slice none = {"", 0};

/* a: the run, b: the hash of a blob that it held a moment ago */
static void judge_hold(struct errand *e, const struct reply *answers)
{
	if (answers[0].integer == 1 && answers[1].type != REPLY_TEXT)
		finding(e->doctor, BLOB_UNHELD, SUBJECT(.run = e->a), "%.*s",
			TEXT(e->b));
}

static void look_at_hold(struct doctor *d, struct slice run, struct slice hash)
{
	struct errand *e = errand_new(d, judge_hold, run, hash, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("SISMEMBER"), errand_key(e, "blobs:", e->a),
	     e->b);
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "blobs", none), e->b);
	errand_send(e);
}

/* a: the run. Asking may wait, and then the answers are gone. */
static void judge_holds(struct errand *e, const struct reply *answers)
{
	size_t count = answers[0].type == REPLY_ARRAY ? answers[0].count : 0;
	struct slice *hashes =
		arena_calloc(&e->arena, count + 1, sizeof(*hashes));

	for (size_t i = 0; i < count; i++)
		hashes[i] = arena_copy(&e->arena, answers[0].items[i].text);
	for (size_t i = 0; i < count; i++)
		look_at_hold(e->doctor, e->a, hashes[i]);
}

void doctor_holds(struct doctor *d, struct slice run)
{
	struct errand *e = errand_new(d, judge_holds, run, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("SRANDMEMBER"), errand_key(e, "blobs:", e->a),
	     SLICE(HELD_MAX));
	errand_send(e);
}
