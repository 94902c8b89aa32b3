/* SPDX-License-Identifier: MIT */
#include "treadle/blobs.h"
#include "treadle/loop.h"
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

/* --- where they are ------------------------------------------------------- */

struct trial {
	bool is_over;
	struct error *err;
};

static void on_tried(void *arg, const struct error *err)
{
	struct trial *t = arg;

	t->is_over = true;
	if (err)
		*t->err = *err;
}

static void on_stopped(void *arg)
{
	(void)arg;
}

/* On a loop of its own: what the reader asks of Redis goes no further. */
static void try_place(const struct config *config, struct error *err)
{
	struct trial t = {.err = err};
	struct blobs *blobs;
	uv_loop_t loop;

	if (blobs_check(config, err) < 0 || loop_init(&loop, err) < 0)
		return;
	blobs = blobs_new(&loop, config);
	t.is_over = !blobs_have_place(blobs);
	if (!t.is_over)
		blobs_try(blobs, on_tried, &t);
	while (!t.is_over)
		uv_run(&loop, UV_RUN_ONCE);
	blobs_stop(blobs, on_stopped, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	loop_close(&loop);
}

void doctor_place(struct doctor *d)
{
	struct error err = {.kind = ERR_NONE};

	try_place(d->call->config, &err);
	if (err.kind != ERR_NONE)
		finding(d, BLOBS_UNREACHABLE, SUBJECT(.key = SLICE("blobs")),
			"%s", err.text);
}
