/* SPDX-License-Identifier: MIT */
#include "treadle/base.h"

#include "model_parts.h"

/*
 * Steps that wait for a signal: once taken they are parked, until it comes or
 * their patience ends. One that comes before is kept for them; a second one is
 * refused.
 */

static void settle(struct model *m, struct model_run *r, int step,
		   uint32_t data)
{
	model_settle(m, r, step, DONE);
	r->steps[step].output = data;
	model_count(m, COUNT_STEPS_DONE, 1);
	model_follow(m, r, step, NULL);
}

void model_park(struct model *m, struct model_run *r, int step,
		const struct item *item)
{
	struct model_step *s = &r->steps[step];
	uint32_t data = s->signal;

	if (!model_goes_on(r, step)) {
		model_end_with_run(m, r, step);
	} else if (data) {
		s->signal = 0;
		settle(m, r, step, data);
	} else {
		model_settle(m, r, step, PARKED);
		s->due_at = item->when;
		s->prompt = item->memo;
		model_count(m, COUNT_PARKED, 1);
	}
}

void model_expire(struct model *m, struct model_run *r, int step)
{
	model_log(r, log_code(step, r->steps[step].attempt, -1));
	model_count(m, COUNT_FAILURES + (int)CLASS_TIMEOUT, 1);
	model_give_up(m, r, step, CLASS_TIMEOUT);
}

static bool waits_no_longer(const struct model_run *r, int step)
{
	const struct model_step *s = &r->steps[step];

	if (model_is_settled(s) || s->state == DEAD || s->state == CANCELLED)
		return true;
	if (r->closing && !model_of(r, step)->when)
		return true;
	return s->state != PARKED && s->signal;
}

void model_signal(struct model *m, const struct call *c, struct answer *a)
{
	struct model_run *r = model_run_find(m, c->run);
	struct model_step *s;

	if (!r) {
		answer_error(a, "ABSENT");
		return;
	}
	model_touch(m, r);
	if (r->state != RUN_RUNNING) {
		answer_error(a, "CONFLICT");
		return;
	}
	if (c->step >= r->shape->count ||
	    !r->shape->steps[c->step].has_signal) {
		answer_error(a, "ABSENT");
		return;
	}
	s = &r->steps[c->step];
	if (waits_no_longer(r, c->step)) {
		answer_error(a, "CONFLICT");
		return;
	}
	model_count(m, COUNT_SIGNALS, 1);
	if (s->state == PARKED)
		settle(m, r, c->step, c->data);
	else
		s->signal = c->data;
}
