/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

/*
 * Workers, after worker/DESIGN.md: nothing is begun without a take, an end is
 * said until it is answered, what was lost is dropped, and what was only
 * delivered is handed back.
 */
#define BLOCK_MS 5000

int hands_in(const struct worker *of, int state)
{
	int count = 0;

	for (int i = 0; i < HANDS_MAX; i++)
		count += (int)of->hands[i].state == state;
	return count;
}

struct hand *hand_of(struct worker *of, const struct item *item)
{
	for (int i = 0; i < HANDS_MAX; i++)
		if (of->hands[i].state != HAND_FREE &&
		    of->hands[i].item.queue == item->queue &&
		    entry_compare(of->hands[i].item.entry, item->entry) == 0)
			return &of->hands[i];
	return NULL;
}

void worker_die(struct world *w, struct worker *of)
{
	int64_t read_until = of->is_registered && !of->is_frozen
				     ? w->true_ms + BLOCK_MS
				     : of->read_until;

	/* Its connection may stay, and a read that Redis still blocks. */
	w->left_read = (struct left_read){of->number, of->queues, read_until};
	memset(of, 0, sizeof(*of));
}

/* --- taking and ending ------------------------------------------------------
 */

static struct call call_of(const struct worker *of, enum function f)
{
	return (struct call){.function = f, .who = of->number, .step = -1};
}

/*
 * After a power cut ids are given out once more: what one item has put back may
 * come to have that of another, which its worker knows from a time that never
 * was. The model learns ids behind a call only; so it is told of one at a time.
 */
static bool may_go_along(const struct world *w, const struct call *c,
			 const struct item *item)
{
	for (int i = 0; w->was_cut && i < c->count; i++)
		if (c->items[i].run == item->run)
			return false;
	return true;
}

static bool act_take(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = call_of(of, CALL_take);
	int wanted = 1 + (int)(a->b % ITEMS_MAX);

	if (!of->is_registered)
		return false;
	for (int i = 0; i < HANDS_MAX && c.count < wanted; i++)
		if (of->hands[i].state == HAND_GIVEN &&
		    may_go_along(w, &c, &of->hands[i].item))
			c.items[c.count++] = of->hands[i].item;
	if (c.count == 0)
		return false;
	say(w, &c, a->fate);
	return true;
}

/* Poison: it ends its worker before anything can be said. */
static bool is_poison(const struct world *w, const struct item *item)
{
	uint64_t mixed =
		random_mix((uint64_t)item->run * 64 + (uint64_t)item->step +
			   ((uint64_t)w->number << 32));

	return (int)(mixed % 100) < w->temper.poison;
}

/* What the workflow says of a step in hand; NULL if its run is gone. */
static const struct shape_step *graph_of(const struct world *w,
					 const struct item *item)
{
	const struct model_run *r =
		model_run_find((struct model *)&w->model, item->run);

	return r ? &r->shape->steps[base_of(item->step)] : NULL;
}

static bool is_spreading(const struct world *w, const struct hand *h)
{
	const struct shape_step *of = graph_of(w, &h->item);

	return of && of->is_each && !is_item(h->item.step);
}

static bool is_pass(const struct world *w, const struct item *item)
{
	const struct shape_step *of = graph_of(w, item);

	return of && (is_item(item->step) ? of->is_item_pass : of->is_pass);
}

/* Asked outside before it is settled: it is put aside until it is answered. */
static bool has_signal(const struct world *w, const struct hand *h)
{
	const struct shape_step *of = graph_of(w, &h->item);

	return of && of->has_signal;
}

static int rounds_of(const struct world *w, const struct item *item)
{
	const struct shape_step *of = graph_of(w, item);

	return of ? shape_rounds(of, item->step) : 0;
}

static enum function choose_end(const struct world *w, const struct hand *h,
				uint32_t b)
{
	if (h->is_stopped)
		return CALL_release;
	if (has_signal(w, h))
		return w->phase != PHASE_CHAOS || b % 100 < 70 ? CALL_defer
		       : b % 100 < 85                          ? CALL_fail
							       : CALL_release;
	if (w->phase != PHASE_CHAOS || is_pass(w, &h->item) || b % 100 < 48)
		return CALL_complete;
	if (b % 100 < 84)
		return CALL_fail;
	return b % 100 < 94 && !is_spreading(w, h) ? CALL_defer : CALL_release;
}

/* Conditions are of workflows that branch; chance says which do not hold. */
static bool is_skipped(const struct world *w, const struct item *item,
		       uint32_t c)
{
	const struct model_run *r =
		model_run_find((struct model *)&w->model, item->run);

	return r && r->shape->is_branched && !is_item(item->step) && c % 7 == 0;
}

static void decide(struct world *w, struct hand *h, const struct action *a)
{
	static const int delays[] = {-1,  -1,   -1,    0,     1,
				     500, 5000, 60000, 600000};
	struct item *item = &h->item;

	h->state = HAND_ENDING;
	h->end = choose_end(w, h, a->b);
	item->payload = is_spreading(w, h)
				? PAYLOAD_NUMBER | (uint32_t)item->total
				: ++w->last_payload;
	item->memo = a->c & 1 ? ++w->last_payload : 0;
	item->is_skipped = is_skipped(w, item, a->c >> 4);
	item->wants_heir = !item->is_skipped && a->c % 5 != 0;
	item->log = a->c & 2 ? ++w->last_payload : 0;
	item->class = (enum class)((a->c >> 2) % CLASS_WORKER_LOST);
	item->when = delays[(a->c >> 8) % countof(delays)];
	round_end(w, h, rounds_of(w, item), a->b >> 8);
	cache_end(h);
	if (h->end == CALL_defer && has_signal(w, h))
		item->memo = a->c & 1 ? PAYLOAD_NUMBER | (1 + a->c % 100)
				      : PAYLOAD_NIL;
	if (h->end != CALL_defer)
		return;
	if (item->when >= 0)
		item->when += w->true_ms + w->offset_ms;
	else /* a signal is waited for for ever */
		item->when = has_signal(w, h) ? 0 : w->true_ms + w->offset_ms;
}

/*
 * A step with items says its list before it ends, in parts: none of them is
 * left out that nobody has confirmed.
 */
static bool has_list_to_say(const struct world *w, const struct hand *h,
			    uint32_t b)
{
	bool is_to_end = w->phase == PHASE_CHAOS && b % 8 == 0;

	return h->state == HAND_BUSY && is_spreading(w, h) && !h->is_stopped &&
	       !is_to_end && (!h->is_listed || h->kept < h->item.total);
}

static bool say_list(struct world *w, struct worker *of, struct hand *h,
		     const struct action *a)
{
	struct call c = call_of(of, CALL_expand);
	struct item *item = &h->item;

	if (!h->is_listed) {
		h->is_listed = true;
		h->kept = 0;
		item->list = ++w->last_payload;
		item->total = (int)(a->c % (LIST_MAX + 1));
	}
	item->first = h->kept;
	item->size = item->total - item->first;
	if (item->size > 1 + (int)(item->list % 3))
		item->size = 1 + (int)(item->list % 3);
	c.items[c.count++] = *item;
	say(w, &c, a->fate);
	return true;
}

static bool act_end(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = call_of(of, CALL_complete);
	int wanted = 1 + (int)((a->c >> 16) % ITEMS_MAX);
	bool has_end = false;

	if (of->has_kept && of->number && a->b % 4)
		return say_remember(w, of, a);
	for (int i = 0; i < HANDS_MAX && c.count < wanted; i++) {
		struct hand *h = &of->hands[i];

		if (h->state == HAND_BUSY && is_poison(w, &h->item)) {
			world_tell(w, "worker %d dies of run %d/%s", of->number,
				   h->item.run, STEP_NAME(h->item.step));
			worker_die(w, of);
			return true;
		}
		if (c.count == 0 && has_list_to_say(w, h, a->b))
			return say_list(w, of, h, a);
		if (c.count == 0 && cache_asks(w, h))
			return say_recall(w, of, a);
		if (cache_asks(w, h))
			continue;
		if (has_list_to_say(w, h, a->b))
			continue;
		if (h->state == HAND_BUSY && (!has_end || (a->c & 64)))
			decide(w, h, a);
		if (h->state != HAND_ENDING ||
		    (has_end && h->end != c.function))
			continue;
		c.function = h->end;
		has_end = true;
		c.items[c.count++] = h->item;
	}
	if (c.count == 0 || (of->number == 0 && c.function != CALL_release))
		return false;
	say(w, &c, a->fate);
	return true;
}

static bool act_note(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = call_of(of, CALL_note);

	for (int i = 0; i < HANDS_MAX && c.count < 2; i++) {
		struct item *item = &c.items[c.count];

		if (of->hands[i].state != HAND_BUSY ||
		    is_spreading(w, &of->hands[i]) ||
		    has_signal(w, &of->hands[i]) ||
		    choose_end(w, &of->hands[i], 99) == CALL_complete)
			continue;
		*item = of->hands[i].item;
		item->progress = a->b & 1 ? ++w->last_payload : 0;
		item->memo = a->b & 2 ? ++w->last_payload : 0;
		item->cost = a->b & 4 ? ++w->last_payload : 0;
		item->log = a->b & 8 ? ++w->last_payload : 0;
		c.count++;
	}
	if (c.count == 0)
		return false;
	say(w, &c, a->fate);
	return true;
}

/* --- its life ---------------------------------------------------------------
 */

static bool act_register(struct world *w, struct worker *of,
			 const struct action *a)
{
	static const int leases[] = {5000, 15000, 15000, 30000};
	struct call c;

	if (of->is_registered)
		return false;
	if (of->number == 0) {
		of->number = ++w->last_worker;
		of->lease_ms = leases[a->b % countof(leases)];
		of->queues = 1 + a->c % ((1u << QUEUES) - 1);
		w->figures->workers++;
	}
	c = call_of(of, CALL_register);
	c.lease_ms = of->lease_ms;
	c.queues = of->queues;
	say(w, &c, a->fate);
	return true;
}

/* Good programs beat three times in a lease; a clock may have jumped. */
static bool may_wait(struct world *w, const struct worker *of)
{
	const struct model_worker *known =
		model_worker_find(&w->model, of->number);
	int64_t left =
		known ? known->lease_ends - w->true_ms - w->offset_ms : 0;

	return w->phase != PHASE_CHAOS && left > of->lease_ms * 2 / 3 &&
	       left <= of->lease_ms;
}

static bool act_beat(struct world *w, struct worker *of, const struct action *a)
{
	struct call c = call_of(of, CALL_heartbeat);

	if (!of->is_registered || may_wait(w, of))
		return false;
	c.lease_ms = of->lease_ms;
	say(w, &c, a->fate);
	return true;
}

static bool act_leave(struct world *w, struct worker *of,
		      const struct action *a)
{
	struct call c = call_of(of, CALL_leave);

	if (!of->is_registered)
		return false;
	of->is_leaving = true;
	if (hands_in(of, HAND_FREE) < HANDS_MAX ||
	    (of->unreconciled && w->phase != PHASE_CHAOS))
		return false;
	say(w, &c, a->fate);
	return true;
}

static bool act_freeze(struct world *w, struct worker *of,
		       const struct action *a)
{
	if (!of->is_registered || of->is_frozen)
		return false;
	world_tell(w, "worker %d freezes", of->number);
	of->is_frozen = true;
	of->read_until = a->b % 2 ? w->true_ms + BLOCK_MS : 0;
	return true;
}

bool act_worker(struct world *w, const struct action *a)
{
	struct worker *of = &w->workers[a->a % (uint32_t)w->temper.actors];

	if (a->kind == ACTION_SERVE)
		return act_serve(w, of);
	if (a->kind == ACTION_THAW || a->kind == ACTION_CRASH) {
		if (a->kind == ACTION_THAW ? !of->is_frozen : !of->number)
			return false;
		world_tell(w, "worker %d", of->number);
		if (a->kind == ACTION_CRASH)
			worker_die(w, of);
		of->is_frozen = false;
		return true;
	}
	if (of->is_frozen)
		return false;
	w->speaker = of;
	switch (a->kind) {
	case ACTION_REGISTER:
		return act_register(w, of, a);
	case ACTION_BEAT:
		return act_beat(w, of, a);
	case ACTION_READ:
		return act_read(w, of, a);
	case ACTION_RECONCILE:
		return act_reconcile(w, of, a);
	case ACTION_TAKE:
		return act_take(w, of, a);
	case ACTION_END:
		return act_end(w, of, a);
	case ACTION_NOTE:
		return act_note(w, of, a);
	case ACTION_LEAVE:
		return act_leave(w, of, a);
	default:
		return act_freeze(w, of, a);
	}
}
