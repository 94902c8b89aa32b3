/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <string.h>
#include <unistd.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"

enum { BUSY_MS = 1000, REFUSED_PAUSE_MS = 1000, CHECK_MS = 60000 };

static bool is_busy(const struct worker *w)
{
	return w->table.count > 0 || fetch_has_paused(&w->fetch);
}

static int64_t pace_ms(const struct worker *w)
{
	int64_t third = w->config->worker.lease / 3;

	return is_busy(w) && third > BUSY_MS ? BUSY_MS : third;
}

static void on_timer(uv_timer_t *timer)
{
	struct worker *w = timer->data;

	if (w->lease.is_registered)
		lease_beat(w);
	else
		lease_register(w);
}

static void arm(struct worker *w, int64_t ms)
{
	w->lease.is_hurried = ms <= BUSY_MS;
	uv_timer_start(&w->lease.timer, on_timer, (uint64_t)ms, 0);
}

void lease_start(struct worker *w)
{
	w->lease = (struct lease){.checked_at = clock_monotonic_ms()};
	uv_timer_init(w->loop, &w->lease.timer);
	w->lease.timer.data = w;
}

void lease_stop(struct worker *w)
{
	uv_close((uv_handle_t *)&w->lease.timer, NULL);
}

static void on_registered(void *arg, const struct redis_failure *failure)
{
	struct worker *w = arg;

	w->lease.is_registering = false;
	if (w->phase == WORKER_LEAVING || w->phase == WORKER_CLOSING)
		return;
	if (failure) {
		log_error("registration refused", NULL, "%s; tried again",
			  failure->error.text);
		arm(w, REFUSED_PAUSE_MS);
		return;
	}
	w->lease.is_registered = true;
	arm(w, pace_ms(w));
	worker_registered(w);
}

void lease_register(struct worker *w)
{
	char host[256] = "";
	struct registration r = {.worker = w->id,
				 .host = host,
				 .version = TREADLE_VERSION,
				 .pid = getpid(),
				 .lease_ms = w->config->worker.lease,
				 .slots = w->config->worker.slots,
				 .queues = &w->config->worker.queues};

	if (w->lease.is_registering)
		return;
	gethostname(host, sizeof(host) - 1);
	w->lease.is_registering = true;
	w->lease.is_registered = false;
	store_register(w->store, &r, on_registered, w);
}

/*
 * Entry ids are unique within one queue only, and only ids come: whoever has
 * one of them is stopped and hands its step back. For the cancelled one Redis
 * answers just that; another, should there be one, is really handed back.
 */
static void cancel(struct attempt *a, void *arg)
{
	const struct beat *beat = arg;

	for (size_t i = 0; i < beat->cancelled_count; i++) {
		if (slice_is(beat->cancelled[i].text, a->entry)) {
			attempt_stop(a, STOP_CANCELLED, false);
			return;
		}
	}
}

/* A library may be replaced while nobody loses a connection. */
static void check_now_and_then(struct worker *w)
{
	int64_t now = clock_monotonic_ms();
	int64_t period = 4 * w->config->worker.lease;

	if (period > CHECK_MS)
		period = CHECK_MS;
	if (now - w->lease.checked_at < period)
		return;
	w->lease.checked_at = now;
	store_check(w->store);
}

static void on_beat(void *arg, const struct beat *beat,
		    const struct redis_failure *failure)
{
	struct worker *w = arg;

	w->lease.is_beating = false;
	if (w->phase == WORKER_CLOSING)
		return;
	if (failure) {
		log_error("heartbeat refused", NULL, "%s; tried again",
			  failure->error.text);
		arm(w, REFUSED_PAUSE_MS);
		return;
	}
	check_now_and_then(w);
	if (beat->is_lost) {
		worker_lost(w);
		return;
	}
	fetch_set_paused(&w->fetch, beat->paused, beat->paused_count);
	if (beat->cancelled_count > 0)
		table_each(&w->table, cancel, (void *)beat);
	arm(w, pace_ms(w));
}

void lease_beat(struct worker *w)
{
	struct counter counters[TALLY_COUNTERS];
	size_t count;

	if (w->lease.is_beating)
		return;
	w->lease.is_beating = true;
	count = tally_take(&w->tally, counters);
	store_heartbeat(w->store, w->id, w->config->worker.lease,
			(int64_t)w->table.count, counters, count, on_beat, w);
}

void lease_turn(struct worker *w)
{
	struct lease *l = &w->lease;

	if (l->is_registered && !l->is_beating && !l->is_hurried && is_busy(w))
		arm(w, pace_ms(w));
}
