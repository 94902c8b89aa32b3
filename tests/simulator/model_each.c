/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/*
 * A step that is performed for each item of a list. Its worker says the list,
 * and then that it is complete; what there is to do are the items, as many at a
 * time as the window lets in. With the last the step is done.
 */
#define NEXT 2 /* that begin when one has ended, while the window fills */

static struct model_list *list_of(struct model_run *r, int step)
{
	return &r->lists[base_of(step)];
}

bool model_has_ended(const struct model_run *r, int item)
{
	return is_item(item) && r->steps[item].state == NOWHERE &&
	       r->lists[base_of(item)].results[index_of(item)];
}

/* --- the list ---------------------------------------------------------------
 */

void model_expand(struct model *m, const struct call *c, struct answer *a)
{
	const struct item *item = &c->items[0];
	struct model_list *l;

	if (!model_held(m, item, NOWHERE, item->attempt, a))
		return;
	l = list_of(model_run_find(m, item->run), item->step);
	if (item->first == 0)
		memset(l, 0, sizeof(*l));
	if (l->kept != item->first && l->kept < item->first + item->size) {
		answer_error(a, "CONFLICT");
		return;
	}
	for (int i = 0; i < item->size && l->kept == item->first + i; i++)
		l->items[l->kept++] = item_payload(item->list, item->first + i);
	answer_word(a, "COMMITTED");
}

static void begin_items(struct model *m, struct model_run *r, int step,
			int most)
{
	struct model_list *l = list_of(r, step);
	const struct model_step *of = &r->steps[step];
	int room = model_of(r, step)->window - (l->begun - l->done - l->failed);

	for (; room > 0 && most > 0 && l->begun < l->total; room--, most--) {
		int item = item_of(step, l->begun++);

		r->steps[item] = (struct model_step){.caught = -1};
		if (r->is_again && of->generation > 0) {
			r->steps[item].is_again = true;
			r->steps[item].generation = of->generation;
		}
		model_enqueue(m, r, item);
	}
	model_touch(m, r);
}

/* With the last item the step is done. */
static void finish(struct model *m, struct model_run *r, int step)
{
	model_settle(m, r, step, DONE);
	r->steps[step].output =
		PAYLOAD_NUMBER | (uint32_t)list_of(r, step)->total;
	model_count(m, COUNT_STEPS_DONE, 1);
	model_follow(m, r, step, NULL);
}

const char *model_spread(struct model *m, const struct item *item)
{
	struct model_run *r = model_run_find(m, item->run);
	struct model_list *l = list_of(r, item->step);

	if (l->kept != item->total) {
		model_put_back(m, r, item->step, false);
		return "FENCED";
	}
	l->total = item->total;
	l->is_counted = l->total > 0;
	if (l->total == 0) {
		finish(m, r, item->step);
	} else if (!model_goes_on(r, item->step)) {
		model_end_with_run(m, r, item->step);
	} else {
		model_settle(m, r, item->step, SPREAD);
		begin_items(m, r, item->step, LIST_MAX);
	}
	return "COMMITTED";
}

/* --- the end of items -------------------------------------------------------
 */

/* Nothing stays of its tries, but what they have cost. */
static void forget_item(struct model *m, struct model_run *r, int item)
{
	struct model_step *s = &r->steps[item];

	r->steps[base_of(item)].cost += s->cost;
	model_forget_logs(r, item);
	*s = (struct model_step){.caught = -1};
	model_touch(m, r);
}

void model_end_item(struct model *m, struct model_run *r, int item,
		    uint32_t result)
{
	struct model_list *l = list_of(r, item);
	int generation = r->steps[item].generation;

	l->results[index_of(item)] = result;
	if (result == ITEM_FAILED)
		l->failed++;
	else
		l->done++;
	forget_item(m, r, item);
	if (result == ITEM_FAILED && generation > 0) { /* of its next try */
		r->steps[item].is_again = true;
		r->steps[item].generation = generation;
	}
	if (model_goes_on(r, item))
		begin_items(m, r, base_of(item), NEXT);
	if (l->done + l->failed == l->total)
		finish(m, r, base_of(item));
	else if (r->closing == CLOSING_DRAINS)
		model_close_step(m, r, item);
}

static void halt_items(struct model *m, struct model_run *r, int step, int but)
{
	for (int i = 0; i < LIST_MAX; i++)
		if (item_of(step, i) != but)
			model_halt(m, r, item_of(step, i), true);
}

void model_forget_items(struct model *m, struct model_run *r, int step)
{
	for (int i = 0; i < LIST_MAX; i++)
		forget_item(m, r, item_of(step, i));
	memset(list_of(r, step), 0, sizeof(struct model_list));
}

static int tolerated(const struct shape_step *of, const struct model_list *l)
{
	return of->tolerated_percent ? l->total * of->tolerated_percent / 100
				     : of->tolerated;
}

void model_give_up_item(struct model *m, struct model_run *r, int item,
			enum class class)
{
	int step = base_of(item);
	const struct model_list *l = list_of(r, step);
	const struct shape_step *of = model_of(r, step);

	if (model_goes_on(r, item) && l->failed < tolerated(of, l)) {
		model_end_item(m, r, item, ITEM_FAILED);
		model_count(m, COUNT_TOLERATED, 1);
	} else if (model_goes_on(r, item) && model_provides_for(of, class)) {
		halt_items(m, r, step, item);
		model_forget_items(m, r, step);
		model_give_up(m, r, step, class);
	} else {
		if (r->closing == CLOSING_CLEANS) {
			halt_items(m, r, step, item);
			model_halt(m, r, step, true);
		}
		model_bury(m, r, item, class);
	}
}

/* --- an operator's retry ----------------------------------------------------
 */

void model_resume_items(struct model *m, struct model_run *r, int step)
{
	for (int i = 0; i < LIST_MAX; i++) {
		int item = item_of(step, i);

		if (r->steps[item].state == NOWHERE ||
		    r->steps[item].state == RUNNING ||
		    r->steps[item].state == READY)
			continue;
		model_reset_step(r, item);
		model_enqueue(m, r, item);
	}
	r->steps[step].state = SPREAD;
	begin_items(m, r, step, LIST_MAX);
}

void model_reopen_item(struct model *m, struct model_run *r, int item)
{
	struct model_list *l = list_of(r, item);
	struct model_step *s = &r->steps[item], *of = &r->steps[base_of(item)];

	if (l->results[index_of(item)] == ITEM_FAILED) {
		l->failed--;
	} else {
		l->done--;
		of->is_again = s->is_again = true;
		s->generation = ++of->generation;
	}
	l->results[index_of(item)] = 0;
	of->output = 0;
	model_enqueue(m, r, item);
}
