/* SPDX-License-Identifier: MIT */
#include "duty.h"

#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "coordinator.h"

#define RETRY_MS 1000
#define FAREWELL_MS 500
#define ARGUMENTS_MAX (3 + DUTY_MORE_MAX)

/* The arguments of all duties begin alike. */
struct arguments {
	char texts[ARGUMENTS_MAX][24];
	struct slice slices[ARGUMENTS_MAX];
	size_t count;
};

static struct slice number(char text[24], int64_t value)
{
	snprintf(text, 24, "%" PRId64, value);
	return slice_of(text);
}

static void arguments_fill(struct arguments *a, const struct duty *d,
			   int64_t lead_ms)
{
	a->slices[0] = slice_of(d->coordinator->id);
	a->slices[1] = number(a->texts[1], lead_ms);
	a->slices[2] = number(a->texts[2], d->kind->limit);
	a->count = 3;
	for (size_t i = 0; i < d->more_count; i++, a->count++)
		a->slices[a->count] = number(a->texts[a->count], d->more[i]);
}

static void begin(struct duty *d)
{
	must(!d->is_busy && !d->is_stopped);
	d->is_busy = true;
	d->is_poked = false;
	uv_timer_stop(&d->timer);
	if (d->kind->begin)
		d->kind->begin(d);
	else
		duty_call(d);
}

static void on_due(uv_timer_t *timer)
{
	begin(timer->data);
}

void duty_wait(struct duty *d, int64_t delay_ms)
{
	must(d->is_busy);
	d->is_busy = false;
	if (d->is_stopped)
		return;
	if (d->is_poked)
		delay_ms = 0;
	/* The loop's idea of now is as old as this turn of it. */
	uv_update_time(d->coordinator->loop);
	uv_timer_start(&d->timer, on_due, (uint64_t)delay_ms, 0);
}

void duty_fail(struct duty *d, const struct error *err)
{
	/* That Redis can't be reached is said by the store, once. */
	if (!d->is_told && !d->is_stopped &&
	    redis_is_up(store_redis(d->coordinator->store))) {
		log_warn("duty failed", NULL, "%s: %s; tried again each second",
			 d->kind->name, err->text);
		d->is_told = true;
	}
	d->is_failing = true;
	duty_wait(d, RETRY_MS);
}

static void set_leader(struct duty *d, bool is_leader)
{
	d->is_failing = d->is_told = false;
	if (d->is_leader == is_leader)
		return;
	d->is_leader = is_leader;
	log_info(is_leader ? "lead taken" : "lead lost", NULL, "%s",
		 d->kind->name);
}

static void on_answer(void *arg, jv answer, const struct error *err)
{
	struct duty *d = arg;
	int64_t delay_ms;

	if (err) {
		duty_fail(d, err);
		return;
	}
	set_leader(d, answer_is(answer, "role", "leader"));
	if (d->is_leader) {
		delay_ms = d->kind->on_answer(d, answer);
		if (delay_ms > d->lead_ms / 2)
			delay_ms = d->lead_ms / 2;
	} else {
		/* That is when the leader's lead may have ended. */
		delay_ms = answer_number(answer, "next_due", 0) -
			   answer_number(answer, "now", 0);
		if (delay_ms < 1 || delay_ms > d->lead_ms)
			delay_ms = d->lead_ms;
	}
	duty_wait(d, delay_ms);
}

void duty_call(struct duty *d)
{
	struct arguments a;

	must(d->is_busy);
	arguments_fill(&a, d, d->lead_ms);
	store_ask(d->coordinator->store, d->kind->function, a.slices, a.count,
		  d->coordinator->patience_ms, on_answer, d);
}

void duty_poke(struct duty *d)
{
	if (d->is_stopped)
		return;
	d->is_poked = true;
	if (!d->is_busy)
		begin(d);
}

void duty_start(struct duty *d, struct coordinator *c,
		const struct duty_kind *kind, int64_t lead_ms)
{
	*d = (struct duty){.kind = kind, .coordinator = c, .lead_ms = lead_ms};
	must(!uv_timer_init(c->loop, &d->timer));
	d->timer.data = d;
}

static void on_farewell(void *arg, jv answer, const struct error *err)
{
	(void)answer;
	(void)err;
	coordinator_goodbye_done(arg);
}

void duty_stop(struct duty *d)
{
	struct arguments a;

	if (d->is_stopped)
		return;
	d->is_stopped = true;
	uv_close((uv_handle_t *)&d->timer, NULL);
	if (!d->is_leader || d->is_failing)
		return;
	/* A lead of 1 ms is none: whoever is on standby need not wait. */
	arguments_fill(&a, d, 1);
	coordinator_goodbye_wait(d->coordinator);
	store_ask(d->coordinator->store, d->kind->function, a.slices, a.count,
		  FAREWELL_MS, on_farewell, d->coordinator);
}
