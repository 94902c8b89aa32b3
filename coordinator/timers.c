/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "coordinator.h"

#define PROMOTE_MAX 500      /* one call: about 5 ms of Redis' time */
#define UNMOVED_MS 5         /* something is due and yet it did not move */
#define BELL_BLOCK_MS 30000  /* how long one read of the bell waits */
#define BELL_TROUBLE_MS 1000 /* between two tries */

/* --- the duty --------------------------------------------------------------
 */

static int64_t on_promoted(struct duty *d, jv answer)
{
	int64_t overdue = answer_number(answer, "overdue", 0);
	int64_t now = answer_number(answer, "now", 0);
	int64_t next_due = answer_number(answer, "next_due", -1);

	(void)d;
	if (overdue > 0)
		log_warn("runs overdue", NULL,
			 "%" PRId64 " exceeded their deadline and have failed",
			 overdue);
	if (answer_is_true(answer, "more"))
		return 0;
	if (next_due < 0)
		return DUTY_LATER;
	return next_due > now ? next_due - now : UNMOVED_MS;
}

static const struct duty_kind promote = {
	.name = "promote",
	.function = STORE_promote,
	.limit = PROMOTE_MAX,
	.on_answer = on_promoted,
};

/* --- the doorbell ----------------------------------------------------------
 */

static void listen_to_bell(struct timers *t);

static void on_bell_timer(uv_timer_t *timer)
{
	listen_to_bell(timer->data);
}

static void bell_trouble(struct timers *t, const struct redis_failure *f)
{
	if (f->cause == REDIS_STOPPED)
		return;
	if (!t->is_bell_broken)
		log_warn("doorbell unheard", NULL,
			 "%s; what is due may be late by half of "
			 "coordinator.lead",
			 f->error.text);
	t->is_bell_broken = true;
	uv_timer_start(&t->bell_timer, on_bell_timer, BELL_TROUBLE_MS, 0);
}

/* [[key, [[id, fields], ...]]]: the id of the last, or the empty slice. */
static struct slice last_ring(const struct reply *reply)
{
	const struct reply *ring = reply;
	static const size_t path[] = {0, 1, SIZE_MAX, 0};
	size_t at;

	for (size_t i = 0; i < countof(path); i++) {
		if (ring->type != REPLY_ARRAY || !ring->count)
			return slice_of("");
		at = path[i] == SIZE_MAX ? ring->count - 1 : path[i];
		if (at >= ring->count)
			return slice_of("");
		ring = &ring->items[at];
	}
	return ring->text;
}

static void on_ring(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct timers *t = arg;
	struct slice ring;

	if (t->is_stopped)
		return;
	if (failure) {
		bell_trouble(t, failure);
		return;
	}
	t->is_bell_broken = false;
	ring = last_ring(reply);
	if (ring.len && ring.len < sizeof(t->last_ring)) {
		memcpy(t->last_ring, ring.data, ring.len);
		t->last_ring[ring.len] = '\0';
		/* On standby it is for the leader to hear it. */
		if (t->duty.is_leader)
			duty_poke(&t->duty);
	}
	listen_to_bell(t);
}

/*
 * Reads from the last ring heard, at first from the very beginning: one that
 * came between two reads, or while we were away, is heard all the same.
 */
static void listen_to_bell(struct timers *t)
{
	static const struct call_options blocking = {
		.mode = CALL_REPLAY,
		.block_ms = BELL_BLOCK_MS,
		.deadline_ms = -1,
	};
	struct command c;
	char key[256];

	snprintf(key, sizeof(key), "%s:timer",
		 store_keys(t->duty.coordinator->store));
	command_init(&c, "XREAD");
	command_text(&c, "BLOCK");
	command_int(&c, BELL_BLOCK_MS);
	command_text(&c, "STREAMS");
	command_text(&c, key);
	command_text(&c, t->last_ring);
	redis_call(t->bell, &c, &blocking, on_ring, t);
}

/* --- its life --------------------------------------------------------------
 */

void timers_start(struct timers *t, struct coordinator *c)
{
	memset(t, 0, sizeof(*t));
	strcpy(t->last_ring, "0");
	duty_start(&t->duty, c, &promote, c->config->coordinator.lead);
	must(!uv_timer_init(c->loop, &t->bell_timer));
	t->bell_timer.data = t;
}

void timers_open(struct timers *t)
{
	const struct coordinator *c = t->duty.coordinator;
	const struct redis_options options = {
		.url = c->config->redis.url,
		.password_file = c->config->redis.password_file,
		.name = "treadle-coordinator-bell",
		.connect_timeout_ms = c->config->redis.connect_timeout,
		.timeout_ms = c->config->redis.timeout,
	};

	t->bell = redis_start(c->loop, &options);
	listen_to_bell(t);
	duty_poke(&t->duty);
}

void timers_stop(struct timers *t, void (*on_stopped)(void *arg), void *arg)
{
	t->is_stopped = true;
	duty_stop(&t->duty);
	uv_close((uv_handle_t *)&t->bell_timer, NULL);
	if (t->bell)
		redis_stop(t->bell, on_stopped, arg);
	else
		on_stopped(arg);
	t->bell = NULL;
}
