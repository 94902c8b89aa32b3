/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

/*
 * What happens next. In chaos chance says it, by the temper of the world;
 * afterwards everything is healed, and good programs bring all to an end.
 */

static struct action by_chance(struct world *w, enum action_kind kind)
{
	return (struct action){.kind = kind,
			       .a = (uint32_t)random_next(&w->random),
			       .b = (uint32_t)random_next(&w->random),
			       .c = (uint32_t)random_next(&w->random)};
}

/* --- chaos ------------------------------------------------------------------
 */

static bool is_call(enum action_kind kind)
{
	return kind != ACTION_TICK && kind != ACTION_JUMP &&
	       kind != ACTION_SERVE && kind != ACTION_CRASH &&
	       kind != ACTION_FREEZE && kind != ACTION_THAW &&
	       kind != ACTION_REPLACE && kind != ACTION_ARRIVE &&
	       kind != ACTION_LOOK && kind != ACTION_SYNC &&
	       kind != ACTION_CUT && kind != ACTION_MEND;
}

static enum fate choose_fate(struct world *w, enum action_kind kind)
{
	static const int weights[FATES] = {
#define FATE(name, weight, text) weight,
#include "fates.def"
#undef FATE
	};
	static const int read_fates[] = {FATE_REQUEST_LOST, FATE_REPLY_LOST,
					 FATE_REPLY_LOST, FATE_DIES_AFTER};
	int sum = 0, at;

	if (!is_call(kind) ||
	    random_below(&w->random, 1000) >= w->temper.fault_permille)
		return FATE_HEARD;
	if (kind == ACTION_READ || kind == ACTION_RECONCILE)
		return (enum fate)read_fates[random_below(
			&w->random, (int)countof(read_fates))];
	for (int i = 0; i < FATES; i++)
		sum += weights[i];
	at = random_below(&w->random, sum);
	for (int i = 0; i < FATES; i++) {
		at -= weights[i];
		if (at < 0)
			return (enum fate)i;
	}
	return FATE_HEARD;
}

static uint32_t choose_tick(struct world *w)
{
	int64_t most = w->temper.tick_max_ms;

	switch (random_below(&w->random, 16)) {
	case 0:
		most *= 100;
		break;
	case 1:
	case 2:
		most *= 10;
		break;
	default:
		break;
	}
	return 1 + (uint32_t)random_below(&w->random, (int)most);
}

struct action choose_chaos(struct world *w)
{
	struct action a;
	int sum = 0, at;

	for (int i = 0; i < ACTIONS; i++)
		sum += w->temper.weights[i];
	at = random_below(&w->random, sum);
	for (int i = 0; i < ACTIONS; i++) {
		at -= w->temper.weights[i];
		if (at < 0) {
			a = by_chance(w, (enum action_kind)i);
			break;
		}
	}
	if (a.kind == ACTION_TICK)
		a.b = choose_tick(w);
	a.fate = choose_fate(w, a.kind);
	return a;
}

/* --- healing ----------------------------------------------------------------
 */

static bool is_any_hand_busy(const struct world *w)
{
	for (int i = 0; i < w->temper.actors; i++)
		for (int k = 0; k < HANDS_MAX; k++)
			if (w->workers[i].hands[k].state != HAND_FREE)
				return true;
	return false;
}

/* When a step that is not at anybody's hands can next be moved. */
static int64_t next_move(const struct world *w, const struct model_step *s)
{
	const struct model_worker *holder;

	if (model_is_due(s))
		return s->due_at;
	if (!model_is_live(s))
		return INT64_MAX;
	holder = s->holder < 0 ? NULL
			       : model_worker_find((struct model *)&w->model,
						   s->holder);
	return holder && holder->is_leased ? holder->lease_ends : 0;
}

/* Until something can be done, where nobody has anything to do before. */
static int64_t idle_ms(const struct world *w)
{
	int64_t now = w->true_ms + w->offset_ms, next = now + DAY_MS;

	if (is_any_hand_busy(w))
		return 500;
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++) {
			int64_t at = next_move(w, &r->steps[k]);

			next = at < next ? at : next;
		}
	}
	return next <= now ? 500 : next - now;
}

/* What a good program does, in turn; each says whether it meant something. */
static const enum action_kind rounds[] = {
	ACTION_THAW,      ACTION_ARRIVE, ACTION_RESUME,
	ACTION_REGISTER,  ACTION_BEAT,   ACTION_READ,
	ACTION_RECONCILE, ACTION_TAKE,   ACTION_END};
static const enum action_kind common[] = {ACTION_SUBMIT,  ACTION_SIGNAL,
					  ACTION_PROMOTE, ACTION_RECLAIM,
					  ACTION_SWEEP,   ACTION_TICK};

static struct action step_of_round(struct world *w, int turn)
{
	int each = (int)countof(rounds), all = each * w->temper.actors;
	struct action a;

	turn %= all + (int)countof(common);
	if (turn >= all) {
		a = by_chance(w, common[turn - all]);
		a.b = 0;
		if (a.kind == ACTION_TICK)
			a.b = (uint32_t)idle_ms(w);
	} else {
		a = by_chance(w, rounds[turn % each]);
		a.a = (uint32_t)(turn / each);
		if (a.kind == ACTION_RESUME)
			a.b = (uint32_t)__builtin_ctz(w->model.paused | 8u);
		if (a.kind == ACTION_REGISTER)
			a.c = (1u << QUEUES) - 2;
	}
	return a;
}

struct action choose_healing(struct world *w)
{
	return step_of_round(w, w->phase_turns);
}

bool world_is_healed(const struct world *w)
{
	for (int i = 0; i < ORDERS_MAX; i++)
		if (w->orders[i].state != ORDER_FREE)
			return false;
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		if (r->number && r->state == RUN_RUNNING)
			return false;
		for (int k = 0; r->number && k < r->shape->places; k++)
			if (model_is_live(&r->steps[k]))
				return false;
	}
	return w->held_up_count == 0 && !w->model.paused;
}

/* --- leaving ----------------------------------------------------------------
 */

static const enum action_kind farewell[] = {
	ACTION_RECONCILE, ACTION_TAKE, ACTION_END, ACTION_BEAT, ACTION_LEAVE};

struct action choose_leaving(struct world *w)
{
	int each = (int)countof(farewell), all = each * w->temper.actors;
	int turn = w->phase_turns % (all + 3);
	struct action a;

	if (turn < all) {
		a = by_chance(w, farewell[turn % each]);
		a.a = (uint32_t)(turn / each);
		a.b = (uint32_t)(w->phase_turns / (all + 3));
		return a;
	}
	a = by_chance(w, (enum action_kind[]){ACTION_RECLAIM, ACTION_SWEEP,
					      ACTION_TICK}[turn - all]);
	a.b = 0;
	if (a.kind == ACTION_TICK)
		a.b = w->phase_turns / (all + 3) < 4 ? 16000 : DAY_MS + 1;
	return a;
}

bool world_has_left(const struct world *w)
{
	for (int i = 0; i < RUNS_MAX; i++)
		if (w->model.runs[i].number)
			return false;
	for (int i = 0; i < WORKERS_MAX; i++)
		if (w->model.workers[i].number)
			return false;
	for (int i = 0; i < DEFINITIONS; i++)
		if (w->model.definitions[i].is_there)
			return false;
	return !w->has_read;
}
