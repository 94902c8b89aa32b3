/* SPDX-License-Identifier: MIT */
#include "exam.h"

#include <stdio.h>
#include <string.h>

const char *const run_state_names[RUN_STATES] = {
	"running",
	"done",
	"failed",
	"cancelled",
};

const char *const step_state_names[STEP_STATES] = {
	"waiting", "ready",   "running", "spread", "delayed",   "parked",
	"done",    "skipped", "failed",  "dead",   "cancelled",
};

bool step_is_settled(enum step_state state)
{
	return state == STEP_DONE || state == STEP_SKIPPED ||
	       state == STEP_FAILED;
}

bool step_is_timed(const struct step_facts *s)
{
	static const char until[] = "\"until\":";

	return s->state == STEP_DELAYED ||
	       (s->state == STEP_PARKED && s->waits.len &&
		memmem(s->waits.data, s->waits.len, until, strlen(until)));
}

/* --- the run ------------------------------------------------------------- */

static bool cut_number(struct slice *text, int64_t *number)
{
	return slice_int(slice_cut(text, ' '), 0, INT64_MAX, number) == 0;
}

/* "again", "draining", "again cleaning" */
static bool read_rest(struct exam *e, struct slice text)
{
	e->phase = PHASE_NONE;
	if (slice_starts(text, "again"))
		slice_cut(&text, ' ');
	if (slice_is(text, "draining"))
		e->phase = PHASE_DRAINING;
	else if (slice_is(text, "undoing"))
		e->phase = PHASE_UNDOING;
	else if (slice_is(text, "cleaning"))
		e->phase = PHASE_CLEANING;
	return !text.len || e->phase != PHASE_NONE;
}

/* "running 3", "failed 2 again" */
static void read_state(struct exam *e, struct slice text)
{
	struct slice name = slice_cut(&text, ' ');

	if (!cut_number(&text, &e->left) || !read_rest(e, text))
		return;
	for (int i = 0; i < RUN_STATES; i++) {
		if (!slice_is(name, run_state_names[i]))
			continue;
		e->state = (enum run_state)i;
		e->is_state_readable = true;
	}
}

bool exam_read_run(struct exam *e)
{
	const struct reply *hash = &e->answers[ANSWER_HASH];
	const struct {
		const char *name;
		struct slice *value;
	} fields[] = {{"workflow", &e->workflow},
		      {"def", &e->definition},
		      {"key", &e->key},
		      {"finished_at", &e->finished_at},
		      {"deadline_at", &e->deadline_at},
		      {"parent", &e->parent_step}};

	e->is_state_readable = false;
	for (size_t i = 0; i < countof(fields); i++)
		*fields[i].value = SLICE("");
	if (hash->type != REPLY_ARRAY || !hash->count)
		return false;
	for (size_t i = 0; i + 1 < hash->count; i += 2) {
		struct slice name = hash->items[i].text;
		for (size_t j = 0; j < countof(fields); j++) {
			if (slice_is(name, fields[j].name))
				*fields[j].value = hash->items[i + 1].text;
		}
		if (slice_is(name, "state"))
			read_state(e, hash->items[i + 1].text);
	}
	e->parent = slice_cut(&e->parent_step, '/');
	return true;
}

/* --- its steps ----------------------------------------------------------- */

static bool is_entry(struct slice text)
{
	int64_t number;

	return slice_int(slice_cut(&text, '-'), 0, INT64_MAX, &number) == 0 &&
	       slice_int(text, 0, INT64_MAX, &number) == 0;
}

/* "waiting 2", "waiting 2 1" */
static bool read_waiting(struct step_facts *s, struct slice rest)
{
	int64_t attempts;

	return cut_number(&rest, &s->left) &&
	       (!rest.len || (cut_number(&rest, &attempts) && !rest.len));
}

/* "running 2 0 1732243342123-0 7f3k2m9q 1732243342125" */
static bool read_record(struct step_facts *s, struct slice rest)
{
	struct slice state = slice_cut(&rest, ' ');
	int64_t attempt, recoveries, number;

	s->has_record = true;
	for (s->state = 0; s->state < STEP_STATES; s->state++) {
		if (slice_is(state, step_state_names[s->state]))
			break;
	}
	if (s->state == STEP_STATES)
		return false;
	if (s->state == STEP_WAITING)
		return read_waiting(s, rest);
	if (!cut_number(&rest, &attempt) || !cut_number(&rest, &recoveries))
		return false;
	s->entry = slice_cut(&rest, ' ');
	if (s->state == STEP_SKIPPED && slice_is(s->entry, "-"))
		return !rest.len;
	if (!is_entry(s->entry))
		return false;
	s->worker = slice_cut(&rest, ' ');
	if (s->state == STEP_READY)
		return !rest.len &&
		       (!s->worker.len || slice_is(s->worker, "more"));
	if (s->state == STEP_RUNNING)
		return s->worker.len && cut_number(&rest, &number) && !rest.len;
	return true;
}

/* Of "<step>/<index>" the number of the step, if it has items. */
static size_t base_of(const struct exam *e, struct slice item)
{
	size_t i = plan_find(e->plan, slice_cut(&item, '/'));
	int64_t index;

	if (i == PLAN_NONE || !e->plan->steps[i].has_items ||
	    slice_int(item, 0, INT64_MAX, &index))
		return PLAN_NONE;
	return i;
}

/* Whether it begins so; the name behind it. */
static bool cut_prefix(struct slice *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (!slice_starts(*name, prefix))
		return false;
	name->data += len;
	name->len -= len;
	return true;
}

/* Whether "<prefix><name>" is about a step, or an item of one. */
static bool is_of_step(const struct exam *e, struct slice name,
		       const char *prefix)
{
	return cut_prefix(&name, prefix) &&
	       (plan_find(e->plan, name) != PLAN_NONE ||
		base_of(e, name) != PLAN_NONE);
}

/* What is known of that step, or of that item; NULL for none. */
static struct step_facts *facts_of(struct exam *e, struct slice name)
{
	size_t i = plan_find(e->plan, name);

	for (size_t k = e->plan->count; i == PLAN_NONE && k < e->steps_count;
	     k++) {
		if (slice_equal(e->steps[k].of->name, name))
			i = k;
	}
	return i == PLAN_NONE ? NULL : &e->steps[i];
}

/* An item has a record: it is one step more. */
static struct step_facts *add_item(struct exam *e, struct slice name,
				   size_t base)
{
	struct step_facts *s = &e->steps[e->steps_count++];
	struct plan_step *of = arena_calloc(&e->round, 1, sizeof(*of));

	of->name = name;
	of->queue = e->plan->steps[base].queue;
	of->is_closing = e->plan->steps[base].is_closing;
	of->performs = e->plan->steps[base].performs;
	of->is_item = true;
	s->of = of;
	e->steps[base].items.live++;
	return s;
}

/* "<total> <begun> <done> <failed>" */
static void read_items(struct items *items, struct slice text)
{
	items->is_known = cut_number(&text, &items->total) &&
			  cut_number(&text, &items->begun) &&
			  cut_number(&text, &items->done) &&
			  cut_number(&text, &items->failed) && !text.len;
}

static bool is_plain_field(struct slice name)
{
	static const char *const known[] = {
		"state",       "workflow",    "def",    "submitted_at",
		"finished_at", "deadline_at", "key",    "reason",
		"input",       "closing",     "undo",   "forked_from",
		"no_cache",    "blobs",       "parent", "revoked",
	};

	for (size_t i = 0; i < countof(known); i++) {
		if (slice_is(name, known[i]))
			return true;
	}
	return false;
}

static void tell_unknown(struct exam *e, const char *key, struct slice name)
{
	char text[128];

	snprintf(text, sizeof(text), "%s%.*s", key, TEXT(e->id));
	finding(e->doctor, FIELD_UNKNOWN,
		SUBJECT(.run = e->id, .key = slice_of(text)), "field %.*s",
		TEXT(name));
}

static void read_step(struct exam *e, struct slice name, struct slice value)
{
	size_t i = plan_find(e->plan, name), base = base_of(e, name);
	struct step_facts *s = NULL;

	if (i != PLAN_NONE)
		s = &e->steps[i];
	else if (base != PLAN_NONE)
		s = add_item(e, name, base);
	if (s)
		s->is_unreadable = !read_record(s, value);
}

static void read_field(struct exam *e, struct slice name, struct slice value)
{
	static const char *const known[] = {
		"step:", "dead:",   "again:", "progress:", "cost:", "caught:",
		"undo:", "cached:", "items:", "waits:",    "child:"};
	bool is_known = is_plain_field(name);

	for (size_t i = 0; !is_known && i < countof(known); i++)
		is_known = is_of_step(e, name, known[i]);
	if (!is_known)
		tell_unknown(e, "run:", name);
	else if (cut_prefix(&name, "step:"))
		read_step(e, name, value);
	else if (cut_prefix(&name, "items:") && facts_of(e, name))
		read_items(&facts_of(e, name)->items, value);
}

/* What is known beside the record, of steps and of items that have one. */
static void read_more(struct exam *e, struct slice name, struct slice value)
{
	struct slice field = name;
	struct step_facts *s;

	if (cut_prefix(&name, "dead:") && (s = facts_of(e, name)))
		s->letter = value;
	else if (cut_prefix(&name, "waits:") && (s = facts_of(e, name)))
		s->waits = value;
	else if (cut_prefix(&name, "child:") && (s = facts_of(e, name)))
		s->child = value;
	else if (name.len < field.len && base_of(e, name) != PLAN_NONE)
		tell_unknown(e, "run:", field);
}

static void read_output(struct exam *e, struct slice name)
{
	size_t i = plan_find(e->plan, name);

	if (i != PLAN_NONE)
		e->steps[i].has_output = true;
	else if (!slice_is(name, ".input") && !slice_is(name, ".reason") &&
		 !is_of_step(e, name, ".memo:") &&
		 !is_of_step(e, name, ".last:") &&
		 !is_of_step(e, name, ".signal:") &&
		 !is_of_step(e, name, ".error:"))
		tell_unknown(e, "out:", name);
}

/* "<step>/<attempt>", and behind it "/log", or "~<n>" of a lost worker; of an
 * item "<step>/<index>/<attempt>". */
static void read_log(struct exam *e, struct slice name)
{
	struct slice rest = name, step = slice_cut(&rest, '/');
	struct slice attempt = slice_cut(&rest, '/');
	struct slice try;
	int64_t number;

	if (rest.len && !slice_is(rest, "log"))
		attempt = slice_cut(&rest, '/');
	try = slice_cut(&attempt, '~');
	if (plan_find(e->plan, step) == PLAN_NONE ||
	    slice_int(try, 0, INT64_MAX, &number) ||
	    (attempt.len && slice_int(attempt, 0, INT64_MAX, &number)) ||
	    (rest.len && (attempt.len || !slice_is(rest, "log"))))
		tell_unknown(e, "log:", name);
}

void exam_read_steps(struct exam *e)
{
	const struct reply *hash = &e->answers[ANSWER_HASH];
	const struct reply *out = &e->answers[ANSWER_OUT];
	const struct reply *log = &e->answers[ANSWER_LOG];

	e->steps_count = e->plan->count;
	e->steps = arena_calloc(&e->round, e->plan->count + hash->count + 1,
				sizeof(*e->steps));
	for (size_t i = 0; i < e->plan->count; i++) {
		e->steps[i].of = &e->plan->steps[i];
		e->steps[i].left = -1;
	}
	for (size_t i = 0; i + 1 < hash->count; i += 2)
		read_field(e, hash->items[i].text, hash->items[i + 1].text);
	for (size_t i = 0; i + 1 < hash->count; i += 2)
		read_more(e, hash->items[i].text, hash->items[i + 1].text);
	for (size_t i = 0; i < out->count; i++)
		read_output(e, out->items[i].text);
	for (size_t i = 0; i < log->count; i++)
		read_log(e, log->items[i].text);
}

/* --- answers to questions ------------------------------------------------ */

/* They are looked up in the order in which they were asked, mostly. */
const struct reply *exam_answer(struct exam *e, enum question_kind kind,
				struct slice a, struct slice b)
{
	for (size_t n = 0; n < e->count; n++) {
		const struct question *q =
			&e->questions[(e->hint + n) % e->count];
		if (q->kind != kind || !slice_equal(q->a, a) ||
		    !slice_equal(q->b, b))
			continue;
		e->hint = (e->hint + n + 1) % e->count;
		return &e->answers[q->at];
	}
	return NULL;
}

/* Is a <= b, of entries "<ms>-<n>"? */
static bool is_not_after(struct slice a, struct slice b)
{
	int64_t x[2] = {0}, y[2] = {0};

	slice_int(slice_cut(&a, '-'), 0, INT64_MAX, &x[0]);
	slice_int(a, 0, INT64_MAX, &x[1]);
	slice_int(slice_cut(&b, '-'), 0, INT64_MAX, &y[0]);
	slice_int(b, 0, INT64_MAX, &y[1]);
	return x[0] < y[0] || (x[0] == y[0] && x[1] <= y[1]);
}

struct entry_facts exam_entry(const struct reply *answers, struct slice entry)
{
	const struct reply *range = &answers[0], *pending = &answers[1];
	const struct reply *groups = &answers[2];
	struct entry_facts facts = {.consumer = SLICE("")};

	facts.is_there = range->type == REPLY_ARRAY && range->count == 1;
	if (pending->type == REPLY_ARRAY && pending->count == 1) {
		facts.is_pending = true;
		facts.consumer = pending->items[0].items[1].text;
		return facts;
	}
	for (size_t i = 0; groups->type == REPLY_ARRAY && i < groups->count;
	     i++) {
		const struct reply *group = &groups->items[i];
		if (slice_is(pair_text(group, "name"), "workers"))
			facts.is_skipped = is_not_after(
				entry, pair_text(group, "last-delivered-id"));
	}
	return facts;
}
