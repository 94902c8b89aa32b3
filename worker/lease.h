/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_LEASE_H
#define TREADLE_LEASE_H

#include "worker.h"

/*
 * The worker's one lease: registered, renewed, ended.
 *
 * An idle worker beats three times a lease; one with attempts in progress or
 * a paused queue beats every second, for the answer says what was cancelled
 * and what is still paused.
 */
struct lease {
	uv_timer_t timer;
	bool is_registered;
	bool is_registering, is_beating; /* a call is under way */
	bool is_hurried;                 /* the timer runs at the busy pace */
	int64_t checked_at;              /* when the library was, monotonic */
};

void lease_start(struct worker *w);
void lease_stop(struct worker *w); /* no more beats; w must live on */

/* Makes the worker known under w->id; worker_registered() follows. */
void lease_register(struct worker *w);
/* With each turn: a worker that became busy beats sooner. */
void lease_turn(struct worker *w);
/* Says what the tally still has; the store keeps the order of calls. */
void lease_beat(struct worker *w);

#endif
