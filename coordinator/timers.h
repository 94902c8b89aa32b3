/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TIMERS_H
#define TREADLE_TIMERS_H

#include "duty.h"

/*
 * What is due is queued when it is due, and overdue runs end.
 *
 * Sleeps until the next due time. Whatever becomes due earlier than all else
 * rings a doorbell, the stream `treadle:{0}:timer`; it is read on a
 * connection of its own, because that read blocks. So an idle coordinator is
 * quiet, and a due step is on its queue within 20 ms of its time.
 */
struct timers {
	struct duty duty;
	struct redis *bell;
	uv_timer_t bell_timer; /* until the bell is read again, after trouble */
	char last_ring[64];
	bool is_bell_broken, is_stopped;
};

void timers_start(struct timers *t, struct coordinator *c);
void timers_open(struct timers *t); /* the store can be used now */
/* on_stopped(arg) when no callback of ours can come any more. */
void timers_stop(struct timers *t, void (*on_stopped)(void *arg), void *arg);

#endif
