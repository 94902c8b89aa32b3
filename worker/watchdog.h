/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WATCHDOG_H
#define TREADLE_WATCHDOG_H

#include <stdint.h>
#include <uv.h>

#include "treadle/base.h"

/*
 * A thread that aborts the process when the loop has stood still too long.
 *
 * A worker whose loop hangs still looks alive to the system and may hold
 * steps for as long as its lease is renewed by nobody but itself: better an
 * abort, with a core to look at, and steps that others recover.
 */
struct watchdog;

/*
 * Gives *watchdog. The loop is ticked by a timer of its own, which does not
 * keep it alive. Errors: SYSTEM, where there can be no thread.
 */
int watchdog_start(uv_loop_t *loop, int64_t limit_ms,
		   struct watchdog **watchdog, struct error *err);
/* Ends the thread; frees when the loop has closed the timer. */
void watchdog_stop(struct watchdog *w);

#endif
