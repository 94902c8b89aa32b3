/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "model_parts.h"
#include "wound.h"

/*
 * What somebody damages by hand, and treadle_mend mends. The same mends of
 * what is well must find nothing to do.
 */
/* --- whose ------------------------------------------------------------------
 */

/* Any run from a place on that suits, and any such step of it. */
typedef bool suits_fn(const struct model_run *r, int step);

static bool find_run(struct wound *x, uint32_t choice, suits_fn *suits)
{
	for (uint32_t i = 0; i < RUNS_MAX * PLACES_MAX; i++) {
		uint32_t at = (choice + i) % (RUNS_MAX * PLACES_MAX);
		struct model_run *r = &x->w->model.runs[at / PLACES_MAX];

		x->step = (int)(at % PLACES_MAX);
		if (!r->number || x->step >= r->shape->places ||
		    !suits(r, x->step))
			continue;
		x->run = r;
		x->queue = r->shape->steps[base_of(x->step)].queue;
		name_run(x->about, r->number);
		return true;
	}
	return false;
}

static bool is_any(const struct model_run *r, int step)
{
	return r->number && step >= 0;
}

static bool is_over(const struct model_run *r, int step)
{
	return r->state != RUN_RUNNING && step >= 0;
}

static bool is_scheduled(const struct model_run *r, int step)
{
	return r->is_scheduled && step >= 0;
}

static bool is_delayed(const struct model_run *r, int step)
{
	return r->steps[step].state == DELAYED;
}

static bool is_undelivered(const struct model_run *r, int step)
{
	return r->steps[step].state == READY && r->steps[step].holder < 0;
}

static bool is_delivered(const struct model_run *r, int step)
{
	return r->steps[step].state == READY && r->steps[step].holder >= 0;
}

static bool is_alive(const struct model_run *r, int step)
{
	return model_is_live(&r->steps[step]);
}

static bool is_done(const struct model_run *r, int step)
{
	return r->steps[step].state == DONE;
}

static bool has_letter(const struct model_run *r, int step)
{
	return r->steps[step].letter.is_there;
}

/* --- what is damaged, and what is then said --------------------------------
 */

#define SAY(x, ...) connection_sendf((x)->w->connection, __VA_ARGS__)
#define MEND(x, ...) snprintf((x)->mend, sizeof((x)->mend), __VA_ARGS__)

/* What a whole run is mended for. */
static bool find_whole(struct wound *x, uint32_t choice, suits_fn *suits)
{
	if (!find_run(x, choice, suits))
		return false;
	MEND(x, "run %s", x->about);
	return true;
}

/* What one of its steps is. */
static bool find_step(struct wound *x, uint32_t choice, suits_fn *suits)
{
	if (!find_run(x, choice, suits))
		return false;
	MEND(x, "step %s %s", x->about, STEP_NAME(x->step));
	return true;
}

static bool find_index(struct wound *x, uint32_t choice)
{
	return find_whole(x, choice, is_any);
}

static void make_index(struct wound *x)
{
	SAY(x, "ZREM %s:runs:%s %s", x->key, run_state_name(x->run->state),
	    x->about);
}

static bool find_finished(struct wound *x, uint32_t choice)
{
	return find_whole(x, choice, is_over);
}

static void make_finished(struct wound *x)
{
	SAY(x, "ZREM %s:finished %s", x->key, x->about);
}

static void make_left(struct wound *x)
{
	struct command *c = connection_begin(x->w->connection, "HSET");
	char text[TEXT_MAX];

	command_addf(c, "%s:run:%s", x->key, x->about);
	command_text(c, "state");
	command_text(c, run_text(text, x->run, x->run->left + 1));
	connection_send(x->w->connection);
}

static bool find_deadline(struct wound *x, uint32_t choice)
{
	return find_whole(x, choice, is_scheduled);
}

static void make_deadline(struct wound *x)
{
	SAY(x, "ZREM %s:delayed %s/", x->key, x->about);
}

static bool find_due(struct wound *x, uint32_t choice)
{
	return find_step(x, choice, is_delayed);
}

static void make_due(struct wound *x)
{
	SAY(x, "ZREM %s:delayed %s/%s", x->key, x->about, STEP_NAME(x->step));
}

static void mend_due(struct wound *x)
{
	x->run->steps[x->step].due_at = x->w->model.now;
}

static bool find_entry(struct wound *x, uint32_t choice)
{
	return find_step(x, choice, is_undelivered);
}

static void make_entry(struct wound *x)
{
	char queue[TEXT_MAX], entry[TEXT_MAX];

	SAY(x, "XDEL %s:queue:%s %s", x->key, name_queue(queue, x->queue),
	    name_entry(entry, x->run->steps[x->step].entry));
}

static void mend_entry(struct wound *x)
{
	model_put_back(&x->w->model, x->run, x->step, true);
}

/* Of one whose holder is known: else there is something to mend already. */
static bool find_pending(struct wound *x, uint32_t choice)
{
	const struct model_worker *of;

	if (!find_step(x, choice, is_delivered))
		return false;
	of = model_worker_find(&x->w->model, x->run->steps[x->step].holder);
	return of && of->is_there;
}

static bool find_alive(struct wound *x, uint32_t choice)
{
	char queue[TEXT_MAX], entry[TEXT_MAX];

	if (!find_run(x, choice, is_alive))
		return false;
	MEND(x, "entry %s %s", name_queue(queue, x->queue),
	     name_entry(entry, x->run->steps[x->step].entry));
	return true;
}

static bool find_member(struct wound *x, uint32_t choice)
{
	if (!find_run(x, choice, is_done))
		return false;
	MEND(x, "delayed %s/%s", x->about, STEP_NAME(x->step));
	return true;
}

static void make_member(struct wound *x)
{
	SAY(x, "ZADD %s:delayed 1 %s/%s", x->key, x->about, STEP_NAME(x->step));
}

static bool find_letter(struct wound *x, uint32_t choice)
{
	return find_whole(x, choice, has_letter);
}

static void make_letter(struct wound *x)
{
	char entry[TEXT_MAX];

	SAY(x, "XDEL %s:dead %s", x->key,
	    name_entry(entry, x->run->steps[x->step].letter.entry));
}

static void mend_letter(struct wound *x)
{
	x->run->steps[x->step].letter.is_there = false;
}

static bool find_key(struct wound *x, uint32_t choice)
{
	(void)choice;
	MEND(x, "key nobody");
	return true;
}

static void make_key(struct wound *x)
{
	SAY(x, "HSET %s:keys nobody 01k00000000000000000000000", x->key);
}

static bool find_queue(struct wound *x, uint32_t choice)
{
	x->queue = (int)(choice % QUEUES);
	name_queue(x->about, x->queue);
	MEND(x, "queue %s", x->about);
	return x->w->model.groups & x->w->model.queues & (1u << x->queue);
}

static void make_queue(struct wound *x)
{
	SAY(x, "SREM %s:queues %s", x->key, x->about);
}

static bool find_paused(struct wound *x, uint32_t choice)
{
	(void)choice;
	MEND(x, "queue nowhere");
	return true;
}

static void make_paused(struct wound *x)
{
	SAY(x, "SADD %s:paused nowhere", x->key);
}

static bool find_users(struct wound *x, uint32_t choice)
{
	struct model *m = &x->w->model;
	struct model_definition *d = &m->definitions[choice % DEFINITIONS];

	x->definition = d;
	MEND(x, "definition %s %d %" PRId64 " %" PRId64, d->shape->digest,
	     d->runs, m->counters[COUNT_SUBMITTED], m->counters[COUNT_REMOVED]);
	return d->is_there;
}

static void make_users(struct wound *x)
{
	SAY(x, "HSET %s:def:%s runs %d", x->key, x->definition->shape->digest,
	    x->definition->runs + 5);
}

static bool find_idle(struct wound *x, uint32_t choice)
{
	x->definition = &x->w->model.definitions[choice % DEFINITIONS];
	MEND(x, "definition %s", x->definition->shape->digest);
	return x->definition->is_there && x->definition->is_idle;
}

static void make_idle(struct wound *x)
{
	SAY(x, "ZREM %s:definitions %s", x->key, x->definition->shape->digest);
}

static void mend_idle(struct wound *x)
{
	x->definition->idle_since = x->w->model.now;
}

/*
 * One that was mended knows only the queues that it held something of: a read
 * that was served after that is damage of its own.
 */
static bool holds_elsewhere(const struct wound *x)
{
	for (int q = 0; q < QUEUES; q++)
		if (!(x->worker->queues & (1u << q)) &&
		    model_is_held(&x->w->model, x->worker->number, q))
			return true;
	return false;
}

static bool find_worker(struct wound *x, uint32_t choice, bool is_lost)
{
	for (uint32_t i = 0; i < WORKERS_MAX; i++) {
		x->worker = &x->w->model.workers[(choice + i) % WORKERS_MAX];
		if (!x->worker->number || !x->worker->is_there ||
		    x->worker->is_lost != is_lost ||
		    x->worker->is_leased == is_lost || holds_elsewhere(x))
			continue;
		name_worker(x->about, x->worker->number);
		MEND(x, "worker %s", x->about);
		return true;
	}
	return false;
}

static bool find_lease(struct wound *x, uint32_t choice)
{
	return find_worker(x, choice, false);
}

static bool find_lost(struct wound *x, uint32_t choice)
{
	return find_worker(x, choice, true);
}

static void make_lost(struct wound *x)
{
	SAY(x, "HDEL %s:worker:%s lost", x->key, x->about);
}

static void make_lease(struct wound *x)
{
	SAY(x, "ZREM %s:workers %s", x->key, x->about);
}

/* Lost, with what it holds; or forgotten. */
static void mend_lease(struct wound *x)
{
	struct model *m = &x->w->model;
	struct model_worker *of = x->worker;
	unsigned held = 0;

	for (int q = 0; q < QUEUES; q++)
		held |= model_is_held(m, of->number, q) ? 1u << q : 0;
	if (!held) {
		model_forget_worker(of);
		return;
	}
	of->is_leased = false;
	of->is_lost = true;
	of->queues = held;
	of->lost_at = of->forget_at = m->now;
	x->w->has_read = true; /* a consumer of another queue */
}

static bool find_counters(struct wound *x, uint32_t choice)
{
	(void)choice;
	MEND(x, "counters");
	return true;
}

static void make_counters(struct wound *x)
{
	SAY(x, "HINCRBY %s:counters submitted 3", x->key);
}

static bool find_orphan(struct wound *x, uint32_t choice)
{
	(void)choice;
	MEND(x, "orphan out:01k00000000000000000000000");
	return true;
}

static void make_orphan(struct wound *x)
{
	SAY(x, "HSET %s:out:01k00000000000000000000000 a x", x->key);
}

static bool find_persist(struct wound *x, uint32_t choice)
{
	if (!find_run(x, choice, is_any))
		return false;
	MEND(x, "persist run:%s", x->about);
	return true;
}

static void make_persist(struct wound *x)
{
	SAY(x, "PEXPIRE %s:run:%s 1000000000", x->key, x->about);
}

static bool find_lead(struct wound *x, uint32_t choice)
{
	struct model *m = &x->w->model;

	(void)choice;
	MEND(x, "lead lead:promote");
	return m->leads[ROLE_PROMOTE].holder &&
	       m->leads[ROLE_PROMOTE].until > m->now;
}

static void make_lead(struct wound *x)
{
	SAY(x, "HDEL %s:simulated:expiry %s:lead:promote", x->key, x->key);
}

static void mend_lead(struct wound *x)
{
	x->w->model.leads[ROLE_PROMOTE].holder = 0;
}

/* --- the table --------------------------------------------------------------
 */

#define find_left find_index
#define make_pending make_entry
#define make_alive NULL
const struct wound_row wounds[WOUNDS] = {
#define WOUND(name, mend, text) {text, find_##name, make_##name, mend},
#include "wounds.def"
#undef WOUND
};
