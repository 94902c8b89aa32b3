/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/* A worker's life, as Redis sees it. */

static struct model_worker *place_for(struct model *m, int number)
{
	struct model_worker *w = model_worker_find(m, number);

	for (int i = 0; i < WORKERS_MAX && !w; i++) {
		if (m->workers[i].number == 0) {
			w = &m->workers[i];
			memset(w, 0, sizeof(*w));
			w->number = number;
		}
	}
	must(w != NULL);
	return w;
}

bool model_is_known_live(struct model *m, int worker)
{
	const struct model_worker *w = model_worker_find(m, worker);

	return w && w->is_there && !w->is_lost;
}

void model_order_stop(struct model *m, int worker, struct entry entry)
{
	struct model_worker *w = model_worker_find(m, worker);

	if (!w || !w->is_there)
		return; /* after a power cut, one may have left what it ran */
	for (int i = 0; i < w->stop_count; i++) {
		if (entry_compare(w->stops[i].entry, entry) == 0) {
			w->stops[i].at = m->now;
			return;
		}
	}
	must(w->stop_count < STOPS_MAX);
	w->stops[w->stop_count++] = (struct stop){entry, m->now};
}

static void renew_lease(struct model *m, struct model_worker *w, int64_t ms,
			int64_t from)
{
	if (!w->is_leased || w->lease_ends < from + ms)
		w->lease_ends = from + ms;
	w->is_leased = true;
	w->lease_ms = ms;
	w->true_heard_at = m->true_now;
}

void model_register(struct model *m, const struct call *c, struct answer *a)
{
	struct model_worker *w = place_for(m, c->who);

	w->is_there = true;
	renew_lease(m, w, c->lease_ms,
		    m->now > m->looked_at ? m->now : m->looked_at);
	w->queues = c->queues;
	m->queues |= c->queues;
	m->groups |= c->queues;
	answer_word(a, "OK");
}

void model_heartbeat(struct model *m, const struct call *c, struct answer *a)
{
	struct model_worker *w = model_worker_find(m, c->who);

	if (!model_is_known_live(m, c->who)) {
		answer_word(a, "LOST");
		return;
	}
	renew_lease(m, w, c->lease_ms, m->now);
	for (int i = 0; i < w->stop_count; i++)
		if (w->stops[i].at >= m->now - 60000)
			a->stops[a->stop_count++] = w->stops[i].entry;
	if (a->stop_count == 0)
		w->stop_count = 0;
	answer_word(a, "LIVE");
}

void model_forget_worker(struct model_worker *w)
{
	memset(w, 0, sizeof(*w));
}
static void adopt(struct model *m, int worker, int queue)
{
	struct model_worker *w = place_for(m, worker);

	w->is_there = w->is_lost = true;
	w->queues |= 1u << queue;
	w->lost_at = w->forget_at = m->now;
}

void model_adopt_strays(struct model *m)
{
	bool is_known[RUNS_MAX * PLACES_MAX];

	for (int i = 0; i < RUNS_MAX * PLACES_MAX; i++) {
		const struct model_run *r = &m->runs[i / PLACES_MAX];
		const struct model_step *s = &r->steps[i % PLACES_MAX];
		const struct model_worker *w;

		is_known[i] = true;
		if (!r->number || i % PLACES_MAX >= r->shape->places ||
		    !model_is_live(s) || s->holder < 0)
			continue;
		w = model_worker_find(m, s->holder);
		is_known[i] = w && w->is_there;
	}
	for (int i = 0; i < RUNS_MAX * PLACES_MAX; i++) {
		const struct model_run *r = &m->runs[i / PLACES_MAX];

		if (!is_known[i])
			adopt(m, r->steps[i % PLACES_MAX].holder,
			      r->shape->steps[base_of(i % PLACES_MAX)].queue);
	}
}

void model_leave(struct model *m, const struct call *c, struct answer *a)
{
	struct model_worker *w = model_worker_find(m, c->who);

	for (int q = 0; q < QUEUES && w && w->is_there; q++) {
		if ((w->queues & (1u << q)) && model_is_held(m, c->who, q)) {
			answer_error(a, "CONFLICT");
			return;
		}
	}
	if (w)
		model_forget_worker(w);
	answer_word(a, "OK");
}
