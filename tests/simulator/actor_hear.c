/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "parts.h"

/* What a worker makes of the answers to its calls. */

/*
 * Declared dead: what was begun others have by now. What was only delivered
 * may have come after that, and would be missed by all.
 */
static void lose_all(struct worker *of)
{
	for (int i = 0; i < HANDS_MAX; i++) {
		struct hand *h = &of->hands[i];

		if (h->state == HAND_GIVEN) {
			h->state = HAND_ENDING;
			h->end = CALL_release;
		} else if (h->state != HAND_ENDING || h->end != CALL_release) {
			h->state = HAND_FREE;
		}
	}
	of->number = 0;
	of->is_registered = false;
}

static void begin(struct hand *h, const struct item_answer *a)
{
	int generation = 0;

	h->state = HAND_BUSY;
	h->is_listed = false;
	sscanf(a->count, "%d %d %*d %d", &h->item.attempt, &h->base,
	       &generation);
	h->left = a->left;
	h->may_recall = generation == 0 && !a->memo;
	h->item.source_run = 0;
}

static void hear_taken(struct worker *of, const struct said *s)
{
	bool is_lost = false;

	for (int i = 0; i < s->call.count; i++) {
		const struct item_answer *a = &s->answer.items[i];
		struct hand *h = hand_of(of, &s->call.items[i]);

		if (!h || h->state != HAND_GIVEN)
			continue;
		if (a->digest) {
			begin(h, a);
		} else if (strcmp(a->word, "LOST") == 0) {
			is_lost = true;
		} else {
			h->state = HAND_FREE;
		}
	}
	if (is_lost)
		lose_all(of);
}

static void hear_beat(struct worker *of, const struct said *s)
{
	if (strcmp(s->answer.items[0].word, "LOST") == 0) {
		lose_all(of);
		return;
	}
	for (int i = 0; i < s->answer.stop_count; i++)
		for (int k = 0; k < HANDS_MAX; k++)
			if (of->hands[k].state != HAND_FREE &&
			    entry_compare(of->hands[k].item.entry,
					  s->answer.stops[i]) == 0)
				of->hands[k].is_stopped = true;
}

/* The end was heard; its worker may have been given a successor. */
static void go_on(struct hand *h, const struct item_answer *a)
{
	h->state = HAND_FREE;
	if (a->heir < 0)
		return;
	h->item.step = a->heir;
	begin(h, a);
}

static void hear_ended(struct world *w, struct worker *of, const struct said *s)
{
	for (int i = 0; i < s->call.count; i++) {
		struct hand *h = hand_of(of, &s->call.items[i]);

		if (!h || h->state != HAND_ENDING || h->end != s->call.function)
			continue;
		if (h->end == CALL_complete &&
		    strcmp(s->answer.items[i].word, "COMMITTED") == 0)
			cache_keep(w, of, &h->item);
		go_on(h, &s->answer.items[i]);
	}
}

/* Who is refused begins its list anew, or has lost the step. */
static void hear_kept(struct worker *of, const struct said *s)
{
	struct hand *h = hand_of(of, &s->call.items[0]);

	if (!h || h->state != HAND_BUSY ||
	    h->item.list != s->call.items[0].list)
		return;
	if (s->answer.error)
		h->is_listed = false;
	else if (strcmp(s->answer.items[0].word, "COMMITTED") == 0)
		h->kept = s->call.items[0].first + s->call.items[0].size;
	else
		h->state = HAND_FREE;
}

void worker_hear(struct world *w, struct worker *of, const struct said *s)
{
	switch (s->call.function) {
	case CALL_register:
		of->is_registered = true;
		break;
	case CALL_heartbeat:
		hear_beat(of, s);
		break;
	case CALL_take:
		hear_taken(of, s);
		break;
	case CALL_leave:
		worker_die(w, of);
		w->left_read.number = 0;
		break;
	case CALL_note:
		break;
	case CALL_recall:
		hear_recalled(of, s);
		break;
	case CALL_remember:
		of->has_kept = false;
		break;
	case CALL_expand:
		hear_kept(of, s);
		break;
	default:
		hear_ended(w, of, s);
	}
}
