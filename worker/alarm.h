/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ALARM_H
#define TREADLE_ALARM_H

#include "worker.h"

/*
 * When the time of which attempt is over.
 *
 * A binary heap by attempt.due_ms behind one timer of the loop, so that
 * thousands of attempts in flight cost one timer and no handle of their own.
 */
#define ALARM_NONE SIZE_MAX

struct alarms {
	uv_timer_t timer;
	struct attempt **heap; /* the earliest first */
	size_t count, size;
	void (*on_alarm)(struct attempt *a); /* its alarm is off by then */
};

void alarms_start(struct alarms *s, uv_loop_t *loop,
		  void (*on_alarm)(struct attempt *a));
void alarms_stop(struct alarms *s); /* s must live until the loop has ended */

/* due_ms: monotonic. Replaces the attempt's earlier alarm. */
void alarm_set(struct alarms *s, struct attempt *a, int64_t due_ms);
void alarm_clear(struct alarms *s, struct attempt *a); /* if there is one */

#endif
