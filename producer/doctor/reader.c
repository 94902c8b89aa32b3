/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include <stdlib.h>

#include "treadle/loop.h"

#define LOOKS_MAX 256 /* on their way */

struct reader {
	uv_loop_t loop;
	struct redis *redis;
	int64_t timeout_ms;
	struct look *look; /* begun, not sent yet */
	size_t flying;     /* looks on their way */
	bool is_stopped;
	struct error error;
};

struct look {
	struct reader *reader;
	look_fn *on_answer;
	void *arg;
	struct error refusal; /* of one of its commands, before EXEC */
};

static void give_up(struct reader *r, const struct error *err)
{
	if (r->error.kind == ERR_NONE)
		r->error = *err;
}

/* --- life ---------------------------------------------------------------- */

/* What waiting can't mend is said at once. */
static void on_state(void *arg, const struct error *reason)
{
	if (reason && reason->kind != ERR_UNAVAILABLE)
		give_up(arg, reason);
}

static void on_stopped(void *arg)
{
	struct reader *r = arg;

	r->is_stopped = true;
}

/* Answers all that is outstanding, as stopped. */
static void hang_up(struct reader *r)
{
	if (!r->is_stopped)
		redis_stop(r->redis, on_stopped, r);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	must(r->is_stopped);
}

struct reader *reader_open(const struct config *config, struct error *err)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	struct redis_options o = redis_options(config, "treadle-doctor");
	struct arena arena;

	o.on_state = on_state;
	o.arg = r;
	if (loop_init(&r->loop, err) < 0) {
		free(r);
		return NULL;
	}
	r->timeout_ms = config->redis.timeout;
	r->redis = redis_start(&r->loop, &o);
	arena_init(&arena);
	/* Not PING, which one that can't write to its disk refuses. */
	const struct reply *time = ASK(r, &arena, SLICE("TIME"));
	arena_clear(&arena);
	if (!time) {
		*err = r->error;
		reader_close(r);
		return NULL;
	}
	return r;
}

void reader_close(struct reader *r)
{
	if (!r)
		return;
	hang_up(r);
	loop_close(&r->loop);
	free(r);
}

const struct error *reader_error(const struct reader *r)
{
	return r->error.kind == ERR_NONE ? NULL : &r->error;
}

static void add_words(struct command *c, const struct slice *words,
		      size_t count)
{
	command_init(c, words[0].data);
	for (size_t i = 1; i < count; i++)
		command_slice(c, words[i]);
}

/* --- one answer ---------------------------------------------------------- */

struct asking {
	struct arena *arena;
	struct reply *answer;
	bool is_answered;
	struct error error;
};

static void copy_reply(struct arena *arena, struct reply *to,
		       const struct reply *from)
{
	*to = *from;
	to->text = arena_copy(arena, from->text);
	if (!from->count)
		return;
	to->items = arena_calloc(arena, from->count, sizeof(*to->items));
	for (size_t i = 0; i < from->count; i++)
		copy_reply(arena, &to->items[i], &from->items[i]);
}

static void on_asked(void *arg, const struct reply *reply,
		     const struct redis_failure *failure)
{
	struct asking *a = arg;
	struct reply refused = {.type = REPLY_ERROR, .text = SLICE("")};

	a->is_answered = true;
	if (failure && failure->cause == REDIS_REFUSED)
		refused.text = failure->text;
	else if (failure)
		a->error = failure->error;
	if (a->error.kind != ERR_NONE)
		return;
	a->answer = arena_calloc(a->arena, 1, sizeof(*a->answer));
	copy_reply(a->arena, a->answer, reply ? reply : &refused);
}

/* Who gives up hangs up: no answer may come to one who has left. */
const struct reply *reader_ask(struct reader *r, struct arena *arena,
			       const struct slice *words, size_t count)
{
	struct call_options o = {CALL_REPLAY, 0, r->timeout_ms};
	struct asking *a = xcalloc(1, sizeof(*a));
	struct command c;

	if (r->error.kind != ERR_NONE) {
		free(a);
		return NULL;
	}
	must(!r->look);
	a->arena = arena;
	add_words(&c, words, count);
	redis_call(r->redis, &c, &o, on_asked, a);
	while (!a->is_answered && r->error.kind == ERR_NONE)
		uv_run(&r->loop, UV_RUN_ONCE);
	if (!a->is_answered) {
		hang_up(r);
		must(a->is_answered);
	}
	if (a->error.kind != ERR_NONE)
		give_up(r, &a->error);
	struct reply *answer = r->error.kind == ERR_NONE ? a->answer : NULL;
	free(a);
	return answer;
}

/* --- looks --------------------------------------------------------------- */

static void on_queued(void *arg, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct look *look = arg;

	(void)reply;
	if (failure && look->refusal.kind == ERR_NONE)
		look->refusal = failure->error;
}

/*
 * A look is not sent again when the connection breaks: what is left of it
 * would be plain commands without their MULTI.
 */
static void on_executed(void *arg, const struct reply *reply,
			const struct redis_failure *failure)
{
	struct look *look = arg;
	struct reader *r = look->reader;

	if (look->refusal.kind != ERR_NONE)
		give_up(r, &look->refusal);
	else if (failure)
		give_up(r, &failure->error);
	r->flying--;
	look->on_answer(look->arg, r->error.kind == ERR_NONE ? reply : NULL);
	free(look);
}

static void look_send(struct reader *r, const struct slice *words, size_t count,
		      redis_reply_fn *on_reply)
{
	struct call_options o = {CALL_ONCE, 0, r->timeout_ms};
	struct command c;

	add_words(&c, words, count);
	redis_call(r->redis, &c, &o, on_reply, r->look);
}

void look_begin(struct reader *r)
{
	must(!r->look);
	r->look = xcalloc(1, sizeof(*r->look));
	r->look->reader = r;
	LOOK(r, SLICE("MULTI"));
}

void look_add(struct reader *r, const struct slice *words, size_t count)
{
	look_send(r, words, count, on_queued);
}

void look_end(struct reader *r, look_fn *on_answer, void *arg)
{
	r->look->on_answer = on_answer;
	r->look->arg = arg;
	look_send(r, &SLICE("EXEC"), 1, on_executed);
	r->look = NULL;
	r->flying++;
}

void reader_room(struct reader *r)
{
	while (r->flying >= LOOKS_MAX)
		uv_run(&r->loop, UV_RUN_ONCE);
}

void reader_drain(struct reader *r)
{
	while (r->flying)
		uv_run(&r->loop, UV_RUN_ONCE);
}

/* --- answers ------------------------------------------------------------- */

const struct reply *pair_find(const struct reply *pairs, const char *name)
{
	for (size_t i = 0; i + 1 < pairs->count; i += 2) {
		if (slice_is(pairs->items[i].text, name))
			return &pairs->items[i + 1];
	}
	return NULL;
}

struct slice pair_text(const struct reply *pairs, const char *name)
{
	const struct reply *value = pair_find(pairs, name);

	return value ? value->text : SLICE("");
}
