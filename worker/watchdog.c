/* SPDX-License-Identifier: MIT */
#include "watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "treadle/base.h"
#include "treadle/clock.h"

/* The limit is cut into looks; so many in a row without a tick are too many. */
enum { LOOKS = 10 };

struct watchdog {
	uv_timer_t timer;
	atomic_uint ticks;
	int64_t look_ms;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t stopping;
	bool is_stopping;
};

static void bark(void)
{
	static const char text[] =
		"treadle-worker: the loop stood still for longer than "
		"worker.watchdog; aborting\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

/* Waits for one look; true if the watchdog shall stop. */
static bool wait_look(struct watchdog *w)
{
	struct timespec until;
	int status = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += w->look_ms / 1000;
	until.tv_nsec += (w->look_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->mutex);
	while (!w->is_stopping && status != ETIMEDOUT)
		status =
			pthread_cond_timedwait(&w->stopping, &w->mutex, &until);
	pthread_mutex_unlock(&w->mutex);
	return status != ETIMEDOUT;
}

/*
 * A look that comes much too late says that the whole process was stopped,
 * or starved: the loop must get its full time again.
 */
static void *watch(void *arg)
{
	struct watchdog *w = arg;
	unsigned seen = atomic_load(&w->ticks);
	int still = 0;

	for (;;) {
		int64_t begun = clock_monotonic_ms();
		bool is_late;
		unsigned ticks;

		if (wait_look(w))
			return NULL;
		is_late = clock_monotonic_ms() - begun > 3 * w->look_ms;
		ticks = atomic_load(&w->ticks);
		still = ticks != seen || is_late ? 0 : still + 1;
		seen = ticks;
		if (still > LOOKS)
			bark();
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct watchdog *w = timer->data;

	atomic_fetch_add(&w->ticks, 1);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void clear(struct watchdog *w)
{
	pthread_cond_destroy(&w->stopping);
	pthread_mutex_destroy(&w->mutex);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

int watchdog_start(uv_loop_t *loop, int64_t limit_ms,
		   struct watchdog **watchdog, struct error *err)
{
	struct watchdog *w = xcalloc(1, sizeof(*w));
	int64_t tick_ms = limit_ms / 3;
	pthread_condattr_t attributes;
	sigset_t all, old;
	int why;

	w->look_ms = limit_ms / LOOKS;
	uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_tick, (uint64_t)tick_ms,
		       (uint64_t)tick_ms);
	uv_unref((uv_handle_t *)&w->timer);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&w->stopping, &attributes);
	pthread_condattr_destroy(&attributes);
	/* Signals are for the loop's thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	why = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (why) {
		clear(w);
		return error_set(err, ERR_SYSTEM,
				 "cannot begin the watchdog: %s",
				 strerror(why));
	}
	*watchdog = w;
	return 0;
}

void watchdog_stop(struct watchdog *w)
{
	pthread_mutex_lock(&w->mutex);
	w->is_stopping = true;
	pthread_cond_signal(&w->stopping);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	clear(w);
}
