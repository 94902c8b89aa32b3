/* SPDX-License-Identifier: MIT */
#include "alarm.h"

#include <stdlib.h>

#include "treadle/clock.h"

static void put(struct alarms *s, size_t at, struct attempt *a)
{
	s->heap[at] = a;
	a->alarm_at = at;
}

static void sift_up(struct alarms *s, struct attempt *a, size_t at)
{
	while (at > 0 && s->heap[(at - 1) / 2]->due_ms > a->due_ms) {
		put(s, at, s->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(s, at, a);
}

static void sift_down(struct alarms *s, struct attempt *a, size_t at)
{
	size_t child;

	while ((child = 2 * at + 1) < s->count) {
		if (child + 1 < s->count &&
		    s->heap[child + 1]->due_ms < s->heap[child]->due_ms)
			child++;
		if (s->heap[child]->due_ms >= a->due_ms)
			break;
		put(s, at, s->heap[child]);
		at = child;
	}
	put(s, at, a);
}

static void on_timer(uv_timer_t *timer);

/* Only an earlier due time moves the timer: a late one finds nothing to do. */
static void arm(struct alarms *s)
{
	int64_t wait;

	if (s->count == 0) {
		uv_timer_stop(&s->timer);
		return;
	}
	wait = s->heap[0]->due_ms - clock_monotonic_ms();
	uv_timer_start(&s->timer, on_timer, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct alarms *s = timer->data;
	int64_t now = clock_monotonic_ms();

	while (s->count > 0 && s->heap[0]->due_ms <= now) {
		struct attempt *a = s->heap[0];

		alarm_clear(s, a);
		s->on_alarm(a);
	}
	arm(s);
}

void alarms_start(struct alarms *s, uv_loop_t *loop,
		  void (*on_alarm)(struct attempt *a))
{
	*s = (struct alarms){.on_alarm = on_alarm};
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
}

void alarms_stop(struct alarms *s)
{
	must(s->count == 0);
	free(s->heap);
	s->heap = NULL;
	s->size = 0;
	uv_close((uv_handle_t *)&s->timer, NULL);
}

void alarm_set(struct alarms *s, struct attempt *a, int64_t due_ms)
{
	alarm_clear(s, a);
	if (s->count == s->size) {
		s->size = s->size ? 2 * s->size : 64;
		s->heap = xrealloc(s->heap, s->size * sizeof(s->heap[0]));
	}
	a->due_ms = due_ms;
	sift_up(s, a, s->count++);
	if (s->heap[0] == a)
		arm(s);
}

void alarm_clear(struct alarms *s, struct attempt *a)
{
	size_t at = a->alarm_at;
	struct attempt *last;

	if (at == ALARM_NONE)
		return;
	must(at < s->count && s->heap[at] == a);
	a->alarm_at = ALARM_NONE;
	last = s->heap[--s->count];
	if (last == a)
		return;
	if (at > 0 && s->heap[(at - 1) / 2]->due_ms > last->due_ms)
		sift_up(s, last, at);
	else
		sift_down(s, last, at);
}
