/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/* What coordinators do: due steps and runs, lost workers, retention. */

static bool lead(struct model *m, enum role role, const struct call *c,
		 struct answer *a)
{
	bool is_mine = m->leads[role].holder == c->who;

	a->is_role = true;
	if (!is_mine && m->leads[role].holder &&
	    m->leads[role].until > m->now &&
	    /* A longer one was taken before the clock went back. */
	    m->leads[role].until - m->now <= 4 * c->lease_ms)
		return false;
	m->leads[role].holder = c->who;
	m->leads[role].until = m->now + c->lease_ms;
	a->is_leader = true;
	return true;
}

static void number(struct answer *a, int i, const char *name, int64_t value)
{
	a->numbers[i].name = name;
	a->numbers[i].value = value;
}

/* --- promote ----------------------------------------------------------------
 */

struct due {
	int64_t at;
	int run, step; /* step -1: the run's deadline */
};

static int due_compare(const void *left, const void *right)
{
	const struct due *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->run != b->run)
		return a->run < b->run ? -1 : 1;
	return step_compare(a->step, b->step);
}

static int gather_due(const struct model *m, struct due *found)
{
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &m->runs[i];

		if (!r->number)
			continue;
		if (r->is_scheduled && r->deadline_at <= m->now)
			found[count++] =
				(struct due){r->deadline_at, r->number, -1};
		for (int k = 0; k < r->shape->places; k++)
			if (model_is_due(&r->steps[k]) &&
			    r->steps[k].due_at <= m->now)
				found[count++] = (struct due){
					r->steps[k].due_at, r->number, k};
	}
	qsort(found, (size_t)count, sizeof(*found), due_compare);
	return count;
}

/* 0: nothing was there to be done; 1: queued; 2: overdue; 3: its patience has
 * ended. */
static int come_due(struct model *m, const struct due *due)
{
	struct model_run *r = model_run_find(m, due->run);

	if (due->step < 0 && !r->is_scheduled)
		return 0; /* the run has ended, or is being closed */
	if (due->step < 0) {
		r->is_scheduled = false;
		model_stop(m, r, RUN_FAILED, true);
		model_count(m, COUNT_FAILURES + (int)CLASS_DEADLINE, 1);
		return 2;
	}
	if (r->steps[due->step].state == PARKED) {
		model_expire(m, r, due->step);
		return 3;
	}
	if (r->steps[due->step].state != DELAYED)
		return 0;
	model_enqueue(m, r, due->step);
	return 1;
}

void model_promote(struct model *m, const struct call *c, struct answer *a)
{
	struct due found[RUNS_MAX * (PLACES_MAX + 1)];
	int count, whats[4] = {0};

	if (!lead(m, ROLE_PROMOTE, c, a))
		return;
	count = gather_due(m, found);
	if (count > c->limit)
		count = (int)c->limit;
	for (int i = 0; i < count; i++) {
		int what = come_due(m, &found[i]);

		whats[what]++;
		if (what)
			model_count(m, COUNT_LATE_MS, m->now - found[i].at);
	}
	model_count(m, COUNT_PROMOTED, whats[1]);
	number(a, 0, "promoted", whats[1]);
	number(a, 1, "overdue", whats[2]);
	number(a, 2, "expired", whats[3]);
}

/* --- reclaim ----------------------------------------------------------------
 */

static void shorten_leases(struct model *m)
{
	for (int i = 0; i < WORKERS_MAX; i++) {
		struct model_worker *w = &m->workers[i];

		if (w->number && w->is_leased &&
		    w->lease_ends > m->now + w->lease_ms + RECONNECT_MS)
			w->lease_ends = m->now + w->lease_ms;
	}
}

/* Nobody knows of so much time that it has passed, and with Redis there. */
static void spare(struct model *m, int64_t unwatched_ms)
{
	for (int i = 0; i < WORKERS_MAX; i++) {
		struct model_worker *w = &m->workers[i];
		int64_t ends = m->now + w->lease_ms + RECONNECT_MS;

		if (w->number && w->is_leased &&
		    3 * unwatched_ms > w->lease_ms && w->lease_ends < ends)
			w->lease_ends = ends;
	}
}

static int late_compare(const void *left, const void *right)
{
	const struct model_worker *a = *(struct model_worker *const *)left;
	const struct model_worker *b = *(struct model_worker *const *)right;

	if (a->lease_ends != b->lease_ends)
		return a->lease_ends < b->lease_ends ? -1 : 1;
	return a->number - b->number;
}

static void declare_lost(struct model *m, int limit)
{
	struct model_worker *late[WORKERS_MAX];
	int count = 0;

	for (int i = 0; i < WORKERS_MAX; i++)
		if (m->workers[i].number && m->workers[i].is_leased &&
		    m->workers[i].lease_ends <= m->now)
			late[count++] = &m->workers[i];
	qsort(late, (size_t)count, sizeof(late[0]), late_compare);
	for (int i = 0; i < count && i < limit; i++) {
		late[i]->is_leased = false;
		/* Two thirds of it have passed, whatever the clock did. */
		if (3 * (m->true_now - late[i]->true_heard_at) <
		    2 * late[i]->lease_ms)
			m->stolen_from = late[i]->number;
		late[i]->is_there = late[i]->is_lost = true;
		late[i]->lost_at = m->now;
		late[i]->forget_at = m->now + LINGER_MS;
	}
}

struct held {
	int queue, run, step;
	struct entry entry;
};

/* Queue by queue, the oldest entry first. */
static int held_compare(const void *left, const void *right)
{
	const struct held *a = left, *b = right;

	return a->queue != b->queue ? a->queue - b->queue
				    : entry_compare(a->entry, b->entry);
}

static int gather_held(const struct model *m, const struct model_worker *w,
		       struct held *found)
{
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &m->runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++) {
			int queue = r->shape->steps[base_of(k)].queue;

			if (model_is_live(&r->steps[k]) &&
			    r->steps[k].holder == w->number &&
			    (w->queues & (1u << queue)))
				found[count++] = (struct held){
					queue, r->number, k, r->steps[k].entry};
		}
	}
	qsort(found, (size_t)count, sizeof(*found), held_compare);
	return count;
}

/*
 * Returns how many of its entries were looked at. What one of them does to
 * its run may have taken away another that was found with it.
 */
static int reclaim_worker(struct model *m, const struct model_worker *w,
			  int limit)
{
	struct held found[RUNS_MAX * PLACES_MAX];
	int count = gather_held(m, w, found);

	if (count > limit)
		count = limit;
	for (int i = 0; i < count; i++) {
		struct model_run *r = model_run_find(m, found[i].run);
		struct model_step *s = &r->steps[found[i].step];

		if (!s->is_new && entry_compare(s->entry, found[i].entry) == 0)
			model_put_back(m, r, found[i].step, true);
	}
	return count;
}

static int lost_compare(const void *left, const void *right)
{
	const struct model_worker *a = *(struct model_worker *const *)left;
	const struct model_worker *b = *(struct model_worker *const *)right;

	if (a->forget_at != b->forget_at)
		return a->forget_at < b->forget_at ? -1 : 1;
	return a->number - b->number;
}

static int gather_lost(struct model *m, struct model_worker **lost)
{
	int count = 0;

	for (int i = 0; i < WORKERS_MAX; i++)
		if (m->workers[i].number && m->workers[i].forget_at)
			lost[count++] = &m->workers[i];
	qsort(lost, (size_t)count, sizeof(lost[0]), lost_compare);
	return count;
}

void model_reclaim(struct model *m, const struct call *c, struct answer *a)
{
	struct model_worker *lost[WORKERS_MAX];
	int count, left = (int)c->limit;
	int64_t unwatched_ms;

	if (!lead(m, ROLE_RECLAIM, c, a) || m->now < c->read)
		return;
	unwatched_ms = m->now - c->read;
	if (c->since > m->looked_at)
		unwatched_ms += c->since - m->looked_at;
	spare(m, unwatched_ms);
	shorten_leases(m);
	m->looked_at = m->now;
	declare_lost(m, left);
	count = gather_lost(m, lost);
	for (int i = 0; i < count && left > 0; i++) {
		int looked;

		if (lost[i]->forget_at > m->now + LINGER_MS)
			lost[i]->forget_at = m->now + LINGER_MS;
		looked = reclaim_worker(m, lost[i], left);
		if (looked == 0 && m->now >= lost[i]->forget_at)
			model_forget_worker(lost[i]);
		left -= looked;
	}
}

/* --- sweep ------------------------------------------------------------------
 */

static int finished_compare(const void *left, const void *right)
{
	const struct model_run *a = *(struct model_run *const *)left;
	const struct model_run *b = *(struct model_run *const *)right;

	if (a->finished_at != b->finished_at)
		return a->finished_at < b->finished_at ? -1 : 1;
	return a->number - b->number;
}

static int sweep_runs(struct model *m, const struct call *c)
{
	struct model_run *found[RUNS_MAX];
	int count = 0, removed = 0;

	for (int i = 0; i < RUNS_MAX; i++)
		if (m->runs[i].number && m->runs[i].state != RUN_RUNNING)
			found[count++] = &m->runs[i];
	qsort(found, (size_t)count, sizeof(found[0]), finished_compare);
	for (int i = 0; i < count && removed < c->limit; i++) {
		if (found[i]->finished_at > m->now - c->retention_ms &&
		    i >= count - c->runs_max)
			break;
		model_remove(m, found[i]);
		removed++;
	}
	return removed;
}

static int sweep_definitions(struct model *m)
{
	int removed = 0;

	for (int i = 0; i < DEFINITIONS; i++) {
		struct model_definition *d = &m->definitions[i];

		if (!d->is_there || !d->is_idle ||
		    d->idle_since > m->now - DAY_MS)
			continue;
		d->is_idle = false;
		d->is_there = d->runs > 0;
		removed += !d->is_there;
	}
	return removed;
}

void model_sweep(struct model *m, const struct call *c, struct answer *a)
{
	if (!lead(m, ROLE_SWEEP, c, a))
		return;
	number(a, 0, "removed", sweep_runs(m, c));
	number(a, 1, "definitions", sweep_definitions(m));
	model_adopt_strays(m);
}
