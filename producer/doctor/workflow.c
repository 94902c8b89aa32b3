/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "errand.h"
#include "treadle/crypto.h"

/*
 * Workflows by name: how many definitions of each are stored, and where the
 * newest runs of each are.
 *
 * All definitions can't be counted as of one instant: those that were met are
 * (d->uses). A count that is lower than that is wrong in any case; a higher one
 * is told if it was the same before they were met.
 */
static const struct slice none = {"", 0};

#define ELEMENTS_MAX "2000" /* twice what a list may hold */

/* --- where its newest runs are ------------------------------------------- */

static bool is_run_id(struct slice text)
{
	return text.len == RUN_ID_LEN && !memchr(text.data, ' ', text.len);
}

/* "<id>", "<least> <greatest>", and, as the first, "below <id>" */
static bool is_element(struct slice text, bool is_first)
{
	struct slice least = slice_cut(&text, ' ');

	if (is_first && slice_is(least, "below"))
		return is_run_id(text);
	return is_run_id(least) &&
	       (!text.len || (is_run_id(text) &&
			      memcmp(least.data, text.data, RUN_ID_LEN) <= 0));
}

/* a: the workflow */
static void judge_recent(struct errand *e, const struct reply *answers)
{
	const struct reply *elements = &answers[0];
	struct doctor *d = e->doctor;

	if (elements->type != REPLY_ARRAY || !elements->count)
		return;
	if (answers[1].type != REPLY_TEXT)
		finding(d, RECENT_WRONG, SUBJECT(.key = e->a),
			"no definition of it is stored");
	for (size_t i = 0; i < elements->count; i++) {
		struct slice text = elements->items[i].text;

		if (!is_element(text, i == 0))
			finding(d, RECENT_WRONG, SUBJECT(.key = e->a),
				"element %zu is \"%.*s\"", i, TEXT(text));
	}
}

void doctor_recent(struct doctor *d, struct slice workflow)
{
	struct errand *e = errand_new(d, judge_recent, workflow, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("LRANGE"), errand_key(e, "recent:", e->a),
	     SLICE("0"), SLICE(ELEMENTS_MAX));
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "workflows", none), e->a);
	errand_send(e);
}

/* --- how many definitions ------------------------------------------------ */

static int64_t count_of(jv counts, struct slice name)
{
	jv value = jv_object_get(jv_copy(counts),
				 jv_string_sized(name.data, (int)name.len));
	int64_t count = jv_get_kind(value) == JV_KIND_NUMBER
				? (int64_t)jv_number_value(value)
				: 0;

	jv_free(value);
	return count;
}

static void set_count(jv *counts, struct slice name, int64_t count)
{
	*counts = jv_object_set(*counts,
				jv_string_sized(name.data, (int)name.len),
				jv_number((double)count));
}

static void on_workflows(struct doctor *d, const struct reply *items,
			 size_t count)
{
	int64_t said;

	for (size_t i = 0; i + 1 < count; i += 2)
		if (!slice_int(items[i + 1].text, 0, INT64_MAX, &said))
			set_count(&d->workflows.said, items[i].text, said);
}

void doctor_workflows_begin(struct doctor *d)
{
	doctor_walk(d, "HSCAN", doctor_key(d, &d->arena, "workflows", none),
		    on_workflows);
}

/* a: the digest */
static void count_definition(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	const struct reply *of = &answers[0];
	int64_t runs = 0;

	if (of->type != REPLY_ARRAY || of->items[0].type != REPLY_TEXT)
		return;
	struct slice name = of->items[0].text;
	set_count(&d->workflows.counted, name,
		  count_of(d->workflows.counted, name) + 1);
	slice_int(of->items[1].text, 0, INT64_MAX, &runs);
	if (runs > 0)
		set_count(&d->workflows.in_use, name, 1);
}

/* a: the workflow */
static void judge_workflow(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	int64_t counted = count_of(d->workflows.counted, e->a), said = 0;
	bool is_number = answers[0].type != REPLY_TEXT ||
			 !slice_int(answers[0].text, 1, INT64_MAX, &said);
	bool is_right =
		is_number &&
		(said == counted ||
		 (said > counted && said != count_of(d->workflows.said, e->a)));
	bool is_found = answers[1].integer == 1 ||
			answers[0].type != REPLY_TEXT ||
			!count_of(d->workflows.in_use, e->a);

	d->workflows.wrong += !is_right + !is_found;
	if (!is_right && d->workflows.tells)
		finding(d, WORKFLOW_COUNT, SUBJECT(.key = e->a),
			"it says \"%.*s\", %lld are stored",
			TEXT(answers[0].text), (long long)counted);
	if (!is_found && d->workflows.tells)
		finding(d, RECENT_WRONG, SUBJECT(.key = e->a),
			"it has runs, but no list");
}

/* Asks about each member of an object, in turn. */
static void each(struct doctor *d, jv object,
		 void (*ask)(struct doctor *d, struct slice name))
{
	struct members m;

	members_init(&m, object);
	for (size_t i = 0; i < m.count; i++)
		ask(d, m.items[i].name);
	reader_drain(d->reader);
	members_clear(&m);
}

static void ask_definition(struct doctor *d, struct slice digest)
{
	struct errand *e = errand_new(d, count_definition, digest, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("HMGET"), errand_key(e, "def:", e->a),
	     SLICE("name"), SLICE("runs"));
	errand_send(e);
}

static void ask_workflow(struct doctor *d, struct slice name)
{
	struct errand *e = errand_new(d, judge_workflow, name, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "workflows", none), e->a);
	LOOK(d->reader, SLICE("EXISTS"), errand_key(e, "recent:", e->a));
	errand_send(e);
}

/* What is wrong is counted once more before it is told. */
void doctor_workflows_end(struct doctor *d)
{
	for (int i = 0; d->sample == INT64_MAX && i < 2; i++) {
		jv_free(d->workflows.counted);
		d->workflows.counted = jv_object();
		d->workflows.tells = i > 0;
		d->workflows.wrong = 0;
		each(d, d->uses, ask_definition);
		each(d, d->workflows.counted, ask_workflow);
		each(d, d->workflows.said, ask_workflow);
		if (!d->workflows.wrong)
			break;
	}
}
