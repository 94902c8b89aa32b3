/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "errand.h"
#include "exam.h"

/*
 * What is counted as we go, counted once more: totals, and how many runs use
 * each definition.
 *
 * Totals are compared as of one instant. Uses of definitions need a walk over
 * all runs; what came, went or changed its index meanwhile may have been
 * missed or met twice, so that much difference is allowed. What still differs
 * is counted a second time before it is told.
 */
static const struct slice none = {"", 0};

/* --- totals -------------------------------------------------------------- */

/* Asks for what judge_totals() and read_pace() read. */
static void ask_totals(struct errand *e)
{
	struct reader *r = e->doctor->reader;

	LOOK(r, SLICE("HMGET"), errand_key(e, "counters", none),
	     SLICE("submitted"), SLICE("removed"), SLICE("runs_done"),
	     SLICE("runs_failed"), SLICE("runs_cancelled"));
	for (int i = 0; i < RUN_STATES; i++)
		LOOK(r, SLICE("ZCARD"),
		     errand_key(e, "runs:", slice_of(run_state_names[i])));
}

static int64_t number(const struct reply *r)
{
	int64_t n = 0;

	if (r->type == REPLY_TEXT)
		slice_int(r->text, INT64_MIN, INT64_MAX, &n);
	return n;
}

static void judge_totals(struct errand *e, const struct reply *answers)
{
	int64_t submitted, removed, runs = 0;

	if (answers[0].type != REPLY_ARRAY)
		return;
	submitted = number(&answers[0].items[0]);
	removed = number(&answers[0].items[1]);
	for (int i = 0; i < RUN_STATES; i++)
		runs += answers[1 + i].integer;
	if (submitted != runs + removed)
		finding(e->doctor, COUNTERS_WRONG, SUBJECT(.key = SLICE("")),
			"%lld submitted, but there are %lld runs, and %lld "
			"were removed",
			(long long)submitted, (long long)runs,
			(long long)removed);
}

static void check_totals(struct doctor *d)
{
	struct errand *e = errand_new(d, judge_totals, none, none, none);

	if (!e)
		return;
	ask_totals(e);
	errand_send(e);
}

/* --- one definition ------------------------------------------------------ */

/* Whether it is used, and so not to be listed as unused. */
static bool is_used(const struct reply *of, bool has_callers)
{
	return number(&of->items[0]) > 0 || of->items[1].type == REPLY_TEXT ||
	       has_callers;
}

/* a: its digest, or whatever it is named by; b: the name of its workflow */
static void judge_definition(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	const struct subject *about = SUBJECT(.key = e->a);
	const struct reply *of = &answers[0];
	bool is_listed = answers[1].type == REPLY_TEXT;
	bool is_named = slice_equal(answers[3].text, e->a);
	bool has_callers = answers[4].integer == 1;
	bool is_there =
		of->type == REPLY_ARRAY &&
		(of->items[0].type == REPLY_TEXT || answers[2].integer == 1);

	if (is_there && is_named != (of->items[1].type == REPLY_TEXT))
		finding(d, NAMED_WRONG, about,
			"the name %.*s stands for %s, and the definition says "
			"it does%s",
			TEXT(e->b), is_named ? "it" : "another or none",
			is_named ? " not" : "");
	if (is_there && answers[2].integer == 0)
		finding(d, DEFINITION_MISSING, about, "it has no graph");
	else if (!is_there && is_listed)
		finding(d, DEFINITION_UNLISTED, about,
			"it is listed, but gone");
	else if (is_there && is_used(of, has_callers) == is_listed)
		finding(d, DEFINITION_UNLISTED, about,
			"%.*s runs use it, it is %snamed, %s perform it, and "
			"it is %slisted as unused",
			TEXT(of->items[0].text), is_named ? "" : "not ",
			has_callers ? "some" : "none", is_listed ? "" : "not ");
	if (is_there &&
	    !jv_object_has(jv_copy(d->uses),
			   jv_string_sized(e->a.data, (int)e->a.len)))
		d->uses = jv_object_set(
			d->uses, jv_string_sized(e->a.data, (int)e->a.len),
			jv_number(0));
}

/* The name of its workflow never changes, so it may be asked for before. */
static struct slice name_of(struct doctor *d, struct arena *arena,
			    struct slice id)
{
	const struct reply *name =
		ASK(d->reader, arena, SLICE("HGET"),
		    doctor_key(d, arena, "def:", id), SLICE("name"));

	return name && name->type == REPLY_TEXT ? name->text : none;
}

void doctor_definition(struct doctor *d, struct slice id)
{
	struct arena arena;

	arena_init(&arena);
	struct errand *e = errand_new(d, judge_definition, id,
				      name_of(d, &arena, id), none);
	arena_clear(&arena);
	if (!e)
		return;
	LOOK(d->reader, SLICE("HMGET"), errand_key(e, "def:", e->a),
	     SLICE("runs"), SLICE("applied_at"));
	LOOK(d->reader, SLICE("ZSCORE"), errand_key(e, "definitions", none),
	     e->a);
	LOOK(d->reader, SLICE("HEXISTS"), errand_key(e, "def:", e->a),
	     SLICE("graph"));
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "named", none), e->b);
	LOOK(d->reader, SLICE("EXISTS"), errand_key(e, "callers:", e->a));
	errand_send(e);
	doctor_performed(d, id);
}

/* --- names --------------------------------------------------------------- */

/* a: the name, b: its definition */
static void judge_name(struct errand *e, const struct reply *answers)
{
	if (slice_equal(answers[0].text, e->b) &&
	    !slice_equal(answers[1].text, e->a))
		finding(e->doctor, NAMED_LOST, SUBJECT(.key = e->a),
			"definition %.*s is %s", TEXT(e->b),
			answers[1].type == REPLY_TEXT ? "another workflow's"
						      : "gone");
}

static void on_names(struct doctor *d, const struct reply *items, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct errand *e = errand_new(d, judge_name, items[i].text,
					      items[i + 1].text, none);
		if (!e)
			return;
		LOOK(d->reader, SLICE("HGET"), errand_key(e, "named", none),
		     e->a);
		LOOK(d->reader, SLICE("HGET"), errand_key(e, "def:", e->b),
		     SLICE("name"));
		errand_send(e);
		d->members++;
	}
}

static void on_unused(struct doctor *d, const struct reply *items, size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2)
		doctor_definition(d, items[i].text);
}

/* --- uses of definitions ------------------------------------------------- */

/* Of a page of runs: which definition each uses. */
static void count_uses(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	int64_t count = 0;

	slice_int(e->a, 0, INT64_MAX, &count);
	for (int64_t i = 0; i < count; i++) {
		struct slice of = answers[i].text;
		if (answers[i].type != REPLY_TEXT)
			continue;
		jv key = jv_string_sized(of.data, (int)of.len);
		jv old = jv_object_get(jv_copy(d->uses), jv_copy(key));
		double uses = jv_get_kind(old) == JV_KIND_NUMBER
				      ? jv_number_value(old)
				      : 0;
		jv_free(old);
		d->uses = jv_object_set(d->uses, key, jv_number(uses + 1));
	}
}

static void on_runs(struct doctor *d, const struct reply *ids, size_t count)
{
	char text[32];

	snprintf(text, sizeof(text), "%zu", count);
	struct errand *e =
		errand_new(d, count_uses, slice_of(text), none, none);
	if (!e)
		return;
	for (size_t i = 0; i < count; i++)
		LOOK(d->reader, SLICE("HGET"),
		     errand_key(e, "run:", ids[i].text), SLICE("def"));
	errand_send(e);
}

/* Totals, before and after a walk: what came, went or changed meanwhile. */
#define PACE_COUNT 9
struct pace {
	int64_t at[PACE_COUNT]; /* submitted, removed first */
};

static void read_pace(struct errand *e, const struct reply *answers)
{
	struct pace *p = e->doctor->pace;

	for (size_t i = 0; i < 5 && answers[0].type == REPLY_ARRAY; i++)
		p->at[i] = number(&answers[0].items[i]);
	for (size_t i = 0; i < RUN_STATES; i++)
		p->at[5 + i] = answers[1 + i].integer;
}

static void ask_pace(struct doctor *d, struct pace *p)
{
	struct errand *e = errand_new(d, read_pace, none, none, none);

	*p = (struct pace){{0}};
	d->pace = p;
	if (!e)
		return;
	ask_totals(e);
	errand_send(e);
	reader_drain(d->reader);
}

static int64_t slack(const struct pace *a, const struct pace *b)
{
	int64_t sum = 0;

	for (size_t i = 0; i < PACE_COUNT; i++)
		sum += llabs(a->at[i] - b->at[i]);
	return sum;
}

/* Says so only if it was the same in the count before. */
static void compare_use(struct doctor *d, struct slice id, int64_t counted,
			int64_t said)
{
	char more[3][32];
	const struct pace *p = d->pace;

	snprintf(more[0], sizeof(more[0]), "%lld", (long long)counted);
	snprintf(more[1], sizeof(more[1]), "%lld", (long long)p->at[0]);
	snprintf(more[2], sizeof(more[2]), "%lld", (long long)p->at[1]);
	finding(d, DEFINITION_COUNT,
		SUBJECT(.key = id,
			.more = {slice_of(more[0]), slice_of(more[1]),
				 slice_of(more[2])}),
		"it says %lld, %lld runs use it", (long long)said,
		(long long)counted);
}

/* One walk over all runs; how many definitions differ. */
static int64_t walk_uses(struct doctor *d, bool tells)
{
	struct pace before, after;
	struct arena arena;
	struct members m;
	int64_t wrong = 0;

	ask_pace(d, &before);
	for (int i = 0; i < RUN_STATES; i++)
		doctor_walk_runs(d, run_state_names[i], on_runs);
	reader_drain(d->reader);
	arena_init(&arena);
	members_init(&m, d->uses);
	int64_t *said = arena_calloc(&arena, m.count + 1, sizeof(*said));
	for (size_t i = 0; i < m.count; i++) {
		const struct reply *answer =
			ASK(d->reader, &arena, SLICE("HGET"),
			    doctor_key(d, &arena, "def:", m.items[i].name),
			    SLICE("runs"));
		said[i] = answer ? number(answer) : 0;
	}
	ask_pace(d, &after);
	for (size_t i = 0; i < m.count && !doctor_is_over(d); i++) {
		int64_t counted = (int64_t)jv_number_value(m.items[i].value);
		if (llabs(counted - said[i]) <= slack(&before, &after))
			continue;
		wrong++;
		if (tells)
			compare_use(d, m.items[i].name, counted, said[i]);
	}
	members_clear(&m);
	arena_clear(&arena);
	return wrong;
}

static void forget_uses(struct doctor *d)
{
	struct members m;

	members_init(&m, d->uses);
	jv fresh = jv_object();
	for (size_t i = 0; i < m.count; i++)
		fresh = jv_object_set(fresh,
				      jv_string_sized(m.items[i].name.data,
						      (int)m.items[i].name.len),
				      jv_number(0));
	members_clear(&m);
	jv_free(d->uses);
	d->uses = fresh;
}

/* --- the bell ------------------------------------------------------------ */

static void judge_bell(struct errand *e, const struct reply *answers)
{
	if (answers[0].type == REPLY_INTEGER && answers[0].integer > 1)
		finding(e->doctor, BELL_WRONG, SUBJECT(.key = SLICE("timer")),
			"%lld entries", (long long)answers[0].integer);
}

static void check_bell(struct doctor *d)
{
	struct errand *e = errand_new(d, judge_bell, none, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("XLEN"), errand_key(e, "timer", none));
	errand_send(e);
}

void doctor_books(struct doctor *d)
{
	check_totals(d);
	check_bell(d);
	doctor_walk(d, "ZSCAN", doctor_key(d, &d->arena, "definitions", none),
		    on_unused);
	doctor_walk(d, "HSCAN", doctor_key(d, &d->arena, "named", none),
		    on_names);
	reader_drain(d->reader);
	/* Runs are counted by their indexes, which must be right for that. */
	if (d->sample < INT64_MAX ||
	    findings_has(d->findings, FINDING_RUN_UNINDEXED) ||
	    findings_has(d->findings, FINDING_INDEX_STRAY))
		return;
	if (walk_uses(d, false) > 0) {
		forget_uses(d);
		walk_uses(d, true);
	}
}
