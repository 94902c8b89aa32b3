/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/* What producers and operators do. */

/* --- definitions and runs ---------------------------------------------------
 */

void model_define(struct model *m, const struct call *c, struct answer *a)
{
	struct model_definition *d = &m->definitions[c->definition];

	if (d->is_there) {
		answer_word(a, "KNOWN");
		return;
	}
	d->is_there = d->is_idle = true;
	d->idle_since = m->now;
	d->runs = 0;
	m->queues |= d->shape->queues;
	answer_word(a, "OK");
}

static void answer_run(struct answer *a, const char *code, int run)
{
	char name[TEXT_MAX], text[TEXT_MAX + 16];

	snprintf(text, sizeof(text), "%s %s", code, name_run(name, run));
	answer_word(a, text);
}

static void create(struct model *m, const struct item *item, bool is_uncached)
{
	struct model_definition *d = &m->definitions[item->definition];
	struct model_run *r = NULL;
	int64_t deadline = item->when ? item->when : d->shape->deadline_ms;

	for (int i = 0; i < RUNS_MAX && !r; i++)
		if (m->runs[i].number == 0)
			r = &m->runs[i];
	must(r != NULL);
	memset(r, 0, sizeof(*r));
	r->number = item->run;
	r->shape = d->shape;
	r->definition = item->definition;
	r->left = d->shape->count;
	r->key = item->key;
	r->input = item->payload;
	r->is_uncached = is_uncached;
	r->submitted_at = m->now;
	if (deadline > 0) {
		r->deadline_at = m->now + deadline;
		r->is_scheduled = m->is_timer_rung = true;
	}
	for (int i = 0; i < r->shape->count; i++) {
		r->steps[i].holder = r->steps[i].caught = -1;
		r->steps[i].state = WAITING;
		r->steps[i].needs_left =
			__builtin_popcount(r->shape->steps[i].needs);
		if (r->steps[i].needs_left == 0)
			model_enqueue(m, r, i);
	}
	if (d->runs++ == 0)
		d->is_idle = false;
	model_touch(m, r);
	model_count(m, COUNT_SUBMITTED, 1);
}

void model_submit(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];
		int known = item->key >= 0 ? m->keys[item->key].run : 0;

		if (known) {
			bool is_same =
				m->keys[item->key].definition ==
					item->definition &&
				m->keys[item->key].input == item->payload;

			answer_run(a, is_same ? "EXISTS" : "CONFLICT", known);
		} else if (!m->definitions[item->definition].is_there) {
			answer_run(a, "UNDEFINED", item->run);
		} else if (model_run_find(m, item->run)) {
			answer_run(a, "EXISTS", item->run);
		} else {
			create(m, item, c->is_uncached);
			if (item->key >= 0) {
				m->keys[item->key].run = item->run;
				m->keys[item->key].definition =
					item->definition;
				m->keys[item->key].input = item->payload;
			}
			answer_word(a, "CREATED");
		}
	}
}

/* --- operators --------------------------------------------------------------
 */

static struct model_run *run_of(struct model *m, const struct call *c,
				struct answer *a)
{
	struct model_run *r = model_run_find(m, c->run);

	if (r)
		model_touch(m, r);
	else
		answer_error(a, "ABSENT");
	return r;
}

void model_cancel(struct model *m, const struct call *c, struct answer *a)
{
	struct model_run *r = run_of(m, c, a);
	int stopped = 0;

	if (!r)
		return;
	if (r->state == RUN_DONE || r->state == RUN_FAILED) {
		answer_error(a, "CONFLICT");
		return;
	}
	if (r->state == RUN_RUNNING) {
		for (int i = 0; i < r->shape->places; i++)
			stopped += r->steps[i].state == RUNNING;
		model_stop(m, r, RUN_CANCELLED, true);
	}
	a->numbers[0].name = "stopped";
	a->numbers[0].value = stopped;
}

static bool has_step(const struct shape *s, int step)
{
	return base_of(step) < s->count &&
	       (!is_item(step) || s->steps[base_of(step)].is_each);
}

/* A step, and all that comes behind it. */
static unsigned steps_from(const struct model_run *r, int from)
{
	unsigned steps = 1u << from;

	for (int i = from + 1; i < r->shape->count; i++)
		if (r->shape->steps[i].needs & steps)
			steps |= 1u << i;
	return steps;
}

static bool runs_one_of(const struct model_run *r, unsigned steps)
{
	for (int i = 0; i < r->shape->places; i++)
		if ((steps & (1u << base_of(i))) &&
		    r->steps[i].state == RUNNING)
			return true;
	return false;
}

void model_reset_step(struct model_run *r, int step)
{
	struct model_step *s = &r->steps[step];

	s->has_error = false;
	s->caught = -1;
	s->source_run = 0;
	s->letter.is_there = false;
	s->progress = 0;
	s->recoveries = 0;
	s->base = s->attempt;
	s->is_again = s->is_again || s->attempt > 0 || s->generation > 0;
	s->has_entry = false;
}

/* One that was done, wholly or in part, is another one from now on. */
static void reset_step(struct model *m, struct model_run *r, int step)
{
	struct model_step *s = &r->steps[step];

	if (s->state == DONE || r->lists[step].is_counted) {
		s->generation++;
		s->output = s->memo = 0;
		s->left = (struct left){0};
		model_forget_items(m, r, step);
	}
	model_reset_step(r, step);
	s->state = WAITING;
}

static int needs_left(const struct model_run *r, int step)
{
	int count = 0;

	for (int i = 0; i < r->shape->count; i++)
		count += (r->shape->steps[step].needs & (1u << i)) &&
			 !model_is_settled(&r->steps[i]);
	return count;
}

static void reopen(struct model *m, struct model_run *r)
{
	r->state = RUN_RUNNING;
	r->is_again = true;
	r->has_reason = false;
	r->finished_at = r->deadline_at = 0;
	r->is_scheduled = r->shape->deadline_ms > 0;
	if (r->is_scheduled) {
		r->deadline_at = m->now + r->shape->deadline_ms;
		m->is_timer_rung = true;
	}
}

/* All that is not settled and has come to its end with the run. */
static unsigned unsettled(const struct model_run *r)
{
	unsigned steps = 0;

	for (int i = 0; i < r->shape->count; i++)
		if (!model_is_settled(&r->steps[i]) &&
		    r->steps[i].state != RUNNING)
			steps |= 1u << i;
	return steps;
}

/* Who cleans up does so anew, and all of it. */
static void add_closing(const struct model_run *r, unsigned *reset,
			unsigned *anew)
{
	for (int i = 0; i < r->shape->count; i++) {
		if (!r->shape->steps[i].when)
			continue;
		if (r->shape->steps[i].needs & *reset)
			*reset |= 1u << i;
		*anew |= *reset & (1u << i);
	}
}

/* What a step with items has done is kept, unless it begins anew. */
static void reset_all(struct model *m, struct model_run *r, int from,
		      unsigned reset, unsigned anew)
{
	unsigned kept = 0;

	for (int i = 0; i < r->shape->count; i++) {
		if (r->lists[i].is_counted && (reset & ~anew & (1u << i)))
			kept |= 1u << i;
		else if (reset & (1u << i))
			reset_step(m, r, i);
	}
	reopen(m, r);
	if (from >= 0 && (kept & (1u << base_of(from))) &&
	    model_has_ended(r, from))
		model_reopen_item(m, r, from);
	for (int i = 0; i < r->shape->count; i++)
		if (kept & (1u << i))
			model_resume_items(m, r, i);
	r->left = 0;
	for (int i = 0; i < r->shape->count; i++)
		r->left += !model_is_settled(&r->steps[i]);
}

void model_retry(struct model *m, const struct call *c, struct answer *a)
{
	struct model_run *r = run_of(m, c, a);
	unsigned reset, anew;

	if (!r)
		return;
	if (c->step >= 0 && !has_step(r->shape, c->step) &&
	    r->state != RUN_RUNNING) {
		answer_error(a, "ABSENT");
		return;
	}
	anew = c->step >= 0 ? steps_from(r, base_of(c->step)) : 0;
	if (r->state == RUN_RUNNING || (r->state == RUN_DONE && c->step < 0) ||
	    runs_one_of(r, anew)) {
		answer_error(a, "CONFLICT");
		return;
	}
	reset = anew | unsettled(r);
	if (c->step >= 0 && is_item(c->step))
		anew &= ~(1u << base_of(c->step));
	add_closing(r, &reset, &anew);
	/* All was settled while the run was closed; or there is no such item.
	 */
	if (!reset || (c->step >= 0 && is_item(c->step) &&
		       !(anew & (1u << base_of(c->step))) &&
		       !model_has_ended(r, c->step) &&
		       r->steps[c->step].state == NOWHERE)) {
		answer_error(a, "CONFLICT");
		return;
	}
	reset_all(m, r, c->step, reset, anew);
	for (int i = 0; i < r->shape->count; i++)
		if (reset & (1u << i))
			r->steps[i].needs_left = needs_left(r, i);
	for (int i = 0; i < r->shape->count; i++)
		if (reset & (1u << i))
			model_begin_again(m, r, i, i == c->step);
}

void model_forget(struct model *m, const struct call *c, struct answer *a)
{
	struct model_run *r = run_of(m, c, a);

	if (!r)
		return;
	if (r->state == RUN_RUNNING)
		answer_error(a, "CONFLICT");
	else
		model_remove(m, r);
}

void model_drop(struct model *m, const struct call *c, struct answer *a)
{
	for (int i = 0; i < RUNS_MAX; i++) {
		struct model_run *r = &m->runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++) {
			struct letter *l = &r->steps[k].letter;

			if (l->is_there &&
			    entry_compare(l->entry, c->entry) == 0) {
				l->is_there = false;
				model_touch(m, r);
				return;
			}
		}
	}
	answer_error(a, "ABSENT");
}

static void set_paused(struct model *m, const struct call *c, struct answer *a,
		       bool is_paused)
{
	unsigned bit = 1u << c->queue;

	if (!(m->queues & bit)) {
		answer_error(a, "ABSENT");
		return;
	}
	m->paused = is_paused ? m->paused | bit : m->paused & ~bit;
}

void model_pause(struct model *m, const struct call *c, struct answer *a)
{
	set_paused(m, c, a, true);
}

void model_resume(struct model *m, const struct call *c, struct answer *a)
{
	set_paused(m, c, a, false);
}
