/* SPDX-License-Identifier: MIT */
#include "treadle/base.h"

#include "model_parts.h"

/*
 * How a run that has closing steps comes to a bad end: what runs may end, and
 * nothing begins; then those closing steps are performed that are for such an
 * end. `left` is how many steps it waits for.
 */

static bool is_for(const struct shape_step *of, enum run_state ending)
{
	return of->when == WHEN_ALWAYS ||
	       of->when ==
		       (ending == RUN_FAILED ? WHEN_FAILURE : WHEN_CANCELLED);
}

void model_close_finally(struct model *m, struct model_run *r,
			 enum run_state ending)
{
	r->left = 0;
	for (int i = 0; i < r->shape->count; i++)
		r->left += !model_is_settled(&r->steps[i]);
	model_finish(m, r, ending);
}

/* They are begun in the order of their needs among each other. */
static void clean(struct model *m, struct model_run *r)
{
	unsigned open = 0;

	for (int i = 0; i < r->shape->count; i++) {
		const struct shape_step *of = &r->shape->steps[i];
		struct model_step *s = &r->steps[i];

		if (!of->when || model_is_settled(s) || s->state == DEAD)
			continue;
		if (r->lists[i].is_counted) /* it begins anew */
			model_forget_items(m, r, i);
		s->recoveries = 0;
		if (!is_for(of, r->ending)) {
			model_skip(m, r, i);
			continue;
		}
		s->state = WAITING;
		s->needs_left = __builtin_popcount(of->needs & open);
		open |= 1u << i;
		if (s->needs_left == 0)
			model_enqueue(m, r, i);
	}
	r->closing = CLOSING_CLEANS;
	r->left = __builtin_popcount(open);
	if (!open)
		model_close_finally(m, r, r->ending);
}

void model_close(struct model *m, struct model_run *r, enum run_state ending)
{
	r->closing = CLOSING_DRAINS;
	r->ending = ending;
	r->deadline_at = 0;
	r->is_scheduled = false;
	r->left = 0;
	for (int i = 0; i < r->shape->places; i++)
		r->left += r->steps[i].state == RUNNING;
	model_touch(m, r);
	if (r->left == 0)
		clean(m, r);
}

void model_close_step(struct model *m, struct model_run *r, int step)
{
	const struct shape *shape = r->shape;

	for (int i = 0; i < shape->count && r->closing == CLOSING_CLEANS; i++)
		if (!is_item(step) && (shape->steps[step].next & (1u << i)) &&
		    shape->steps[i].when && r->steps[i].state == WAITING &&
		    --r->steps[i].needs_left == 0)
			model_enqueue(m, r, i);
	if (--r->left > 0)
		return;
	if (r->closing == CLOSING_DRAINS)
		clean(m, r);
	else
		model_close_finally(m, r, r->ending);
}

void model_end_with_run(struct model *m, struct model_run *r, int step)
{
	model_settle(m, r, step, CANCELLED);
	if (r->closing)
		model_close_step(m, r, step);
}
