/* SPDX-License-Identifier: MIT */
#include "treadle/store_worker.h"

#include <limits.h>
#include <stdlib.h>

#include "store_call.h"

/* --- commands ------------------------------------------------------------ */

static void begin(struct store *s, enum store_function f, struct command *c,
		  const char *worker)
{
	store_begin(s, f, c);
	command_text(c, worker);
}

static void command_ref(struct command *c, const struct step_ref *ref)
{
	command_text(c, ref->queue);
	command_text(c, ref->entry);
	command_text(c, ref->run);
	command_text(c, ref->step);
}

void store_command_attempt(struct command *c, const struct step_ref *ref)
{
	command_ref(c, ref);
	command_int(c, ref->attempt);
}

/* --- beginning attempts -------------------------------------------------- */

/*
 * What is unread of an answer that begins with the time, and whose items stand
 * one behind the other.
 */
struct unread {
	int64_t now;
	const struct reply *items;
	size_t count;
};

static bool unread_init(struct unread *u, const struct reply *reply)
{
	if (reply->count == 0 || reply->items[0].type != REPLY_INTEGER)
		return false;
	*u = (struct unread){reply->items[0].integer, reply->items + 1,
			     reply->count - 1};
	return true;
}

/* The next so many, or NULL where there are fewer. */
static const struct reply *unread_cut(struct unread *u, size_t count)
{
	const struct reply *items = u->items;

	if (count > u->count)
		return NULL;
	u->items += count;
	u->count -= count;
	return items;
}

static struct slice text_or_empty(const struct reply *reply)
{
	return reply->type == REPLY_TEXT ? reply->text : SLICE("");
}

/* "<attempt> <attempts before> <recoveries> <generation> <texts to come>" */
static bool read_counts(struct slice text, struct taken *t, int *texts)
{
	int *fields[] = {&t->attempt, &t->attempt_base, &t->recoveries,
			 &t->generation, texts};
	int64_t number;

	for (size_t i = 0; i < countof(fields); i++) {
		if (slice_int(slice_cut(&text, ' '), 0, INT_MAX, &number))
			return false;
		*fields[i] = (int)number;
	}
	return true;
}

/* What is not to be run is answered by a word. */
static bool read_take_word(const struct reply *item, struct taken *t)
{
	static const struct {
		const char *word;
		enum take_code code;
	} words[] = {{"DROPPED", TAKE_DROPPED},
		     {"PAUSED", TAKE_PAUSED},
		     {"LOST", TAKE_LOST}};

	for (size_t i = 0; i < countof(words); i++) {
		if (slice_is(item->text, words[i].word)) {
			t->code = words[i].code;
			return true;
		}
	}
	return false;
}

/* digest, counts, then where the step reads any: memo, input, outputs */
static bool read_begun(struct unread *u, struct taken *t)
{
	const struct reply *head = unread_cut(u, 2), *texts;
	int count;

	if (!head || head[0].type != REPLY_TEXT ||
	    !read_counts(head[1].text, t, &count))
		return false;
	texts = unread_cut(u, (size_t)count);
	if (!texts || count == 1)
		return false;
	t->code = TAKE_RUN;
	t->digest = head[0].text;
	if (count == 0)
		return true;
	t->memo = text_or_empty(&texts[0]);
	t->input = text_or_empty(&texts[1]);
	t->reads = texts + 2;
	t->reads_count = (size_t)count - 2;
	return true;
}

static struct taken taken_at(int64_t now)
{
	return (struct taken){.now = now,
			      .digest = SLICE(""),
			      .memo = SLICE(""),
			      .input = SLICE("")};
}

static bool read_taken(struct unread *u, struct taken *t)
{
	*t = taken_at(u->now);
	if (u->count == 0 || !read_take_word(u->items, t))
		return read_begun(u, t);
	unread_cut(u, 1);
	return true;
}

static bool read_take(struct store_call *call, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct store *s = call->store;
	struct unread unread;

	if (failure) {
		call->to.take(call->arg, NULL, 0, failure);
		return true;
	}
	if (!unread_init(&unread, reply))
		return false;
	if (s->taken_size < call->count) {
		s->taken_size = call->count;
		s->taken =
			xrealloc(s->taken, s->taken_size * sizeof(*s->taken));
	}
	for (size_t i = 0; i < call->count; i++)
		if (!read_taken(&unread, &s->taken[i]))
			return false;
	if (unread.count > 0)
		return false;
	call->to.take(call->arg, s->taken, call->count, NULL);
	return true;
}

void store_take(struct store *s, const char *worker,
		const struct step_ref *refs, size_t count,
		store_take_fn *on_taken, void *arg)
{
	struct store_call call = {.function = STORE_take,
				  .count = count,
				  .read = read_take,
				  .to.take = on_taken,
				  .arg = arg};
	struct command c;

	begin(s, STORE_take, &c, worker);
	for (size_t i = 0; i < count; i++)
		command_ref(&c, &refs[i]);
	store_send(s, &c, &call, -1);
}

/* --- ending them --------------------------------------------------------- */

static const char *const end_codes[] = {
	[END_COMMITTED] = "COMMITTED", [END_DUPLICATE] = "DUPLICATE",
	[END_FENCED] = "FENCED",       [END_CANCELLED] = "CANCELLED",
	[END_GONE] = "GONE",
};

const char *end_code_text(enum end_code code)
{
	must((size_t)code < countof(end_codes));
	return end_codes[code];
}

bool store_read_code(struct slice word, enum end_code *code)
{
	for (size_t i = 0; i < countof(end_codes); i++) {
		if (slice_is(word, end_codes[i])) {
			*code = (enum end_code)i;
			return true;
		}
	}
	return false;
}

static bool read_ends(struct store_call *call, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct store *s = call->store;

	if (failure) {
		call->to.end(call->arg, NULL, 0, failure);
		return true;
	}
	if (reply->type != REPLY_ARRAY || reply->count != call->count)
		return false;
	if (s->codes_size < call->count) {
		s->codes_size = call->count;
		s->codes =
			xrealloc(s->codes, s->codes_size * sizeof(*s->codes));
	}
	for (size_t i = 0; i < call->count; i++)
		if (!store_read_code(reply->items[i].text, &s->codes[i]))
			return false;
	call->to.end(call->arg, s->codes, call->count, NULL);
	return true;
}

static void send_ends(struct store *s, enum store_function f, struct command *c,
		      size_t count, store_end_fn *on_ended, void *arg)
{
	struct store_call call = {.function = f,
				  .count = count,
				  .read = read_ends,
				  .to.end = on_ended,
				  .arg = arg};

	store_send(s, c, &call, -1);
}

/* A code or, with an heir, "<code> <its step>" and what take would answer. */
static bool read_committed(struct unread *u, struct committed *c)
{
	const struct reply *item = unread_cut(u, 1);

	if (!item)
		return false;
	c->heir = item->text;
	if (!store_read_code(slice_cut(&c->heir, ' '), &c->code))
		return false;
	c->taken = taken_at(u->now);
	return c->heir.len == 0 || read_begun(u, &c->taken);
}

static bool read_complete(struct store_call *call, const struct reply *reply,
			  const struct redis_failure *failure)
{
	struct store *s = call->store;
	struct unread unread;

	if (failure) {
		call->to.complete(call->arg, NULL, 0, failure);
		return true;
	}
	if (!unread_init(&unread, reply))
		return false;
	if (s->committed_size < call->count) {
		s->committed_size = call->count;
		s->committed =
			xrealloc(s->committed,
				 s->committed_size * sizeof(*s->committed));
	}
	for (size_t i = 0; i < call->count; i++)
		if (!read_committed(&unread, &s->committed[i]))
			return false;
	if (unread.count > 0)
		return false;
	call->to.complete(call->arg, s->committed, call->count, NULL);
	return true;
}

static void command_how(struct command *c, const struct completion *done)
{
	char *how;

	if (done->is_skipped) {
		command_text(c, "skip");
	} else if (!done->source) {
		command_text(c, done->wants_heir ? "1" : "0");
	} else {
		how = xasprintf("%d %s", done->wants_heir, done->source);
		command_text(c, how);
		free(how);
	}
}

void store_complete(struct store *s, const char *worker,
		    const struct completion *done, size_t count,
		    store_complete_fn *on_completed, void *arg)
{
	struct store_call call = {.function = STORE_complete,
				  .count = count,
				  .read = read_complete,
				  .to.complete = on_completed,
				  .arg = arg};
	struct command c;

	begin(s, STORE_complete, &c, worker);
	for (size_t i = 0; i < count; i++) {
		store_command_attempt(&c, &done[i].ref);
		command_slice(&c, done[i].output);
		command_how(&c, &done[i]);
	}
	store_send(s, &c, &call, -1);
}

void store_fail(struct store *s, const char *worker, const struct fault *f,
		size_t count, store_end_fn *on_ended, void *arg)
{
	struct command c;

	begin(s, STORE_fail, &c, worker);
	for (size_t i = 0; i < count; i++) {
		const struct failure *why = &f[i].failure;

		store_command_attempt(&c, &f[i].ref);
		command_int(&c, f[i].delay_ms);
		command_text(&c, failure_text(why->class));
		command_int(&c, why->code);
		command_slice(&c, why->detail);
		command_slice(&c, f[i].log);
	}
	send_ends(s, STORE_fail, &c, count, on_ended, arg);
}

void store_defer(struct store *s, const char *worker, const struct deferral *d,
		 size_t count, store_end_fn *on_ended, void *arg)
{
	struct command c;

	begin(s, STORE_defer, &c, worker);
	for (size_t i = 0; i < count; i++) {
		store_command_attempt(&c, &d[i].ref);
		command_int(&c, d[i].due_at);
		command_slice(&c, d[i].memo);
	}
	send_ends(s, STORE_defer, &c, count, on_ended, arg);
}

void store_spawn(struct store *s, const char *worker, const struct spawning *sp,
		 size_t count, store_end_fn *on_ended, void *arg)
{
	struct command c;

	begin(s, STORE_spawn, &c, worker);
	for (size_t i = 0; i < count; i++) {
		store_command_attempt(&c, &sp[i].ref);
		command_text(&c, sp[i].child);
		command_slice(&c, sp[i].input);
		command_int(&c, sp[i].deadline_ms);
	}
	send_ends(s, STORE_spawn, &c, count, on_ended, arg);
}

void store_release(struct store *s, const char *worker,
		   const struct step_ref *refs, size_t count,
		   store_end_fn *on_ended, void *arg)
{
	struct command c;

	begin(s, STORE_release, &c, worker);
	for (size_t i = 0; i < count; i++)
		command_ref(&c, &refs[i]);
	send_ends(s, STORE_release, &c, count, on_ended, arg);
}

void store_note(struct store *s, const char *worker, const struct note *n,
		size_t count, store_end_fn *on_noted, void *arg)
{
	struct command c;

	begin(s, STORE_note, &c, worker);
	for (size_t i = 0; i < count; i++) {
		command_text(&c, n[i].ref.entry);
		command_text(&c, n[i].ref.run);
		command_text(&c, n[i].ref.step);
		command_int(&c, n[i].ref.attempt);
		command_slice(&c, n[i].progress);
		command_slice(&c, n[i].memo);
		command_slice(&c, n[i].cost);
		command_slice(&c, n[i].log);
	}
	send_ends(s, STORE_note, &c, count, on_noted, arg);
}

/* --- the worker itself --------------------------------------------------- */

void store_register(struct store *s, const struct registration *r,
		    store_done_fn *on_done, void *arg)
{
	struct store_call call = {.function = STORE_register,
				  .read = store_read_done,
				  .to.done = on_done,
				  .arg = arg};
	struct command c;

	begin(s, STORE_register, &c, r->worker);
	command_int(&c, r->lease_ms);
	command_text(&c, r->host);
	command_int(&c, r->pid);
	command_text(&c, r->version);
	command_int(&c, r->slots);
	for (size_t i = 0; i < r->queues->count; i++)
		command_text(&c, r->queues->items[i]);
	store_send(s, &c, &call, -1);
}

void store_leave(struct store *s, const char *worker, store_done_fn *on_done,
		 void *arg)
{
	struct store_call call = {.function = STORE_leave,
				  .read = store_read_done,
				  .to.done = on_done,
				  .arg = arg};
	struct command c;

	begin(s, STORE_leave, &c, worker);
	store_send(s, &c, &call, -1);
}

static bool read_beat(struct store_call *call, const struct reply *reply,
		      const struct redis_failure *failure)
{
	const struct reply *fields;
	struct beat beat;

	if (failure) {
		call->to.beat(call->arg, NULL, failure);
		return true;
	}
	fields = reply->items;
	if (reply->count != 4 || fields[1].type != REPLY_INTEGER ||
	    fields[2].type != REPLY_ARRAY || fields[3].type != REPLY_ARRAY)
		return false;
	beat = (struct beat){
		.is_lost = slice_is(fields[0].text, "LOST"),
		.now = fields[1].integer,
		.cancelled = fields[2].items,
		.cancelled_count = fields[2].count,
		.paused = fields[3].items,
		.paused_count = fields[3].count,
	};
	if (!beat.is_lost && !slice_is(fields[0].text, "LIVE"))
		return false;
	call->to.beat(call->arg, &beat, NULL);
	return true;
}

void store_heartbeat(struct store *s, const char *worker, int64_t lease_ms,
		     int64_t busy, const struct counter *counters, size_t count,
		     store_beat_fn *on_beat, void *arg)
{
	struct store_call call = {.function = STORE_heartbeat,
				  .read = read_beat,
				  .to.beat = on_beat,
				  .arg = arg};
	struct command c;

	begin(s, STORE_heartbeat, &c, worker);
	command_int(&c, lease_ms);
	command_int(&c, busy);
	for (size_t i = 0; i < count; i++) {
		command_text(&c, counters[i].name);
		command_int(&c, counters[i].increment);
	}
	store_send(s, &c, &call, -1);
}
