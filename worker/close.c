/* SPDX-License-Identifier: MIT */
#include "treadle/blobs.h"
#include "treadle/log.h"

#include "core.h"

/*
 * Closing goes from the kinds to Redis: first whoever holds an attempt lets
 * go of it, then the tools end, then the connections, which answers all that
 * was asked; then nobody refers to anything any more.
 */

/* What is left was on its way to Redis, which will not hear of it. */
static void forget(struct attempt *a, void *arg)
{
	(void)arg;
	alarm_clear(&a->worker->alarms, a);
	table_remove(&a->worker->table, a);
}

static void on_part_stopped(void *arg)
{
	struct worker *w = arg;

	if (--w->closing > 0)
		return;
	table_each(&w->table, forget, NULL);
	reports_clear(&w->reports);
	recalls_clear(&w->recalls);
	table_clear(&w->table);
	definitions_clear(&w->definitions);
	alarms_stop(&w->alarms);
	jv_free(w->env);
	uv_close((uv_handle_t *)&w->turn, NULL);
	uv_close((uv_handle_t *)&w->wake, NULL);
	log_info("worker stopped", NULL, NULL);
	log_flush();
}

static void on_tools_stopped(void *arg)
{
	struct worker *w = arg;
	bool has_reader = w->fetch.reader;

	w->closing = has_reader ? 3 : 2;
	blobs_stop(w->blobs, on_part_stopped, w);
	if (has_reader)
		fetch_stop(&w->fetch, on_part_stopped, w);
	store_stop(w->store, on_part_stopped, w);
}

static void look_for_held(struct attempt *a, void *arg)
{
	bool *is_held = arg;

	*is_held = *is_held || a->state == ATTEMPT_STARTED ||
		   a->state == ATTEMPT_PREPARING || a->state == ATTEMPT_ASKING;
}

/* Tools can go when no kind and no evaluator holds an attempt any more. */
void close_turn(struct worker *w)
{
	bool is_held = false;

	if (!w->is_letting_go)
		return;
	table_each(&w->table, look_for_held, &is_held);
	if (is_held)
		return;
	w->is_letting_go = false;
	tools_stop(w->tools, on_tools_stopped, w);
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

void worker_close(struct worker *w)
{
	if (w->phase == WORKER_CLOSING)
		return;
	w->phase = WORKER_CLOSING;
	w->is_letting_go = true;
	worker_lose_all(w);
	lease_stop(w);
	uv_close((uv_handle_t *)&w->patience, NULL);
	/* Were nothing else to happen, the turn would wait for ever. */
	uv_timer_start(&w->wake, on_wake, 0, 0);
}
