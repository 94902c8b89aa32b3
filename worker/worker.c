/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/blobs.h"
#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "crash.h"

/* --- what kinds and parts ask ----------------------------------------------
 */

uv_loop_t *worker_loop(struct worker *w)
{
	return w->loop;
}

const struct config *worker_config(const struct worker *w)
{
	return w->config;
}

struct store *worker_store(const struct worker *w)
{
	return w->store;
}

const char *worker_id(const struct worker *w)
{
	return w->id;
}

struct tools *worker_tools(struct worker *w)
{
	return w->tools;
}

/*
 * An attempt gives its slot back when it has ended, not when Redis has heard
 * of it: so the next ones are read while the last ones are being committed.
 * What waits to be committed has a bound of its own; and one that may have an
 * heir keeps its slot for it.
 */
int64_t worker_free_slots(const struct worker *w)
{
	int64_t free = w->config->worker.slots - (int64_t)w->table.count;

	if (reports_are_many(&w->reports))
		return free;
	return free + (int64_t)(reports_count(&w->reports) - w->reports.heirs);
}

/* --- the turn --------------------------------------------------------------
 */

/*
 * Right before the loop waits. The order matters: what an attempt says on its
 * way goes before its end, and what ends here makes room for what is asked.
 */
static void on_turn(uv_prepare_t *turn)
{
	struct worker *w = turn->data;

	crash_turn();
	if (w->phase == WORKER_CLOSING) {
		close_turn(w);
		log_flush();
		return;
	}
	attempts_start_held(w);
	takes_flush(w);
	recalls_flush(w);
	collector_turn(w);
	gazette_flush(w);
	reports_flush(w);
	fetch_turn(&w->fetch);
	lease_turn(w);
	drain_turn(w);
	log_flush();
}

static void on_wake(uv_timer_t *timer)
{
	(void)timer; /* the turn that follows does the work */
}

void worker_wake_at(struct worker *w, int64_t at_ms)
{
	int64_t wait = at_ms - clock_monotonic_ms();
	uint64_t wait_ms = wait > 0 ? (uint64_t)wait : 0;

	if (w->phase == WORKER_CLOSING)
		return;
	if (uv_is_active((uv_handle_t *)&w->wake) &&
	    uv_timer_get_due_in(&w->wake) <= wait_ms)
		return;
	uv_timer_start(&w->wake, on_wake, wait_ms, 0);
}

/* --- beginning -------------------------------------------------------------
 */

/* {NAME: value} of the variables that expressions may read. */
static jv exposed(const struct text_list *names)
{
	jv env = jv_object();

	for (size_t i = 0; i < names->count; i++) {
		const char *value = getenv(names->items[i]);

		if (value)
			env = jv_object_set(env, jv_string(names->items[i]),
					    jv_string(value));
	}
	return env;
}

static void on_open(void *arg, const struct error *err)
{
	struct worker *w = arg;

	if (err) {
		log_error("worker can't start", NULL, "%s", err->text);
		w->exit_code = error_exit_code(err->kind);
		worker_close(w);
		return;
	}
	if (w->phase != WORKER_OPENING)
		return;
	lease_register(w);
}

/*
 * Redis was given a newer library: what is in progress may be ended by it,
 * but whatever is begun now is better begun by a program that knows it.
 */
static void on_outdated(void *arg, const struct error *err)
{
	struct worker *w = arg;

	if (w->phase == WORKER_CLOSING)
		return;
	log_error("worker outdated", NULL,
		  "%s; it takes no more work and ends after its %zu "
		  "attempts",
		  err->text, w->table.count);
	w->exit_code = error_exit_code(err->kind);
	if (w->phase == WORKER_DRAINING || w->phase == WORKER_LEAVING)
		return;
	worker_stop(w);
	w->is_unasked = w->phase == WORKER_DRAINING;
}

void worker_registered(struct worker *w)
{
	if (w->phase != WORKER_OPENING) {
		log_info("worker registered", NULL, "as %s", w->id);
		return;
	}
	w->phase = WORKER_RUNNING;
	fetch_start(w);
	log_info("worker ready", NULL, NULL);
}

static void renew_id(struct worker *w)
{
	worker_id_new(w->id);
	log_set_worker(w->id);
}

void worker_start(struct worker *w, uv_loop_t *loop,
		  const struct config *config)
{
	*w = (struct worker){.loop = loop, .config = config};
	renew_id(w);
	table_init(&w->table, w);
	w->takes.batch_max = TAKE_MAX;
	definitions_init(&w->definitions, w);
	reports_init(&w->reports, w);
	recalls_init(&w->recalls);
	alarms_start(&w->alarms, loop, on_attempt_alarm);
	lease_start(w);
	w->env = exposed(&config->worker.expose);
	w->tools = tools_new(loop, config);
	w->blobs = blobs_new(loop, config);
	uv_timer_init(loop, &w->wake);
	uv_timer_init(loop, &w->patience);
	w->patience.data = w;
	uv_prepare_init(loop, &w->turn);
	w->turn.data = w;
	uv_prepare_start(&w->turn, on_turn);
	w->store = store_start(loop, config, "treadle-worker", -1, on_open, w);
	store_on_outdated(w->store, on_outdated, w);
}

void worker_stop(struct worker *w)
{
	if (w->phase == WORKER_OPENING && w->lease.is_registering)
		drain_goodbye(w);
	else if (w->phase == WORKER_OPENING)
		worker_close(w);
	else if (w->phase == WORKER_RUNNING)
		drain_begin(w);
	else if (w->phase == WORKER_DRAINING && w->is_unasked)
		drain_asked(w);
	else if (w->phase == WORKER_DRAINING && !w->is_forced)
		drain_force(w);
}

/* --- loss ------------------------------------------------------------------
 */

static void lose(struct attempt *a, void *arg)
{
	(void)arg;
	attempt_stop(a, STOP_LOST, true);
}

void worker_lose_all(struct worker *w)
{
	table_each(&w->table, lose, NULL);
}

void worker_lost(struct worker *w)
{
	if (!w->lease.is_registered || w->phase == WORKER_CLOSING)
		return;
	log_warn("worker lost", NULL,
		 "it was silent for longer than its lease; %zu attempts are "
		 "dropped, others do them again",
		 w->table.count);
	w->lease.is_registered = false;
	worker_lose_all(w);
	reports_drop(w);
	fetch_forget(&w->fetch);
	if (w->phase != WORKER_RUNNING)
		return;
	renew_id(w);
	lease_register(w);
}
