/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "errand.h"

/*
 * Workflows by name: how many definitions of each are stored.
 *
 * All definitions can't be counted as of one instant: those that were met are
 * (d->uses). A count that is lower than that is wrong in any case; a higher one
 * is told if it was the same before they were met.
 */
static const struct slice none = {"", 0};

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
	struct slice name = answers[0].text;

	if (answers[0].type == REPLY_TEXT)
		set_count(&d->workflows.counted, name,
			  count_of(d->workflows.counted, name) + 1);
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

	d->workflows.wrong += !is_right;
	if (!is_right && d->workflows.tells)
		finding(d, WORKFLOW_COUNT, SUBJECT(.key = e->a),
			"it says \"%.*s\", %lld are stored",
			TEXT(answers[0].text), (long long)counted);
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
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "def:", e->a),
	     SLICE("name"));
	errand_send(e);
}

static void ask_workflow(struct doctor *d, struct slice name)
{
	struct errand *e = errand_new(d, judge_workflow, name, none, none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("HGET"), errand_key(e, "workflows", none), e->a);
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
