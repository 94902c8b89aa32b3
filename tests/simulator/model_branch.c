/* SPDX-License-Identifier: MIT */
#include "treadle/base.h"

#include "model_parts.h"

/*
 * What follows from a step that is settled: which of those behind it begin,
 * and which are skipped. Asked of every run: where nothing branches, all that
 * is needed is done.
 */

bool model_goes_on(const struct model_run *r, int step)
{
	if (r->state != RUN_RUNNING || r->closing == CLOSING_DRAINS)
		return false;
	return !r->closing || model_of(r, step)->when;
}

static bool has_passed(const struct model_run *r, int step)
{
	return r->steps[step].state == DONE ||
	       (r->steps[step].state == FAILED &&
		r->shape->steps[step].is_tolerant);
}

/* All that it needs is settled: is it to be performed? */
static bool is_wanted(const struct model_run *r, int step)
{
	const struct shape_step *of = &r->shape->steps[step];

	if (of->handles >= 0)
		return r->steps[of->handles].caught == step;
	if (of->when)
		return of->when == WHEN_ALWAYS;
	for (int i = 0; i < step; i++)
		if ((of->needs & (1u << i)) && has_passed(r, i))
			return true;
	return !of->needs;
}

void model_skip(struct model *m, struct model_run *r, int step)
{
	model_settle(m, r, step, SKIPPED);
	r->steps[step].has_entry = false;
	model_count(m, COUNT_STEPS_SKIPPED, 1);
}

/* It runs under the entry of the step before it. */
static void inherit(struct model *m, struct model_run *r, int step,
		    const struct offer *offer)
{
	struct model_step *s = &r->steps[step];

	s->state = RUNNING;
	s->attempt = 1;
	s->entry = offer->item->entry;
	s->has_entry = true;
	s->worker = offer->call->who;
	s->holder = offer->holder;
	s->started_at = m->now;
	model_count(m, COUNT_ATTEMPTS, 1);
}

/* One step after the other, the last skipped first. */
struct following {
	int open[STEPS_MAX], count;
	int heir; /* -1: none yet */
};

/* One need of the step is settled. */
static void advance(struct model *m, struct model_run *r, int step,
		    struct following *f, const struct offer *offer)
{
	struct model_step *s = &r->steps[step];

	if (s->state != WAITING || --s->needs_left > 0)
		return;
	s->recoveries = 0;
	if (!is_wanted(r, step)) {
		model_skip(m, r, step);
		f->open[f->count++] = step;
	} else if (offer && f->heir < 0 && !r->is_again &&
		   model_may_inherit(m, offer, step)) {
		inherit(m, r, step, offer);
		f->heir = step;
	} else {
		model_enqueue(m, r, step);
	}
}

static void follow(struct model *m, struct model_run *r, struct following *f,
		   const struct offer *offer)
{
	while (f->count > 0) {
		unsigned next = r->shape->steps[f->open[--f->count]].next;

		r->left--;
		for (int i = 0; i < r->shape->count; i++)
			if (next & (1u << i))
				advance(m, r, i, f, offer);
		offer = NULL; /* to its own successors alone */
	}
	if (r->left == 0) {
		r->is_again = false;
		model_finish(m, r, RUN_DONE);
	}
}

int model_follow(struct model *m, struct model_run *r, int step,
		 const struct offer *offer)
{
	struct following f = {{step}, 1, -1};

	if (r->closing)
		model_close_step(m, r, step);
	else if (r->state == RUN_RUNNING)
		follow(m, r, &f, offer);
	else
		r->left--; /* kept for a retry */
	return f.heir;
}

void model_begin_again(struct model *m, struct model_run *r, int step,
		       bool is_named)
{
	struct following f = {{step}, 1, -1};

	if (r->steps[step].state != WAITING || r->steps[step].needs_left > 0)
		return;
	if (is_named || is_wanted(r, step)) {
		model_enqueue(m, r, step);
	} else {
		model_skip(m, r, step);
		follow(m, r, &f, NULL);
	}
}

/* The step that is to handle a failure of this class, or -1. */
static int handler_of(const struct shape_step *of, enum class class)
{
	for (int i = 0; i < of->catch_count; i++)
		if (!of->catches[i].classes ||
		    (of->catches[i].classes & (1u << class)))
			return of->catches[i].step;
	return -1;
}

bool model_provides_for(const struct shape_step *of, enum class class)
{
	return of->is_tolerant || handler_of(of, class) >= 0;
}

void model_give_up(struct model *m, struct model_run *r, int step,
		   enum class class)
{
	const struct shape_step *of = model_of(r, step);

	if (is_item(step)) {
		model_give_up_item(m, r, step, class);
		return;
	}
	if (!model_goes_on(r, step) || !model_provides_for(of, class)) {
		model_bury(m, r, step, class);
		return;
	}
	model_settle(m, r, step, FAILED);
	r->steps[step].has_error = true;
	r->steps[step].caught = handler_of(of, class);
	model_count(m, COUNT_TOLERATED, 1);
	model_follow(m, r, step, NULL);
}
