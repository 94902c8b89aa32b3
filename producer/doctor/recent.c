/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "errand.h"
#include "exam.h"
#include "treadle/crypto.h"

/*
 * Where the newest runs of each workflow are: a list of spans of ids, in one of
 * which each of its runs lies.
 *
 * A list is long, so it isn't read with each run. What was read last is kept:
 * who lies in it is well, and only for who doesn't it is read anew.
 */
static const struct slice none = {"", 0};

#define ELEMENTS_MAX "2000" /* twice what a list may hold */
#define KEPT_MAX 256        /* lists; then all are dropped, and read again */

struct span {
	struct slice least, greatest;
};

struct kept {
	struct arena arena;
	struct slice workflow;
	struct span *spans;
	size_t count, hint; /* where the last run was */
};

struct recents {
	struct kept kept[KEPT_MAX];
	size_t count;
};

/* --- elements ------------------------------------------------------------ */

static bool is_run_id(struct slice text)
{
	return text.len == RUN_ID_LEN && !memchr(text.data, ' ', text.len);
}

static bool is_not_above(struct slice a, struct slice b)
{
	return memcmp(a.data, b.data, RUN_ID_LEN) <= 0;
}

/*
 * "<id>" or "<least> <greatest>"; the first may be "below <id>", of what was
 * cut off: a span as well.
 */
static bool read_element(struct span *s, struct slice text, bool is_first)
{
	s->least = slice_cut(&text, ' ');
	s->greatest = text.len ? text : s->least;
	if (is_first && slice_is(s->least, "below"))
		s->least = SLICE("00000000000000000000000000");
	return is_run_id(s->least) && is_run_id(s->greatest) &&
	       is_not_above(s->least, s->greatest);
}

/* run: one of it, where there is no list */
static void tell_wrong(struct doctor *d, struct slice workflow,
		       struct slice run, const char *what)
{
	finding(d, RECENT_WRONG,
		SUBJECT(.key = workflow, .more = {run, none, none}), "%s",
		what);
}

/* a: the workflow */
static void judge_elements(struct errand *e, const struct reply *answers)
{
	const struct reply *elements = &answers[0];
	struct doctor *d = e->doctor;
	struct span span;

	if (elements->type != REPLY_ARRAY || !elements->count)
		return;
	if (answers[1].type != REPLY_TEXT)
		tell_wrong(d, e->a, none, "no definition of it is stored");
	for (size_t i = 0; i < elements->count; i++) {
		struct slice text = elements->items[i].text;

		if (!read_element(&span, text, i == 0))
			tell_wrong(d, e->a, none,
				   arena_printf(&e->arena,
						"element %zu is \"%.*s\"", i,
						TEXT(text)));
	}
}

void doctor_recent(struct doctor *d, struct slice workflow)
{
	struct errand *e = errand_new(d, judge_elements, workflow, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("LRANGE"), errand_key(e, "recent:", e->a),
	     SLICE("0"), SLICE(ELEMENTS_MAX));
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "workflows", none), e->a);
	errand_send(e);
}

/* --- what was read last -------------------------------------------------- */

struct recents *recents_new(void)
{
	return xcalloc(1, sizeof(struct recents));
}

static void drop_all(struct recents *r)
{
	for (size_t i = 0; i < r->count; i++)
		arena_clear(&r->kept[i].arena);
	r->count = 0;
}

void recents_free(struct recents *r)
{
	drop_all(r);
	free(r);
}

static struct kept *find(struct recents *r, struct slice workflow)
{
	for (size_t i = 0; i < r->count; i++) {
		if (slice_equal(r->kept[i].workflow, workflow))
			return &r->kept[i];
	}
	return NULL;
}

static struct kept *find_or_add(struct recents *r, struct slice workflow)
{
	struct kept *k = find(r, workflow);

	if (!k && r->count == KEPT_MAX)
		drop_all(r);
	if (!k)
		k = &r->kept[r->count++];
	return k;
}

/* What is no element is told of where the list is examined. */
static void keep(struct recents *r, struct slice workflow,
		 const struct reply *elements)
{
	struct kept *k = find_or_add(r, workflow);

	arena_clear(&k->arena);
	k->workflow = arena_copy(&k->arena, workflow);
	k->count = k->hint = 0;
	k->spans =
		arena_calloc(&k->arena, elements->count + 1, sizeof(*k->spans));
	for (size_t i = 0; i < elements->count; i++) {
		struct slice text =
			arena_copy(&k->arena, elements->items[i].text);
		k->count += read_element(&k->spans[k->count], text, i == 0);
	}
}

/* Runs come in the order of their ids, and so do most spans. */
bool recents_has(struct recents *r, struct slice workflow, struct slice run)
{
	struct kept *k = find(r, workflow);

	for (size_t n = 0; k && run.len == RUN_ID_LEN && n < k->count; n++) {
		size_t i = (k->hint + n) % k->count;
		if (!is_not_above(k->spans[i].least, run) ||
		    !is_not_above(run, k->spans[i].greatest))
			continue;
		k->hint = i;
		return true;
	}
	return false;
}

void recents_judge(struct exam *e)
{
	struct doctor *d = e->doctor;
	const struct reply *elements =
		exam_answer(e, QUESTION_RECENT, e->workflow, none);

	if (!elements || elements->type != REPLY_ARRAY)
		return;
	keep(d->recents, e->workflow, elements);
	if (!elements->count)
		tell_wrong(d, e->workflow, e->id, "it has runs, but no list");
	else if (!recents_has(d->recents, e->workflow, e->id))
		finding(d, RUN_UNLISTED,
			SUBJECT(.run = e->id, .key = e->workflow), "%s", "");
}
