/* SPDX-License-Identifier: MIT */
#include "parts.h"

/*
 * What a worker makes of a step that is repeated, after worker/round.h: a round
 * ends like an attempt that is done; then it is the last one, or the step is
 * put aside until the next, or there were too many.
 */

/* After a retry the rounds before it do not count. */
static int rounds_before(const struct hand *h)
{
	return h->base > h->left.attempts ? h->left.rounds : h->left.before;
}

void round_end(struct world *w, struct hand *h, int rounds, uint32_t chance)
{
	struct item *item = &h->item;
	int before = rounds_before(h), round = h->left.rounds + 1;

	item->left = (struct left){0};
	item->is_skipped = item->is_skipped && round == 1;
	if (!rounds || (h->end != CALL_complete && h->end != CALL_defer))
		return;
	if (item->is_skipped || chance % 3 == 0) {
		h->end = CALL_complete;
	} else if (round - before >= rounds) {
		h->end = CALL_fail;
		item->class = CLASS_EXHAUSTED;
		item->when = -1;
	} else {
		h->end = CALL_defer;
		item->left = (struct left){round, item->attempt - 1, before,
					   ++w->last_payload};
	}
}
