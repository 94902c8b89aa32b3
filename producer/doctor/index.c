/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "errand.h"
#include "exam.h"
#include "treadle/crypto.h"

/*
 * Runs by their indexes, and what else names runs: finished, delayed, keys,
 * dead letters. (That each run is where it must be is seen from the run.)
 */
#define OVERDUE_MS 60000
static const struct slice none = {"", 0};

/* --- runs ---------------------------------------------------------------- */

/* In the order of their ids: none twice, none left out while it stays. */
void doctor_walk_runs(struct doctor *d, const char *state, walk_fn *on_ids)
{
	struct arena page;
	char from[128] = "-";
	int64_t left = d->sample;
	size_t count = 0;

	arena_init(&page);
	do {
		arena_reset(&page);
		const struct reply *answer =
			ASK(d->reader, &page, SLICE("ZRANGEBYLEX"),
			    doctor_key(d, &page, "runs:", slice_of(state)),
			    slice_of(from), SLICE("+"), SLICE("LIMIT"),
			    SLICE("0"), SLICE("500"));
		if (!answer || answer->type != REPLY_ARRAY)
			break;
		count = answer->count;
		on_ids(d, answer->items, count);
		if (count)
			snprintf(from, sizeof(from), "(%.*s",
				 TEXT(answer->items[count - 1].text));
		left -= (int64_t)count;
	} while (count && left > 0);
	arena_clear(&page);
}

static void on_runs(struct doctor *d, const struct reply *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		doctor_run(d, ids[i].text);
}

void doctor_check_runs(struct doctor *d, const struct slice *ids, size_t count)
{
	struct arena arena;
	struct slice *words;

	if (!count)
		return;
	arena_init(&arena);
	words = arena_calloc(&arena, count + 1, sizeof(*words));
	words[0] = SLICE("EXISTS");
	for (size_t i = 0; i < count; i++)
		words[i + 1] = doctor_key(d, &arena, "run:", ids[i]);
	const struct reply *answer =
		reader_ask(d->reader, &arena, words, count + 1);
	for (size_t i = 0;
	     answer && answer->integer < (int64_t)count && i < count; i++)
		doctor_run(d, ids[i]);
	arena_clear(&arena);
}

static void on_finished(struct doctor *d, const struct reply *items,
			size_t count)
{
	struct arena arena;
	struct slice *ids;

	arena_init(&arena);
	ids = arena_calloc(&arena, count / 2 + 1, sizeof(*ids));
	for (size_t i = 0; i < count / 2; i++)
		ids[i] = items[2 * i].text;
	doctor_check_runs(d, ids, count / 2);
	arena_clear(&arena);
}

/* --- delayed ------------------------------------------------------------- */

/* Takes "<run>/<step>" apart. */
static void split(struct slice member, struct slice *run, struct slice *step)
{
	*step = member;
	*run = slice_cut(step, '/');
}

/* By its record, and for what it is parked if it is. */
static bool is_timed(struct slice record, struct slice waits)
{
	struct step_facts s = {.waits = waits};

	if (slice_starts(record, "parked "))
		s.state = STEP_PARKED;
	return slice_starts(record, "delayed ") || step_is_timed(&s);
}

/* a: the member */
static void judge_delayed(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	const struct reply *fields = &answers[1];
	const struct subject *about = SUBJECT(.key = e->a);
	struct slice run, step, state = none, record = none, waits = none;
	bool is_owned;

	if (answers[0].type != REPLY_TEXT)
		return;
	split(e->a, &run, &step);
	if (fields->type == REPLY_ARRAY) {
		state = fields->items[0].text;
		record = fields->items[1].text;
		waits = fields->items[2].text;
	}
	is_owned = slice_starts(state, "running ") &&
		   (!step.len || is_timed(record, waits));
	if (!is_owned)
		finding(d, DELAYED_STRAY, about,
			"state \"%.*s\", step \"%.*s\"", TEXT(state),
			TEXT(record));
	double due = strtod(answers[0].text.data, NULL);
	if (is_owned && d->has_coordinator &&
	    due < (double)(d->now - OVERDUE_MS))
		finding(d, DELAYED_OVERDUE, about, "by %.0f s",
			((double)d->now - due) / 1000);
}

static void on_delayed(struct doctor *d, const struct reply *items,
		       size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct slice run, step;
		struct errand *e =
			errand_new(d, judge_delayed, items[i].text, none, none);
		if (!e)
			return;
		split(e->a, &run, &step);
		LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "delayed", none),
		     e->a);
		LOOK(d->reader, SLICE("HMGET"), errand_key(e, "run:", run),
		     SLICE("state"), doctor_slice(&e->arena, "step:", step),
		     doctor_slice(&e->arena, "waits:", step));
		errand_send(e);
		d->members++;
	}
}

/* --- keys of idempotency ------------------------------------------------- */

/* a: the key, b: what it belonged to */
static void judge_key(struct errand *e, const struct reply *answers)
{
	if (answers[0].type != REPLY_TEXT ||
	    !slice_equal(answers[0].text, e->b) ||
	    slice_equal(answers[1].text, e->a))
		return;
	finding(e->doctor, KEY_STRAY, SUBJECT(.key = e->a), "run %.*s",
		TEXT(e->b));
}

static void on_keys(struct doctor *d, const struct reply *items, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct slice run = items[i + 1].text;
		struct errand *e =
			errand_new(d, judge_key, items[i].text, run, none);
		if (!e)
			return;
		LOOK(d->reader, SLICE("HGET"), errand_key(e, "keys", none),
		     e->a);
		LOOK(d->reader, SLICE("HGET"),
		     errand_key(e, "run:", slice_cut(&run, ' ')), SLICE("key"));
		errand_send(e);
		d->members++;
	}
}

/* --- dead letters -------------------------------------------------------- */

/* a: the entry, b: the run, c: the step */
static void judge_letter(struct errand *e, const struct reply *answers)
{
	if (answers[0].count && !slice_equal(answers[1].text, e->a))
		finding(e->doctor, LETTER_STRAY,
			SUBJECT(.run = e->b, .step = e->c, .entry = e->a),
			"the run names \"%.*s\"", TEXT(answers[1].text));
}

static void on_letter(struct doctor *d, struct slice key,
		      const struct reply *entry)
{
	struct errand *e = errand_new(d, judge_letter, entry->items[0].text,
				      pair_text(&entry->items[1], "run"),
				      pair_text(&entry->items[1], "step"));

	if (!e)
		return;
	LOOK(d->reader, SLICE("XRANGE"), key, e->a, e->a);
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "run:", e->b),
	     doctor_slice(&e->arena, "dead:", e->c));
	errand_send(e);
	d->members++;
}

void doctor_indexes(struct doctor *d)
{
	struct arena *arena = &d->arena;

	for (int i = 0; i < RUN_STATES; i++)
		doctor_walk_runs(d, run_state_names[i], on_runs);
	doctor_walk(d, "ZSCAN", doctor_key(d, arena, "finished", none),
		    on_finished);
	doctor_walk(d, "ZSCAN", doctor_key(d, arena, "delayed", none),
		    on_delayed);
	doctor_walk(d, "HSCAN", doctor_key(d, arena, "keys", none), on_keys);
	doctor_walk_stream(d, doctor_key(d, arena, "dead", none), on_letter);
	doctor_children(d);
}
