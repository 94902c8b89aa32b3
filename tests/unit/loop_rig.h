/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_LOOP_RIG_H
#define TREADLE_TEST_LOOP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <uv.h>

#include "treadle/base.h"

/*
 * A loop that a test turns until something holds.
 */
#define PATIENCE_MS 20000

struct rig {
	uv_loop_t loop;
	uv_timer_t limit;
	char folder[64], socket[96], url[128];
	pid_t server; /* 0 for none */
};

static inline void on_impatience(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("waited in vain");
}

/* Turns the loop until the condition holds. */
#define run_until(rig, condition)                                              \
	do {                                                                   \
		uv_timer_start(&(rig)->limit, on_impatience, PATIENCE_MS, 0);  \
		while (!(condition))                                           \
			uv_run(&(rig)->loop, UV_RUN_ONCE);                     \
		uv_timer_stop(&(rig)->limit);                                  \
	} while (0)

static inline void on_pause_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Turns the loop for a while: to show that something does not happen. */
static inline void run_for(struct rig *rig, uint64_t ms)
{
	bool is_over = false;
	uv_timer_t timer;

	uv_timer_init(&rig->loop, &timer);
	timer.data = &is_over;
	uv_timer_start(&timer, on_pause_over, ms, 0);
	while (!is_over)
		uv_run(&rig->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&rig->loop, UV_RUN_NOWAIT);
}

#endif
