/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "coordinator.h"

#define PROMOTE_MAX 250      /* one call: about 4 ms of Redis' time */
#define UNMOVED_MS 5         /* something is due and yet it did not move */
#define BELL_BLOCK_MS 30000  /* how long one read of the bell waits */
#define BELL_TROUBLE_MS 1000 /* between two tries */
#define LEAD_IS_FREE "free"  /* the word of the ring of one who leaves */
#define FAREWELL_MS 500
#define BELL_KEY_MAX 256

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

static const char *bell_key(const struct timers *t, char key[BELL_KEY_MAX])
{
	snprintf(key, BELL_KEY_MAX, "%s:timer",
		 store_keys(t->duty.coordinator->store));
	return key;
}

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

/* Item i of an array, or a NIL. */
static const struct reply *item(const struct reply *reply, size_t i)
{
	static const struct reply nil = {.type = REPLY_NIL, .text = SLICE("")};

	if (reply->type != REPLY_ARRAY || i >= reply->count)
		return &nil;
	return &reply->items[i];
}

/* What is due is for the leader to hear; that the lead is free, for all. */
static void hear(struct timers *t, const struct reply *ring)
{
	struct slice id = item(ring, 0)->text;
	struct slice word = item(item(ring, 1), 0)->text;

	if (!id.len || id.len >= sizeof(t->last_ring))
		return;
	memcpy(t->last_ring, id.data, id.len);
	t->last_ring[id.len] = '\0';
	if (t->duty.is_leader || slice_is(word, LEAD_IS_FREE))
		duty_poke(&t->duty);
}

/* reply: [[key, [[id, [word, value]]]]], or NIL when nobody rang. */
static void on_ring(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct timers *t = arg;

	if (t->is_stopped)
		return;
	if (failure) {
		bell_trouble(t, failure);
		return;
	}
	t->is_bell_broken = false;
	hear(t, item(item(item(reply, 0), 1), 0));
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
	char key[BELL_KEY_MAX];

	command_init(&c, "XREAD");
	command_text(&c, "BLOCK");
	command_int(&c, BELL_BLOCK_MS);
	command_text(&c, "STREAMS");
	command_text(&c, bell_key(t, key));
	command_text(&c, t->last_ring);
	redis_call(t->bell, &c, &blocking, on_ring, t);
}

/* --- its life --------------------------------------------------------------
 */

void timers_start(struct timers *t, struct coordinator *c)
{
	memset(t, 0, sizeof(*t));
	t->last_ring[0] = '0'; /* before the first */
	duty_start(&t->duty, c, &promote, c->config->coordinator.lead);
	must(!uv_timer_init(c->loop, &t->bell_timer));
	t->bell_timer.data = t;
}

void timers_open(struct timers *t)
{
	const struct coordinator *c = t->duty.coordinator;
	const struct redis_options options =
		redis_options(c->config, "treadle-coordinator-bell");

	t->bell = redis_start(c->loop, &options);
	listen_to_bell(t);
	duty_poke(&t->duty);
}

static void on_farewell(void *arg, const struct reply *reply,
			const struct redis_failure *failure)
{
	(void)reply;
	(void)failure;
	coordinator_goodbye_done(arg);
}

/*
 * After duty_stop() has let go of the lead, in the same order, whoever is on
 * standby hears of it. The one ring that the stream holds is replaced: what
 * it said, the next leader finds by itself.
 */
static void ring_farewell(struct timers *t)
{
	static const struct call_options brief = {.mode = CALL_ONCE,
						  .deadline_ms = FAREWELL_MS};
	struct coordinator *c = t->duty.coordinator;
	const char *const rest[] = {"MAXLEN", "1", "*", LEAD_IS_FREE, c->id};
	struct command command;
	char key[BELL_KEY_MAX];

	command_init(&command, "XADD");
	command_text(&command, bell_key(t, key));
	for (size_t i = 0; i < countof(rest); i++)
		command_text(&command, rest[i]);
	coordinator_goodbye_wait(c);
	redis_call(store_redis(c->store), &command, &brief, on_farewell, c);
}

void timers_stop(struct timers *t, void (*on_stopped)(void *arg), void *arg)
{
	t->is_stopped = true;
	duty_stop(&t->duty);
	if (t->duty.is_leader && !t->duty.is_failing)
		ring_farewell(t);
	uv_close((uv_handle_t *)&t->bell_timer, NULL);
	if (t->bell)
		redis_stop(t->bell, on_stopped, arg);
	else
		on_stopped(arg);
	t->bell = NULL;
}
