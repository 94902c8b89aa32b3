/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/* The life of a step between READY and its end. */

static struct model_step *step_of(struct model *m, const struct item *item,
				  struct model_run **r)
{
	*r = model_run_find(m, item->run);
	if (!*r || item->step >= (*r)->shape->places)
		return NULL;
	model_touch(m, *r);
	return &(*r)->steps[item->step];
}

static bool has_entry(const struct model_step *s, const struct item *item)
{
	return s->has_entry && !s->is_new &&
	       entry_compare(s->entry, item->entry) == 0;
}

/* --- take -------------------------------------------------------------------
 */

static void fill_begun(const struct model_run *r, int step,
		       struct item_answer *a)
{
	const struct model_step *s = &r->steps[step];
	const struct shape_step *of = model_of(r, step);
	unsigned reads = is_item(step) ? of->item_reads : of->reads;

	a->digest = r->shape->digest;
	snprintf(a->count, TEXT_MAX, "%d %d %d %d", s->attempt, s->base,
		 s->recoveries, s->generation);
	a->memo = s->memo;
	a->input = (is_item(step) ? of->item_reads_input : of->reads_input)
			   ? r->input
			   : 0;
	for (int i = 0; i < r->shape->count; i++)
		if (reads & (1u << i))
			a->reads[a->reads_count++] = r->steps[i].output;
	a->is_repeated = shape_rounds(of, step) > 0;
	a->left = s->left;
	if (is_item(step))
		a->element = r->lists[base_of(step)].items[index_of(step)];
}

static void begin_answer(const struct model_run *r, int step, struct answer *a)
{
	fill_begun(r, step, &a->items[a->count++]);
}

/*
 * The step that an entry stands for: the one it names or, where that is done,
 * the one that has gone on under it. -1: none.
 */
static int bearer(const struct model_run *r, const struct item *item)
{
	int step = item->step;
	bool is_found = true;

	while (is_found && r->steps[step].state == DONE) {
		is_found = false;
		for (int i = 0; i < r->shape->count && !is_found; i++) {
			is_found = (r->shape->steps[step].next & (1u << i)) &&
				   r->shape->steps[i].queue == item->queue &&
				   has_entry(&r->steps[i], item);
			step = is_found ? i : step;
		}
	}
	return is_found && has_entry(&r->steps[step], item) ? step : -1;
}

static bool is_suspect(const struct model_run *r, int step)
{
	int recoveries = r->steps[step].recoveries;
	int limit = model_of(r, step)->recoveries;

	return recoveries > 0 && recoveries >= (limit < 3 ? limit : 3);
}

/* One suspect at a time: true if the worker performs another one. */
static bool has_suspect(struct model *m, struct model_worker *w,
			const struct item *item)
{
	struct model_run *r = model_run_find(m, w->suspect_run);
	const struct model_step *s = r ? &r->steps[w->suspect_step] : NULL;

	if (w->has_suspect && s && s->state == RUNNING &&
	    s->worker == w->number &&
	    entry_compare(s->entry, w->suspect_entry) == 0)
		return true;
	w->has_suspect = true;
	w->suspect_entry = item->entry;
	w->suspect_run = item->run;
	w->suspect_step = item->step;
	return false;
}

static void take_one(struct model *m, struct model_worker *w,
		     const struct item *item, struct answer *a)
{
	struct model_run *r;
	struct model_step *s = step_of(m, item, &r);
	bool is_begun = s && s->state == RUNNING && s->worker == w->number;

	if (s && (s->state == DONE || s->state == SKIPPED) &&
	    has_entry(s, item)) {
		int heir = bearer(r, item);

		if (heir >= 0)
			model_put_back(m, r, heir, false);
		answer_word(a, "DROPPED");
		return;
	}

	/* After a power cut two may have it: then it is neither's. */
	if (s && s->state == RUNNING && has_entry(s, item) && !is_begun) {
		if (s->holder == w->number)
			model_put_back(m, r, item->step, false);
		answer_word(a, "DROPPED");
		return;
	}
	if (!s || !has_entry(s, item) || r->state != RUN_RUNNING ||
	    (s->state != READY && !is_begun)) {
		/* Its run has failed meanwhile, and it was never performed. */
		if (is_begun && has_entry(s, item))
			model_settle(m, r, item->step, CANCELLED);
		answer_word(a, "DROPPED");
		return;
	}
	if (!is_begun && is_suspect(r, item->step) && has_suspect(m, w, item)) {
		model_delay(m, r, item->step, m->now + 1000);
		answer_word(a, "DROPPED");
		a->items[a->count - 1].is_put_off = true;
		return;
	}
	if (!is_begun) {
		s->state = RUNNING;
		s->attempt++;
		s->worker = w->number;
		s->started_at = m->now;
		model_count(m, COUNT_ATTEMPTS, 1);
	}
	begin_answer(r, item->step, a);
}

void model_take(struct model *m, const struct call *c, struct answer *a)
{
	struct model_worker *w = model_worker_find(m, c->who);
	struct model_run *r;

	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		if (!model_is_known_live(m, c->who)) {
			answer_word(a, "LOST");
		} else if (m->paused & (1u << item->queue)) {
			struct model_step *s = step_of(m, item, &r);

			if (s && has_entry(s, item) && bearer(r, item) >= 0)
				model_put_back(m, r, bearer(r, item), false);
			answer_word(a, "PAUSED");
		} else {
			take_one(m, w, item, a);
		}
	}
}

/* --- ends -------------------------------------------------------------------
 */

/*
 * Has this very attempt become that? Dead and failed are two ways to be given
 * up; to be parked is a way to be put aside, and its attempt counts.
 */
static bool has_become(const struct model_step *s, enum step_state ended,
		       int attempt)
{
	if (s->state == PARKED)
		return ended == DELAYED && s->attempt - 1 == attempt;
	if (s->attempt != attempt)
		return false;
	return s->state == ended || (ended == DEAD && s->state == FAILED) ||
	       (ended == DONE && s->state == SPREAD);
}

struct model_step *model_held(struct model *m, const struct item *item,
			      enum step_state ended, int attempt,
			      struct answer *a)
{
	struct model_run *r;
	struct model_step *s = step_of(m, item, &r);

	if (!s) {
		answer_word(a, "GONE");
		return NULL;
	}
	if (s->state == RUNNING && has_entry(s, item) &&
	    s->worker == m->caller && s->attempt == item->attempt)
		return s;
	if ((has_entry(s, item) && has_become(s, ended, attempt)) ||
	    model_has_ended(r, item->step)) {
		model_count(m, COUNT_DUPLICATES, 1);
		answer_word(a, "DUPLICATE");
	} else if (has_entry(s, item) && s->state == CANCELLED) {
		answer_word(a, "CANCELLED");
	} else {
		model_count(m, COUNT_FENCED, 1);
		answer_word(a, "FENCED");
	}
	return NULL;
}

bool model_may_inherit(struct model *m, const struct offer *offer, int step)
{
	const struct item *item = offer->item;
	const struct shape *shape = model_run_find(m, item->run)->shape;

	return item->wants_heir && !m->is_memory_full &&
	       model_is_known_live(m, offer->call->who) &&
	       !(m->paused & (1u << item->queue)) &&
	       shape->steps[step].queue == item->queue &&
	       (!shape_is_exec(&shape->steps[step]) ||
		shape_is_exec(&shape->steps[item->step]));
}

/* Returns the step that the worker goes on with, or -1. */
static int commit(struct model *m, const struct call *c,
		  const struct item *item)
{
	struct model_run *r = model_run_find(m, item->run);
	struct model_step *s = &r->steps[item->step];
	struct offer offer = {c, item, s->holder};

	model_settle(m, r, item->step, item->is_skipped ? SKIPPED : DONE);
	s->output = item->is_skipped ? 0 : item->payload;
	s->source_run = item->source_run;
	s->source_step = item->source_step;
	s->memo = s->progress = 0;
	s->left = (struct left){0};
	model_count(m,
		    item->is_skipped ? COUNT_STEPS_SKIPPED : COUNT_STEPS_DONE,
		    1);
	return model_follow(m, r, item->step, &offer);
}

/* One that was not heard is told again, while it is with this worker. */
static int heir_again(struct model *m, const struct call *c,
		      const struct item *item)
{
	struct model_run *r = model_run_find(m, item->run);
	int heir = bearer(r, item);

	if (!item->wants_heir || heir < 0 || r->steps[heir].state != RUNNING ||
	    r->steps[heir].worker != c->who)
		return -1;
	return heir;
}

/* What is to be answered to who holds it. */
static const char *end_well(struct model *m, const struct call *c,
			    const struct item *item, struct item_answer *of)
{
	struct model_run *r = model_run_find(m, item->run);

	if (is_item(item->step)) {
		model_end_item(m, r, item->step, item->payload);
		model_count(m, COUNT_STEPS_DONE, 1);
	} else if (model_of(r, item->step)->is_each && !item->is_skipped) {
		return model_spread(m, item);
	} else {
		of->heir = commit(m, c, item);
	}
	return "COMMITTED";
}

void model_complete(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		struct item_answer *of = &a->items[i];

		if (model_held(m, item, item->is_skipped ? SKIPPED : DONE,
			       item->attempt, a)) {
			answer_word(a, end_well(m, c, item, of));
		} else if (strcmp(of->word, "DUPLICATE") == 0) {
			of->heir = heir_again(m, c, item);
		}
		if (of->heir >= 0)
			fill_begun(model_run_find(m, item->run), of->heir, of);
	}
}

/* Where its run is over the step ends with it. */
static void put_aside(struct model *m, const struct item *item, int64_t due,
		      enum counter counter)
{
	struct model_run *r = model_run_find(m, item->run);

	if (!model_goes_on(r, item->step)) {
		model_end_with_run(m, r, item->step);
		return;
	}
	model_delay(m, r, item->step, due);
	model_count(m, counter, 1);
}

void model_fail(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		bool is_last = item->when < 0;
		struct model_run *r = model_run_find(m, item->run);

		if (!model_held(m, item, is_last ? DEAD : DELAYED,
				item->attempt, a))
			continue;
		model_log(r, log_code(item->step, item->attempt, -1));
		if (item->log)
			model_log(r, log_code(item->step, item->attempt, -2));
		model_count(m, COUNT_FAILURES + (int)item->class, 1);
		if (is_last)
			model_give_up(m, r, item->step, item->class);
		else
			put_aside(m, item, m->now + item->when, COUNT_RETRIES);
		answer_word(a, "COMMITTED");
	}
}

void model_defer(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		struct model_run *r = model_run_find(m, item->run);
		struct model_step *s =
			model_held(m, item, DELAYED, item->attempt - 1, a);

		if (!s)
			continue;
		answer_word(a, "COMMITTED");
		if (model_of(r, item->step)->has_signal) {
			model_park(m, r, item->step, item);
			continue;
		}
		if (shape_rounds(model_of(r, item->step), item->step))
			model_end_round(s, item);
		else if (item->memo)
			s->memo = item->memo;
		s->attempt--;
		put_aside(m, item, item->when, COUNT_DEFERRALS);
	}
}

void model_note(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		/* No state means that a note was noted already. */
		struct model_step *s =
			model_held(m, item, NOWHERE, item->attempt, a);

		if (!s)
			continue;
		if (item->progress)
			s->progress = item->progress;
		if (item->memo)
			s->memo = item->memo;
		if (item->cost)
			s->cost = item->cost;
		if (item->log)
			model_log(model_run_find(m, item->run),
				  log_code(item->step, item->attempt, -2));
		answer_word(a, "COMMITTED");
	}
}

/* --- giving back ------------------------------------------------------------
 */

/* The worker of a running step has vanished. */
static enum way recover(struct model *m, struct model_run *r, int step)
{
	struct model_step *s = &r->steps[step];

	model_log(r, log_code(step, s->attempt, s->recoveries));
	model_count(m, COUNT_FAILURES + (int)CLASS_WORKER_LOST, 1);
	if (s->recoveries >= model_of(r, step)->recoveries) {
		model_give_up(m, r, step, CLASS_WORKER_LOST);
		return WAY_DEAD;
	}
	s->attempt--;
	s->recoveries++;
	model_enqueue(m, r, step);
	model_count(m, COUNT_RECOVERIES, 1);
	return WAY_RECOVERED;
}

enum way model_put_back(struct model *m, struct model_run *r, int step,
			bool is_lost)
{
	struct model_step *s = &r->steps[step];

	if (!model_is_live(s))
		return WAY_NONE;
	model_touch(m, r);
	if (!model_goes_on(r, step)) {
		model_end_with_run(m, r, step);
		return WAY_NONE;
	}
	if (is_lost && s->state == RUNNING)
		return recover(m, r, step);
	if (s->state == RUNNING)
		s->attempt--;
	model_enqueue(m, r, step);
	return WAY_RETURNED;
}

void model_release(struct model *m, const struct call *c, struct answer *a)
{
	struct model_run *r;

	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		struct model_step *s = step_of(m, item, &r);
		enum way way = WAY_NONE;

		if (s && has_entry(s, item) && bearer(r, item) >= 0)
			way = model_put_back(m, r, bearer(r, item), false);
		model_count(m, COUNT_RELEASES, way != WAY_NONE);
		answer_word(a, way != WAY_NONE ? "COMMITTED" : "FENCED");
	}
}
