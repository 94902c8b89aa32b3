/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

/* Producers, coordinators, operators, and what is still on its way. */

/* Run places that a burst of submissions and what is held up may fill. */
#define PLACES_KEPT (2 * ITEMS_MAX)

static int free_places(const struct world *w)
{
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++)
		count += w->model.runs[i].number == 0;
	return count;
}

/* --- producers --------------------------------------------------------------
 */

static void wish(struct world *w, struct order *o, const struct action *a)
{
	struct item *item = &o->item;

	*o = (struct order){.state = ORDER_OPEN};
	item->run = ++w->last_run;
	item->definition = (int)(a->b % DEFINITIONS);
	item->key = a->b / 8 % 3 == 0 ? (int)(a->c % KEYS) : -1;
	item->payload =
		item->key >= 0 ? 1 + (a->c >> 8) % 2 : ++w->last_payload;
	item->when = (a->c >> 16) % 8 == 0 ? 1000 + (a->c >> 20) : 0;
	w->figures->runs++;
}

static bool define(struct world *w, int definition, const struct action *a)
{
	struct call c = {
		.function = CALL_define, .step = -1, .definition = definition};

	say(w, &c, a->fate);
	return true;
}

static bool act_submit(struct world *w, const struct action *a)
{
	struct call c = {.function = CALL_submit, .step = -1};
	int wanted = 1 + (int)(a->a % 3);

	if (free_places(w) < PLACES_KEPT)
		return false;
	for (int i = 0; i < ORDERS_MAX && c.count < wanted; i++) {
		struct order *o = &w->orders[i];

		if (o->state == ORDER_FREE) {
			if (w->phase != PHASE_CHAOS || c.count > 0)
				continue;
			wish(w, o, a);
		}
		if (o->is_undefined)
			return define(w, o->item.definition, a);
		c.items[c.count++] = o->item;
	}
	if (c.count == 0)
		return false;
	c.is_uncached = a->a / 4 % 8 == 0;
	say(w, &c, a->fate);
	return true;
}

static void hear_submitted(struct world *w, const struct said *s)
{
	for (int i = 0; i < s->call.count; i++) {
		for (int k = 0; k < ORDERS_MAX; k++) {
			struct order *o = &w->orders[k];

			if (o->state == ORDER_FREE ||
			    o->item.run != s->call.items[i].run)
				continue;
			o->is_undefined = s->answer.items[i].word[0] == 'U';
			if (!o->is_undefined)
				o->state = ORDER_FREE;
		}
	}
}

static void hear_defined(struct world *w, const struct said *s)
{
	for (int k = 0; k < ORDERS_MAX; k++)
		if (w->orders[k].item.definition == s->call.definition)
			w->orders[k].is_undefined = false;
}

/* --- coordinators -----------------------------------------------------------
 */

/* It reads the clock, and knows since when it has not jumped. */
static void watch(const struct world *w, struct coordinator *of, struct call *c)
{
	c->read = w->true_ms + w->offset_ms;
	if (!of->since || of->offset_seen != w->offset_ms)
		of->since = c->read;
	of->offset_seen = w->offset_ms;
	c->since = of->since;
}

static int workers_known(const struct world *w)
{
	int count = 0;

	for (int i = 0; i < WORKERS_MAX; i++)
		count += w->model.workers[i].number != 0;
	return count;
}

/* Good programs know when there is something to do for a role. */
static bool may_rest(const struct world *w, const struct action *a)
{
	int64_t now = w->true_ms + w->offset_ms;
	bool is_due = a->kind == ACTION_SWEEP && a->c % 8 == 0;

	for (int i = 0; i < WORKERS_MAX && a->kind == ACTION_RECLAIM; i++) {
		const struct model_worker *of = &w->model.workers[i];

		is_due = is_due ||
			 (of->number && (of->forget_at || of->is_leased) &&
			  (of->forget_at || of->lease_ends <= now ||
			   of->lease_ends > now + of->lease_ms + RECONNECT_MS));
	}
	for (int i = 0; i < RUNS_MAX && a->kind == ACTION_PROMOTE; i++) {
		const struct model_run *r = &w->model.runs[i];

		is_due = is_due || (r->number && r->is_scheduled &&
				    r->deadline_at <= now);
		for (int k = 0; r->number && k < r->shape->places; k++)
			is_due = is_due || (model_is_due(&r->steps[k]) &&
					    r->steps[k].due_at <= now);
	}
	return w->phase == PHASE_HEAL && !is_due;
}

static bool act_role(struct world *w, const struct action *a)
{
	static const int limits[] = {250, 250, 3, 1};
	struct coordinator *of =
		&w->coordinators[a->a % (uint32_t)w->temper.coordinators];
	struct call c = {.function = a->kind == ACTION_PROMOTE   ? CALL_promote
				     : a->kind == ACTION_RECLAIM ? CALL_reclaim
								 : CALL_sweep,
			 .who = of->number,
			 .step = -1,
			 .lease_ms = 5000,
			 .limit = limits[a->b % countof(limits)],
			 .retention_ms = 600000,
			 .runs_max = 8};
	int known;

	if (may_rest(w, a))
		return false;
	if (c.function == CALL_reclaim)
		watch(w, of, &c);
	if (w->phase == PHASE_LEAVE) {
		c.retention_ms = 0;
		c.runs_max = 0;
	}
	known = workers_known(w);
	say(w, &c, a->fate);
	if (c.function == CALL_sweep && w->said_count > 0 &&
	    w->said[0].answer.is_leader)
		w->has_read = false;
	else if (workers_known(w) < known)
		w->has_read = true; /* a consumer of another queue */
	return true;
}

static void replace(struct world *w, struct coordinator *of)
{
	*of = (struct coordinator){.number = ++w->last_coordinator};
}

/* --- operators --------------------------------------------------------------
 */

/* What was not answered is said again: the same call, once. */
static bool say_once(struct world *w, struct call *c, enum fate fate)
{
	if (w->unheard.once)
		*c = w->unheard;
	else if (c->function != CALL_cancel)
		c->once = ++w->last_once;
	if (c->once)
		w->unheard = *c;
	say(w, c, fate);
	return true;
}

static struct model_run *any_run(struct world *w, uint32_t choice)
{
	int count = RUNS_MAX - free_places(w);

	if (count == 0)
		return NULL;
	count = (int)(choice % (uint32_t)count);
	for (int i = 0; i < RUNS_MAX; i++)
		if (w->model.runs[i].number && count-- == 0)
			return &w->model.runs[i];
	return NULL;
}

static bool act_on_run(struct world *w, const struct action *a)
{
	struct model_run *r = any_run(w, a->b);
	struct call c = {.function = a->kind == ACTION_CANCEL   ? CALL_cancel
				     : a->kind == ACTION_FORGET ? CALL_forget
								: CALL_retry,
			 .step = -1};

	if (!r)
		return false;
	c.run = a->c % 32 == 0 ? w->last_run + 1000 : r->number;
	if (a->kind == ACTION_RETRY && a->a % 3 == 0)
		c.step = (int)(a->a / 8 % (a->a & 4 ? PLACES_MAX : STEPS_MAX));
	if (a->kind == ACTION_RETRY && r->state == RUN_RUNNING && a->a % 8)
		return false;
	return say_once(w, &c, a->fate);
}

/* A step that waits or, in chaos, any; -1: there is none. */
static int step_to_signal(const struct world *w, const struct model_run *r,
			  uint32_t choice)
{
	bool is_any = w->phase == PHASE_CHAOS && choice % 4 == 0;

	for (int i = 0; i < r->shape->count; i++)
		if (r->shape->steps[i].has_signal &&
		    (is_any || r->steps[i].state == PARKED))
			return i;
	return is_any && choice % 32 == 0 ? 0 : -1;
}

static bool act_signal(struct world *w, const struct action *a)
{
	struct call c = {.function = CALL_signal,
			 .step = -1,
			 .data = PAYLOAD_NUMBER | (1 + a->c % 100)};

	for (uint32_t i = 0; i < RUNS_MAX && c.step < 0; i++) {
		struct model_run *r = any_run(w, a->b + i);

		c.step = r ? step_to_signal(w, r, a->a) : -1;
		c.run = r ? r->number : 0;
	}
	if (c.step < 0 && !w->unheard.once)
		return false;
	return say_once(w, &c, a->fate);
}

static bool act_drop(struct world *w, const struct action *a)
{
	struct call c = {.function = CALL_drop, .step = -1};
	struct model_run *r = any_run(w, a->b);

	for (int i = 0; r && i < r->shape->count; i++)
		if (r->steps[i].letter.is_there)
			c.entry = r->steps[i].letter.entry;
	if (c.entry.ms == 0)
		return false;
	return say_once(w, &c, a->fate);
}

static bool act_queue(struct world *w, const struct action *a)
{
	struct call c = {.function = a->kind == ACTION_PAUSE ? CALL_pause
							     : CALL_resume,
			 .step = -1,
			 .queue = (int)(a->b % QUEUES)};

	if (a->kind == ACTION_RESUME && !w->model.paused)
		return false;
	say(w, &c, a->fate);
	return true;
}

/* --- time, and what comes late ----------------------------------------------
 */

static bool act_tick(struct world *w, const struct action *a)
{
	int64_t ms = (int64_t)a->b;

	world_tell(w, "%lld ms pass", (long long)ms);
	w->true_ms += ms;
	return true;
}

static bool act_jump(struct world *w, const struct action *a)
{
	int64_t ms = (int64_t)(a->b % 14400000) - 7200000;

	if (w->offset_ms + ms < -36000000 || w->offset_ms + ms > 36000000)
		ms = -ms;
	world_tell(w, "Redis' clock jumps by %lld ms", (long long)ms);
	w->offset_ms += ms;
	return true;
}

static bool act_arrive(struct world *w, const struct action *a)
{
	uint32_t i;
	struct call c;

	if (w->held_up_count == 0)
		return false;
	i = a->a % (uint32_t)w->held_up_count;
	c = w->held_up[i];
	if (c.function == CALL_submit && free_places(w) < ITEMS_MAX)
		return false;
	w->held_up[i] = w->held_up[--w->held_up_count];
	say(w, &c, FATE_REPLY_LOST);
	return true;
}

static bool act_replace(struct world *w, const struct action *a)
{
	struct coordinator *of =
		&w->coordinators[a->a % (uint32_t)w->temper.coordinators];

	world_tell(w, "coordinator %d is killed", of->number);
	replace(w, of);
	return true;
}

bool act_other(struct world *w, const struct action *a)
{
	switch (a->kind) {
	case ACTION_TICK:
		return act_tick(w, a);
	case ACTION_JUMP:
		return act_jump(w, a);
	case ACTION_SUBMIT:
		return act_submit(w, a);
	case ACTION_PROMOTE:
	case ACTION_RECLAIM:
	case ACTION_SWEEP:
		return act_role(w, a);
	case ACTION_REPLACE:
		return act_replace(w, a);
	case ACTION_CANCEL:
	case ACTION_RETRY:
	case ACTION_FORGET:
		return act_on_run(w, a);
	case ACTION_SIGNAL:
		return act_signal(w, a);
	case ACTION_DROP:
		return act_drop(w, a);
	case ACTION_PAUSE:
	case ACTION_RESUME:
		return act_queue(w, a);
	case ACTION_ARRIVE:
		return act_arrive(w, a);
	case ACTION_LOOK:
		return act_look(w, a);
	case ACTION_SYNC:
		return act_sync(w);
	case ACTION_CUT:
		return act_cut(w);
	case ACTION_MEND:
		return act_mend(w, a);
	default:
		return false;
	}
}

void other_hear(struct world *w, const struct said *s)
{
	if (s->call.once && s->call.once == w->unheard.once)
		w->unheard.once = 0;
	if (s->call.function == CALL_submit)
		hear_submitted(w, s);
	else if (s->call.function == CALL_define)
		hear_defined(w, s);
}

void bereave(struct world *w, const struct call *c)
{
	if (w->speaker) {
		worker_die(w, w->speaker);
		w->speaker = NULL;
		return;
	}
	for (int i = 0; i < w->temper.coordinators; i++)
		if (w->coordinators[i].number == c->who)
			replace(w, &w->coordinators[i]);
}
