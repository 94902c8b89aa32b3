/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "exam.h"

/*
 * What must be true of a run and its steps: docs/INTERNALS.md, "What is true
 * in each state", sentence by sentence. All answers are of one instant.
 */
#define ABOUT_RUN(e) SUBJECT(.run = (e)->id)

static bool is_text(const struct reply *r)
{
	return r->type == REPLY_TEXT;
}

static bool is_array(const struct reply *r)
{
	return r->type == REPLY_ARRAY;
}

static const char *state_name(const struct exam *e)
{
	return run_state_names[e->state];
}

/* --- keys, indexes ------------------------------------------------------- */

static struct slice own_key(struct exam *e, const char *name)
{
	return slice_of(arena_printf(&e->round, "%s%.*s", name, TEXT(e->id)));
}

static void judge_keys(struct exam *e)
{
	static const struct {
		const char *name;
		enum fixed_answer fields, ttl;
	} keys[] = {{"run:", ANSWER_HASH, ANSWER_TTL},
		    {"out:", ANSWER_OUT, ANSWER_OUT_TTL},
		    {"log:", ANSWER_LOG, ANSWER_LOG_TTL}};

	for (size_t i = 0; i < countof(keys); i++) {
		const struct subject *s =
			SUBJECT(.run = e->id, .key = own_key(e, keys[i].name));
		const struct reply *ttl = &e->answers[keys[i].ttl];
		if (!is_array(&e->answers[keys[i].fields]))
			finding(e->doctor, KEY_TYPE, s, "%.*s",
				TEXT(e->answers[keys[i].fields].text));
		if (ttl->type == REPLY_INTEGER && ttl->integer >= 0)
			finding(e->doctor, KEY_EXPIRES, s, "in %lld ms",
				(long long)ttl->integer);
	}
}

static void judge_absent(struct exam *e)
{
	struct doctor *d = e->doctor;

	for (int i = 0; i < RUN_STATES; i++) {
		if (is_text(&e->answers[ANSWER_INDEX + i]))
			finding(d, INDEX_STRAY, ABOUT_RUN(e),
				"in runs:%s, but there is no such run",
				run_state_names[i]);
	}
	if (is_text(&e->answers[ANSWER_FINISHED]))
		finding(d, FINISHED_WRONG, ABOUT_RUN(e),
			"in finished, but there is no such run");
	if (is_text(&e->answers[ANSWER_DEADLINE]))
		finding(d, DEADLINE_WRONG, ABOUT_RUN(e),
			"its deadline is watched, but there is no such run");
	if (e->answers[ANSWER_OUT_TTL].integer != -2)
		finding(d, KEY_ORPHAN, SUBJECT(.key = own_key(e, "out:")),
			"there is no such run");
	if (e->answers[ANSWER_LOG_TTL].integer != -2)
		finding(d, KEY_ORPHAN, SUBJECT(.key = own_key(e, "log:")),
			"there is no such run");
}

static void judge_indexes(struct exam *e)
{
	for (int i = 0; i < RUN_STATES; i++) {
		const struct reply *score = &e->answers[ANSWER_INDEX + i];
		bool is_own = (enum run_state)i == e->state;
		if (is_own && !is_text(score))
			finding(e->doctor, RUN_UNINDEXED, ABOUT_RUN(e),
				"it is %s", state_name(e));
		else if (is_own && !slice_is(score->text, "0"))
			finding(e->doctor, RUN_UNINDEXED, ABOUT_RUN(e),
				"its score in runs:%s is not 0, so it is not "
				"where it is looked for",
				state_name(e));
		else if (!is_own && is_text(score))
			finding(e->doctor, INDEX_STRAY, ABOUT_RUN(e),
				"in runs:%s, but it is %s", run_state_names[i],
				state_name(e));
	}
}

/* Whether the run that waited for it keeps it: it goes with that. */
static bool is_kept(struct exam *e)
{
	const struct reply *child;

	if (!e->parent.len)
		return false;
	child = exam_answer(e, QUESTION_PARENT, e->parent, e->parent_step);
	return is_text(child) && slice_equal(child->text, e->id);
}

/* The running children are listed, with whose they are: "<run>/<step>". */
static void judge_child(struct exam *e)
{
	const struct reply *listed;
	struct slice parent = e->parent;

	if (!e->parent.len)
		return;
	parent.len += 1 + e->parent_step.len; /* they stand together */
	listed = exam_answer(e, QUESTION_LISTED, e->id, SLICE(""));
	if (e->state == RUN_RUNNING && !slice_equal(listed->text, parent))
		finding(e->doctor, CHILD_UNLISTED, ABOUT_RUN(e),
			"its parent is %.*s, listed is \"%.*s\"", TEXT(parent),
			TEXT(listed->text));
}

static void judge_times(struct exam *e)
{
	const struct reply *finished = &e->answers[ANSWER_FINISHED];
	const struct reply *deadline = &e->answers[ANSWER_DEADLINE];
	bool is_running = e->state == RUN_RUNNING;

	if (is_running && (is_text(finished) || e->finished_at.len))
		finding(e->doctor, FINISHED_WRONG, ABOUT_RUN(e),
			"it is running, but is said to have finished");
	else if (!is_running && is_kept(e) && e->finished_at.len) {
		if (is_text(finished))
			finding(e->doctor, FINISHED_WRONG, ABOUT_RUN(e),
				"it is kept as long as run %.*s, but is in "
				"finished",
				TEXT(e->parent));
	} else if (!is_running &&
		   (!is_text(finished) ||
		    !slice_equal(finished->text, e->finished_at)))
		finding(e->doctor, FINISHED_WRONG, ABOUT_RUN(e),
			"finished_at is %.*s, its score in finished %.*s",
			TEXT(e->finished_at), TEXT(finished->text));
	if (is_running && e->deadline_at.len
		    ? !slice_equal(deadline->text, e->deadline_at)
		    : is_text(deadline))
		finding(e->doctor, DEADLINE_WRONG, ABOUT_RUN(e),
			"it is %s, deadline_at is %.*s, watched for %.*s",
			state_name(e), TEXT(e->deadline_at),
			TEXT(deadline->text));
}

/* "<run> <digest of its content>" */
static void judge_key(struct exam *e)
{
	const struct reply *answer;

	if (!e->key.len)
		return;
	answer = exam_answer(e, QUESTION_KEY, e->key, SLICE(""));
	if (!is_text(answer) || answer->text.len <= e->id.len ||
	    memcmp(answer->text.data, e->id.data, e->id.len) != 0)
		finding(e->doctor, KEY_MISSING, ABOUT_RUN(e), "key %.*s",
			TEXT(e->key));
}

/* --- steps --------------------------------------------------------------- */

static const struct subject *about_step(struct exam *e, size_t i)
{
	struct subject *s = arena_calloc(&e->round, 1, sizeof(*s));

	s->run = e->id;
	s->step = e->steps[i].of->name;
	return s;
}

/* It stands in its queue: waiting for a worker, or held by one. */
static void judge_placed(struct exam *e, size_t i)
{
	const struct step_facts *s = &e->steps[i];
	struct slice queue = e->steps[i].of->queue;
	const struct reply *answers =
		exam_answer(e, QUESTION_ENTRY, queue, s->entry);
	struct entry_facts entry = exam_entry(answers, s->entry);
	const struct subject *about = about_step(e, i);
	const struct reply *worker;

	if (s->state == STEP_READY && !entry.is_there) {
		finding(e->doctor, STEP_NOWHERE, about,
			"ready, but queue %.*s has no entry %.*s", TEXT(queue),
			TEXT(s->entry));
		return;
	}
	if (s->state == STEP_READY && !entry.is_pending) {
		if (entry.is_skipped)
			finding(e->doctor, STEP_SKIPPED, about,
				"entry %.*s of queue %.*s", TEXT(s->entry),
				TEXT(queue));
		return;
	}
	worker = exam_answer(e, QUESTION_WORKER,
			     s->state == STEP_RUNNING ? s->worker
						      : entry.consumer,
			     SLICE(""));
	if (s->state == STEP_RUNNING &&
	    (!entry.is_there || !slice_equal(entry.consumer, s->worker)))
		finding(e->doctor, STEP_UNHELD, about,
			"running at worker %.*s; entry %.*s of queue %.*s is "
			"%s %.*s",
			TEXT(s->worker), TEXT(s->entry), TEXT(queue),
			!entry.is_there    ? "gone"
			: entry.is_pending ? "pending for"
					   : "held by nobody",
			TEXT(entry.consumer));
	if (!is_text(&worker[0]) && !is_text(&worker[1]))
		finding(e->doctor, STEP_UNWATCHED, about, "worker %.*s",
			TEXT(s->state == STEP_RUNNING ? s->worker
						      : entry.consumer));
}

/* It waits for a run of its own, which is under way. */
static bool is_performing(const struct exam *e, size_t i)
{
	return e->steps[i].state == STEP_PARKED && e->steps[i].of->performs;
}

static void judge_parked(struct exam *e, size_t i)
{
	struct slice child = e->steps[i].child;
	const struct reply *state =
		child.len ? exam_answer(e, QUESTION_CHILD, child, SLICE(""))
			  : NULL;

	if (is_performing(e, i) &&
	    !(state && is_text(state) && slice_starts(state->text, "running ")))
		finding(e->doctor, STEP_NOWHERE, about_step(e, i),
			"parked, but its run %.*s is %s", TEXT(child),
			state && is_text(state) ? "over" : "gone");
}

/*
 * Whether its run waits for it. In one that is closed that is what runs, then
 * what undoes, of which each has a record, and then the steps that are there
 * for it; they are dead at worst.
 */
static bool is_left(const struct exam *e, size_t i)
{
	const struct plan_step *of = e->steps[i].of;
	enum step_state state = e->steps[i].state;
	bool is_open = !step_is_settled(state);

	if (e->phase == PHASE_DRAINING)
		return state == STEP_RUNNING || is_performing(e, i);
	if (of->is_item)
		return false;
	if (e->phase == PHASE_UNDOING)
		return of->is_undo && e->steps[i].has_record && is_open &&
		       state != STEP_DEAD;
	if (e->phase == PHASE_CLEANING)
		return of->is_closing && is_open && state != STEP_DEAD;
	return is_open && !of->is_undo;
}

static void judge_waiting(struct exam *e, size_t i)
{
	const struct plan_step *of = e->steps[i].of;
	int64_t left = 0, said = e->steps[i].left;

	/* Those that undo say their place in line. */
	if (of->is_undo || e->phase == PHASE_DRAINING ||
	    e->phase == PHASE_UNDOING ||
	    (e->phase == PHASE_CLEANING && !of->is_closing))
		return;
	for (size_t n = 0; n < of->needs_count; n++)
		left += is_left(e, of->needs[n]);
	if (said < 0)
		said = (int64_t)of->needs_count;
	if (e->state == RUN_RUNNING && left == 0)
		finding(e->doctor, STEP_NOWHERE, about_step(e, i),
			"waiting, but all it needs is settled");
	else if (e->state == RUN_RUNNING && left != said)
		finding(e->doctor, NEEDS_WRONG, ABOUT_RUN(e),
			"step %.*s waits for %lld, %lld are not settled",
			TEXT(of->name), (long long)said, (long long)left);
}

/* Delayed or parked: nobody holds it, but its time is watched. */
static void judge_aside(struct exam *e, size_t i)
{
	const struct step_facts *s = &e->steps[i];
	struct slice step = s->of->name;
	char member[256];

	if (s->state == STEP_PARKED && !s->waits.len)
		finding(e->doctor, STEP_NOWHERE, about_step(e, i),
			"parked, but what it waits for is not said");
	if (!step_is_timed(s))
		return;
	snprintf(member, sizeof(member), "%.*s/%.*s", TEXT(e->id), TEXT(step));
	if (!is_text(exam_answer(e, QUESTION_DELAYED, slice_of(member),
				 SLICE(""))))
		finding(e->doctor, STEP_NOWHERE, about_step(e, i),
			"%s, but not in the delayed set",
			step_state_names[s->state]);
}

/* Which states of a step there may be in which state of its run. */
static void judge_combination(struct exam *e, size_t i)
{
	static const char *const allowed[RUN_STATES][STEP_STATES] = {
		[RUN_RUNNING] = {[STEP_WAITING] = "",
				 [STEP_READY] = "",
				 [STEP_RUNNING] = "",
				 [STEP_SPREAD] = "",
				 [STEP_DELAYED] = "",
				 [STEP_PARKED] = "",
				 [STEP_DONE] = "",
				 [STEP_SKIPPED] = "",
				 [STEP_FAILED] = ""},
		[RUN_DONE] = {[STEP_DONE] = "",
			      [STEP_SKIPPED] = "",
			      [STEP_FAILED] = ""},
		[RUN_FAILED] = {[STEP_WAITING] = "",
				[STEP_RUNNING] = "",
				[STEP_PARKED] = "",
				[STEP_DONE] = "",
				[STEP_SKIPPED] = "",
				[STEP_FAILED] = "",
				[STEP_DEAD] = "",
				[STEP_CANCELLED] = ""},
		[RUN_CANCELLED] = {[STEP_WAITING] = "",
				   [STEP_DONE] = "",
				   [STEP_SKIPPED] = "",
				   [STEP_FAILED] = "",
				   [STEP_DEAD] = "",
				   [STEP_CANCELLED] = ""},
	};
	enum step_state state = e->steps[i].state;

	bool is_closed = e->phase != PHASE_NONE &&
			 (state == STEP_DEAD || state == STEP_CANCELLED);

	if (!allowed[e->state][state] && !is_closed)
		finding(e->doctor, RUN_CONTRADICTION, about_step(e, i),
			"%s, while its run is %s", step_state_names[state],
			state_name(e));
}

static void judge_letter(struct exam *e, size_t i)
{
	const struct step_facts *s = &e->steps[i];
	const struct reply *letters;

	if (!s->letter.len)
		return;
	letters = exam_answer(e, QUESTION_LETTER, s->letter, SLICE(""));
	if (s->state == STEP_DEAD && is_array(letters) && letters->count == 1 &&
	    slice_equal(pair_text(&letters->items[0].items[1], "run"), e->id) &&
	    slice_equal(pair_text(&letters->items[0].items[1], "step"),
			e->steps[i].of->name))
		return;
	finding(e->doctor, LETTER_MISSING, about_step(e, i),
		"%s, names dead letter %.*s", step_state_names[s->state],
		TEXT(s->letter));
}

/* A step that is performed for each item of a list, by its lists and counts. */
static void judge_items(struct exam *e, size_t i)
{
	const struct step_facts *s = &e->steps[i];
	const struct items *n = &s->items;
	int64_t ended = n->done + n->failed;
	const struct reply *lengths;

	if (!n->is_known) {
		if (s->state == STEP_SPREAD)
			finding(e->doctor, ITEMS_WRONG, about_step(e, i),
				"spread, but how far it is can't be read");
		return;
	}
	lengths = exam_answer(e, QUESTION_ITEMS, s->of->name, SLICE(""));
	if (n->begun - ended != n->live)
		finding(e->doctor, ITEMS_WRONG, about_step(e, i),
			"%lld items have begun and %lld ended, but %lld have "
			"a record",
			(long long)n->begun, (long long)ended,
			(long long)n->live);
	for (int k = 0; k < 2; k++) {
		if (lengths[k].integer != n->total)
			finding(e->doctor, ITEMS_WRONG, about_step(e, i),
				"of %lld items %lld are kept",
				(long long)n->total,
				(long long)lengths[k].integer);
	}
	if (s->state == STEP_DONE && ended != n->total)
		finding(e->doctor, ITEMS_WRONG, about_step(e, i),
			"done, but %lld of %lld items have ended",
			(long long)ended, (long long)n->total);
}

static void judge_step(struct exam *e, size_t i)
{
	const struct step_facts *s = &e->steps[i];

	if (s->is_unreadable) {
		finding(e->doctor, RUN_UNREADABLE, about_step(e, i),
			"its record can't be read");
		return;
	}
	if (!s->has_record && s->of->is_undo && !s->has_output)
		return;
	judge_combination(e, i);
	judge_letter(e, i);
	if (s->state == STEP_WAITING)
		judge_waiting(e, i);
	else if (is_performing(e, i))
		judge_parked(e, i);
	else if (s->state == STEP_DELAYED || s->state == STEP_PARKED)
		judge_aside(e, i);
	else if (s->state == STEP_READY || s->state == STEP_RUNNING)
		judge_placed(e, i);
	if (s->of->has_items)
		judge_items(e, i);
	if (s->state == STEP_DONE && !s->has_output)
		finding(e->doctor, OUTPUT_MISSING, about_step(e, i), "%s", "");
	else if (s->state != STEP_DONE && s->has_output)
		finding(e->doctor, OUTPUT_STRAY, about_step(e, i), "%s",
			step_state_names[s->state]);
	if (s->state != STEP_PARKED && s->waits.len)
		finding(e->doctor, FIELD_UNKNOWN, about_step(e, i),
			"field waits:%.*s, but it is %s",
			TEXT(e->steps[i].of->name), step_state_names[s->state]);
}

static void judge_steps(struct exam *e)
{
	int64_t left = 0, live = 0;

	for (size_t i = 0; i < e->steps_count; i++) {
		enum step_state state = e->steps[i].state;
		judge_step(e, i);
		left += is_left(e, i);
		live += state == STEP_READY || state == STEP_RUNNING ||
			state == STEP_DELAYED || state == STEP_PARKED;
	}
	if (left != e->left)
		finding(e->doctor, LEFT_WRONG, ABOUT_RUN(e),
			"%lld by its state, %lld by its records",
			(long long)e->left, (long long)left);
	else if (e->state == RUN_RUNNING && left == 0)
		finding(e->doctor, LEFT_WRONG, ABOUT_RUN(e),
			"it is running, but no step is left");
	if (e->state == RUN_RUNNING && live == 0)
		finding(e->doctor, RUN_STUCK, ABOUT_RUN(e), "%lld steps left",
			(long long)left);
}

void judge_run(struct exam *e)
{
	const struct reply *hash = &e->answers[ANSWER_HASH];

	if (is_array(hash) && !hash->count) {
		judge_absent(e);
		return;
	}
	judge_keys(e);
	if (!is_array(hash))
		return;
	if (!e->is_state_readable) {
		finding(e->doctor, RUN_UNREADABLE, ABOUT_RUN(e),
			"its state can't be read");
		return;
	}
	judge_indexes(e);
	judge_times(e);
	judge_child(e);
	judge_key(e);
	recents_judge(e);
	if (e->plan)
		judge_steps(e);
	else
		finding(e->doctor, DEFINITION_MISSING,
			SUBJECT(.key = e->definition), "of run %.*s",
			TEXT(e->id));
}
