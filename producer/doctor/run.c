/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "exam.h"

/*
 * One run: asked in rounds, until one look holds all that must be known.
 *
 *   ask --answers say what else must be known--> ask ... --> judge
 *
 * A run that changes between two rounds is asked once more, a few times: its
 * steps move on while we look.
 */
#define ROUNDS_MAX 30

static void ask(struct exam *e);

static void end(struct exam *e)
{
	arena_clear(&e->round);
	arena_clear(&e->arena);
	free(e);
}

/* --- what must be asked -------------------------------------------------- */

static void want(struct exam *e, enum question_kind kind, struct slice a,
		 struct slice b)
{
	if (e->count == e->cap) {
		struct question *more;
		e->cap = e->cap ? 2 * e->cap : 16;
		more = arena_calloc(&e->arena, e->cap, sizeof(*more));
		for (size_t i = 0; i < e->count; i++)
			more[i] = e->questions[i];
		e->questions = more;
	}
	e->questions[e->count++] = (struct question){
		.kind = kind,
		.a = arena_copy(&e->arena, a),
		.b = arena_copy(&e->arena, b),
	};
}

struct wishes {
	struct exam *exam;
	struct question *items; /* borrowed texts */
	size_t count;
	bool is_complete; /* each was asked in this round */
};

static const struct reply *wish(struct wishes *w, enum question_kind kind,
				struct slice a, struct slice b)
{
	const struct reply *answer = exam_answer(w->exam, kind, a, b);

	w->items[w->count++] = (struct question){.kind = kind, .a = a, .b = b};
	if (!answer)
		w->is_complete = false;
	return answer;
}

static struct slice member_of(struct exam *e, struct slice step)
{
	return slice_of(
		arena_printf(&e->round, "%.*s/%.*s", TEXT(e->id), TEXT(step)));
}

static void wish_for_step(struct wishes *w, size_t i)
{
	struct exam *e = w->exam;
	const struct step_facts *s = &e->steps[i];
	const struct plan_step *of = s->of;
	const struct reply *answer = NULL;

	if (s->items.is_known)
		wish(w, QUESTION_ITEMS, of->name, SLICE(""));
	if (s->letter.len)
		wish(w, QUESTION_LETTER, s->letter, SLICE(""));
	if (!s->has_record || s->is_unreadable)
		return;
	if (s->state == STEP_READY || s->state == STEP_RUNNING)
		answer = wish(w, QUESTION_ENTRY, of->queue, s->entry);
	else if (s->state == STEP_PARKED && s->child.len)
		wish(w, QUESTION_CHILD, s->child, SLICE(""));
	else if (step_is_timed(s))
		wish(w, QUESTION_DELAYED, member_of(e, of->name), SLICE(""));
	if (s->state == STEP_RUNNING)
		wish(w, QUESTION_WORKER, s->worker, SLICE(""));
	else if (answer && exam_entry(answer, s->entry).is_pending)
		wish(w, QUESTION_WORKER, exam_entry(answer, s->entry).consumer,
		     SLICE(""));
}

/* True if all was asked; else the next round asks for it. */
static bool knows_enough(struct exam *e)
{
	struct wishes w = {.exam = e, .is_complete = true};
	size_t steps = e->plan ? e->steps_count : 0;

	w.items = arena_calloc(&e->round, 4 * steps + 5, sizeof(*w.items));
	e->hint = 0;
	if (e->key.len)
		wish(&w, QUESTION_KEY, e->key, SLICE(""));
	if (e->parent.len) {
		wish(&w, QUESTION_PARENT, e->parent, e->parent_step);
		wish(&w, QUESTION_LISTED, e->id, SLICE(""));
	}
	if (!e->plan)
		wish(&w, QUESTION_GRAPH, e->definition, SLICE(""));
	if (e->workflow.len &&
	    !recents_has(e->doctor->recents, e->workflow, e->id))
		wish(&w, QUESTION_RECENT, e->workflow, SLICE(""));
	for (size_t i = 0; i < steps; i++)
		wish_for_step(&w, i);
	if (w.is_complete)
		return true;
	e->questions = NULL;
	e->count = e->cap = 0;
	for (size_t i = 0; i < w.count; i++)
		want(e, w.items[i].kind, w.items[i].a, w.items[i].b);
	return false;
}

/* --- asking -------------------------------------------------------------- */

static struct slice key(struct exam *e, const char *name, struct slice rest)
{
	return doctor_key(e->doctor, &e->round, name, rest);
}

static void ask_question(struct exam *e, struct question *q, size_t *at)
{
	struct reader *r = e->doctor->reader;
	struct slice none = SLICE("");

	q->at = *at;
	*at += 1;
	switch (q->kind) {
	case QUESTION_ENTRY: {
		struct slice queue = key(e, "queue:", q->a);
		LOOK(r, SLICE("XRANGE"), queue, q->b, q->b);
		LOOK(r, SLICE("XPENDING"), queue, SLICE("workers"), q->b, q->b,
		     SLICE("1"));
		LOOK(r, SLICE("XINFO"), SLICE("GROUPS"), queue);
		*at += 2;
		break;
	}
	case QUESTION_WORKER:
		LOOK(r, SLICE("ZSCORE"), key(e, "workers", none), q->a);
		LOOK(r, SLICE("ZSCORE"), key(e, "lost", none), q->a);
		*at += 1;
		break;
	case QUESTION_DELAYED:
		LOOK(r, SLICE("ZSCORE"), key(e, "delayed", none), q->a);
		break;
	case QUESTION_LETTER:
		LOOK(r, SLICE("XRANGE"), key(e, "dead", none), q->a, q->a);
		break;
	case QUESTION_KEY:
		LOOK(r, SLICE("HGET"), key(e, "keys", none), q->a);
		break;
	case QUESTION_CHILD:
		LOOK(r, SLICE("HGET"), key(e, "run:", q->a), SLICE("state"));
		break;
	case QUESTION_PARENT:
		LOOK(r, SLICE("HGET"), key(e, "run:", q->a),
		     doctor_slice(&e->round, "child:", q->b));
		break;
	case QUESTION_LISTED:
		LOOK(r, SLICE("HGET"), key(e, "children", none), q->a);
		break;
	case QUESTION_GRAPH:
		LOOK(r, SLICE("HGET"), key(e, "def:", q->a), SLICE("graph"));
		break;
	case QUESTION_RECENT:
		LOOK(r, SLICE("LRANGE"), key(e, "recent:", q->a), SLICE("0"),
		     SLICE("-1"));
		break;
	case QUESTION_ITEMS: {
		struct slice member = member_of(e, q->a);
		LOOK(r, SLICE("LLEN"), key(e, "items:", member));
		LOOK(r, SLICE("LLEN"), key(e, "results:", member));
		*at += 1;
		break;
	}
	}
}

/* Of a definition that none of the last runs had. */
static void learn_plan(struct exam *e)
{
	struct plans *plans = e->doctor->plans;
	const struct reply *graph =
		exam_answer(e, QUESTION_GRAPH, e->definition, SLICE(""));

	if (graph && graph->type == REPLY_TEXT &&
	    plans_add(plans, e->definition, graph->text) == 0)
		e->plan = plans_find(plans, e->definition);
}

static void on_answers(void *arg, const struct reply *answers)
{
	struct exam *e = arg;

	if (!answers) {
		end(e);
		return;
	}
	e->answers = answers->items;
	e->plan = NULL;
	if (!exam_read_run(e) || !e->is_state_readable) {
		judge_run(e);
		end(e);
		return;
	}
	e->plan = plans_find(e->doctor->plans, e->definition);
	if (!e->plan)
		learn_plan(e);
	if (e->plan)
		exam_read_steps(e);
	if (knows_enough(e)) {
		judge_run(e);
		end(e);
	} else if (e->rounds < ROUNDS_MAX) {
		ask(e);
	} else {
		e->doctor->restless++;
		end(e);
	}
}

static void ask(struct exam *e)
{
	struct reader *r = e->doctor->reader;
	struct slice run, out, log, none = SLICE("");
	size_t at = ANSWER_FIXED;

	e->rounds++;
	arena_reset(&e->round);
	run = key(e, "run:", e->id);
	out = key(e, "out:", e->id);
	log = key(e, "log:", e->id);
	look_begin(r);
	LOOK(r, SLICE("HGETALL"), run);
	LOOK(r, SLICE("PTTL"), run);
	LOOK(r, SLICE("HKEYS"), out);
	LOOK(r, SLICE("PTTL"), out);
	LOOK(r, SLICE("HKEYS"), log);
	LOOK(r, SLICE("PTTL"), log);
	for (int i = 0; i < RUN_STATES; i++)
		LOOK(r, SLICE("ZSCORE"),
		     key(e, "runs:", slice_of(run_state_names[i])), e->id);
	LOOK(r, SLICE("ZSCORE"), key(e, "finished", none), e->id);
	LOOK(r, SLICE("ZSCORE"), key(e, "delayed", none),
	     member_of(e, SLICE("")));
	for (size_t i = 0; i < e->count; i++)
		ask_question(e, &e->questions[i], &at);
	look_end(r, on_answers, e);
}

void doctor_run(struct doctor *d, struct slice id)
{
	struct exam *e = xcalloc(1, sizeof(*e));

	if (doctor_is_over(d)) {
		free(e);
		return;
	}
	e->doctor = d;
	e->id = arena_copy(&e->arena, id);
	d->runs++;
	bar_update(&d->bar, d->runs,
		   d->expected ? (double)d->runs / (double)d->expected : -1);
	reader_room(d->reader);
	ask(e);
}
