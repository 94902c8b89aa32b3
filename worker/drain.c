/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"

/*
 * The end of a worker that was told to stop.
 *
 * Nothing is begun any more: what has not started is handed back at once,
 * what has may finish within worker.grace and is stopped and handed back
 * after it. When all is said the worker says good-bye, so that nobody waits
 * for its lease; only then are connections closed. If Redis can't be
 * reached, patience ends, and the lease says the rest.
 */
enum { FORCED_MS = 8000, GOODBYE_MS = 2000 };

static void stop_unstarted(struct attempt *a, void *arg)
{
	(void)arg;
	if (a->state != ATTEMPT_STARTED && a->state != ATTEMPT_STORING)
		attempt_stop(a, STOP_DRAIN, true);
}

static void stop_any(struct attempt *a, void *arg)
{
	(void)arg;
	attempt_stop(a, STOP_DRAIN, true);
}

static void give_up(struct worker *w)
{
	log_error("worker gives up", NULL,
		  "%zu attempts could not be handed back: Redis does not "
		  "answer; the lease of %s ends by itself",
		  w->table.count, w->id);
	if (!w->exit_code)
		w->exit_code = error_exit_code(ERR_UNAVAILABLE);
	worker_close(w);
}

static void on_impatient(uv_timer_t *timer)
{
	struct worker *w = timer->data;

	if (w->phase == WORKER_DRAINING && !w->is_forced)
		drain_force(w);
	else
		give_up(w);
}

void drain_begin(struct worker *w)
{
	int64_t grace = w->config->worker.grace;

	w->phase = WORKER_DRAINING;
	log_info("worker draining", NULL, "%zu attempts in progress",
		 w->table.count);
	uv_timer_start(&w->patience, on_impatient, (uint64_t)grace, 0);
	fetch_interrupt(&w->fetch);
	table_each(&w->table, stop_unstarted, NULL);
}

/* It drained by itself; this is the first that it is told to. */
void drain_asked(struct worker *w)
{
	w->is_unasked = false;
	log_info("worker told to drain", NULL, "as it does already");
}

void drain_force(struct worker *w)
{
	w->is_forced = true;
	uv_timer_start(&w->patience, on_impatient, FORCED_MS, 0);
	table_each(&w->table, stop_any, NULL);
}

static void on_left(void *arg, const struct redis_failure *failure)
{
	struct worker *w = arg;

	if (failure && failure->cause == REDIS_STOPPED)
		return;
	if (failure)
		log_warn("good-bye refused", NULL, "%s", failure->error.text);
	worker_close(w);
}

void drain_goodbye(struct worker *w)
{
	w->phase = WORKER_LEAVING;
	uv_timer_start(&w->patience, on_impatient, GOODBYE_MS, 0);
	store_leave(w->store, w->id, on_left, w);
}

void drain_turn(struct worker *w)
{
	if (w->phase != WORKER_DRAINING || w->table.count > 0 ||
	    !fetch_is_quiet(&w->fetch))
		return;
	lease_beat(w);
	drain_goodbye(w);
}
