/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

/*
 * What workers do with the cache, after worker/recall.h: it is asked before a
 * step is begun, unless that was done before or has left something; what is
 * found ends it. What was committed otherwise is kept, if its worker lives
 * that long.
 */

/* The work that a step is: the same step of the same workflow. */
static int cache_of(const struct world *w, const struct item *item)
{
	const struct model_run *r =
		model_run_find((struct model *)&w->model, item->run);

	if (!r || is_item(item->step) || !r->shape->steps[item->step].is_cached)
		return -1;
	return (r->definition * STEPS_MAX + item->step) % CACHES;
}

bool cache_asks(const struct world *w, const struct hand *h)
{
	return h->state == HAND_BUSY && h->may_recall && !h->is_stopped &&
	       cache_of(w, &h->item) >= 0;
}

bool say_recall(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = {
		.function = CALL_recall, .who = of->number, .step = -1};

	for (int i = 0; i < HANDS_MAX && c.count < ITEMS_MAX; i++) {
		struct item *item = &c.items[c.count];

		if (!cache_asks(w, &of->hands[i]))
			continue;
		*item = of->hands[i].item;
		item->cache = cache_of(w, item);
		c.count++;
	}
	say(w, &c, a->fate);
	return true;
}

/* Who hears nothing asks again. */
void hear_recalled(struct worker *of, const struct said *s)
{
	for (int i = 0; i < s->call.count; i++) {
		const struct item_answer *a = &s->answer.items[i];
		struct hand *h = hand_of(of, &s->call.items[i]);

		if (!h || h->state != HAND_BUSY ||
		    h->item.step != s->call.items[i].step)
			continue;
		h->may_recall = false;
		h->item.source_run = a->source_run;
		h->item.source_step = a->source_step;
		h->found = a->output;
	}
}

void cache_end(struct hand *h)
{
	struct item *item = &h->item;

	if (!item->source_run || h->end == CALL_release)
		return;
	h->end = CALL_complete;
	item->payload = h->found;
	item->is_skipped = false;
}

void cache_keep(struct world *w, struct worker *of, const struct item *item)
{
	static const int64_t lives[] = {1000, 600000, 3600000, DAY_MS};

	if (cache_of(w, item) < 0 || item->source_run || item->is_skipped)
		return;
	of->kept = *item;
	of->kept.cache = cache_of(w, item);
	of->kept.when = lives[item->payload % countof(lives)];
	of->has_kept = true;
}

bool say_remember(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = {.function = CALL_remember,
			 .who = of->number,
			 .step = -1,
			 .count = 1};

	c.items[0] = of->kept;
	say(w, &c, a->fate);
	return true;
}
