/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "crash.h"

enum {
	BLOCK_MS = 5000,
	REFUSED_PAUSE_MS = 1000,
	INTERRUPT_AGAIN_MS = 20,
	WINDOW_MAX = 1024,
	PAST_MAX = 128, /* own pending entries in one page */
	AUDIT_MS = 60000,
	AUDIT_SOON_MS = BLOCK_MS + 1000,
};

static void on_state(void *arg, const struct error *reason)
{
	(void)arg;
	if (reason)
		log_warn("reader lost Redis", NULL, "%s; tried again",
			 reason->text);
	else
		log_debug("reader connected", NULL, NULL);
}

void fetch_start(struct worker *w)
{
	struct fetch *f = &w->fetch;
	const struct text_list *names = &w->config->worker.queues;
	struct redis_options o =
		redis_options(w->config, "treadle-worker-reader");

	o.on_state = on_state;
	o.arg = f;
	*f = (struct fetch){.worker = w,
			    .window = 1,
			    .audit_at = clock_monotonic_ms() + AUDIT_MS};
	f->queues = xcalloc(names->count, sizeof(f->queues[0]));
	f->queue_count = names->count;
	for (size_t i = 0; i < names->count; i++) {
		char key[512];

		must(store_queue_key(w->store, names->items[i], key,
				     sizeof(key)) > 0);
		f->queues[i].name = names->items[i];
		f->queues[i].key = xstrdup(key);
	}
	f->reader = redis_start(w->loop, &o);
	uv_timer_init(w->loop, &f->again);
	f->again.data = f;
}

void fetch_stop(struct fetch *f, void (*on_stopped)(void *arg), void *arg)
{
	for (size_t i = 0; i < f->queue_count; i++)
		free(f->queues[i].key);
	free(f->queues);
	f->queues = NULL;
	f->queue_count = 0;
	uv_close((uv_handle_t *)&f->again, NULL);
	redis_stop(f->reader, on_stopped, arg);
	f->reader = NULL;
}

bool fetch_is_quiet(const struct fetch *f)
{
	return f->state == FETCH_IDLE && !f->must_reconcile;
}

/* --- what was delivered --------------------------------------------------- */

static struct slice field(const struct reply *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->count; i += 2)
		if (slice_is(fields->items[i].text, name))
			return fields->items[i + 1].text;
	return slice_of(NULL);
}

/*
 * An entry that can't be begun is handed back: what came for an identity that
 * we gave up, or while draining, or beyond the slots.
 */
static void deliver(struct fetch *f, const struct fetch_queue *q,
		    struct slice entry, const struct reply *fields)
{
	struct worker *w = f->worker;
	bool is_wanted = w->phase == WORKER_RUNNING &&
			 worker_free_slots(w) > 0 &&
			 strcmp(f->consumer, w->id) == 0;

	if (entry.len >= ENTRY_ID_MAX || table_find(&w->table, q->name, entry))
		return;
	f->found += f->must_reconcile;
	takes_add(w, q->name, entry, field(fields, "run"),
		  field(fields, "step"));
	if (!is_wanted)
		attempt_stop(table_find(&w->table, q->name, entry), STOP_DRAIN,
			     true);
}

static const struct fetch_queue *queue_of(const struct fetch *f,
					  struct slice key)
{
	for (size_t i = 0; i < f->queue_count; i++)
		if (slice_is(key, f->queues[i].key))
			return &f->queues[i];
	return NULL;
}

/* [[entry, [name, value...] or nil]...]; returns how many entries. */
static size_t deliver_all(struct fetch *f, const struct fetch_queue *q,
			  const struct reply *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct reply *e = &entries->items[i];

		if (e->count == 2 && e->items[1].type == REPLY_ARRAY)
			deliver(f, q, e->items[0].text, &e->items[1]);
	}
	return entries->count;
}

/* [[key, entries]...], or nil; returns how many entries. */
static size_t deliver_reply(struct fetch *f, const struct reply *reply)
{
	size_t count = 0;

	for (size_t i = 0; reply->type == REPLY_ARRAY && i < reply->count;
	     i++) {
		const struct reply *stream = &reply->items[i];
		const struct fetch_queue *q;

		if (stream->count != 2)
			continue;
		q = queue_of(f, stream->items[0].text);
		if (q)
			count += deliver_all(f, q, &stream->items[1]);
	}
	return count;
}

static void set_past(struct fetch *f, struct slice id)
{
	must(id.len < sizeof(f->past));
	memcpy(f->past, id.data, id.len);
	f->past[id.len] = '\0';
}

/* --- what goes wrong -------------------------------------------------------
 */

static void reconcile_soon(struct fetch *f)
{
	f->must_reconcile = true;
	f->reconciled = 0;
	set_past(f, SLICE("0"));
}

/* A read is also unblocked when a primary becomes a replica: that passes. */
static bool is_queue_gone(const struct redis_failure *failure)
{
	static const char gone[] = "no longer exists";

	if (slice_is(failure->code, "UNBLOCKED"))
		return memmem(failure->text.data, failure->text.len, gone,
			      sizeof(gone) - 1);
	return slice_is(failure->code, "NOGROUP");
}

/*
 * A lost connection may have lost a delivery; and as long as Redis has not
 * noticed the loss, a read that it still blocks may lose another one, so we
 * look again when that must have ended. A group that is gone is made
 * again by registering; what was in its stream is gone as well, and somebody
 * should know.
 */
static void on_failure(struct fetch *f, const struct redis_failure *failure)
{
	struct worker *w = f->worker;

	f->state = FETCH_IDLE;
	if (failure->cause == REDIS_STOPPED)
		return;
	reconcile_soon(f);
	f->audit_at = clock_monotonic_ms() + AUDIT_SOON_MS;
	if (failure->cause == REDIS_LOST)
		return;
	f->not_before = clock_monotonic_ms() + REFUSED_PAUSE_MS;
	worker_wake_at(w, f->not_before);
	if (is_queue_gone(failure)) {
		log_error("queue vanished", NULL, "%s; it is made again",
			  failure->error.text);
		lease_register(w);
		return;
	}
	if (!f->is_refusal_told)
		log_line(failure->error.kind == ERR_UNAVAILABLE ? LOG_WARN
								: LOG_ERROR,
			 "read refused", NULL, "%s; tried again each second",
			 failure->error.text);
	f->is_refusal_told = true;
}

/* --- reading ---------------------------------------------------------------
 */

static void begin_command(struct fetch *f, struct command *c, int64_t count)
{
	memcpy(f->consumer, f->worker->id, sizeof(f->consumer));
	command_init(c, "XREADGROUP");
	command_text(c, "GROUP");
	command_text(c, "workers");
	command_text(c, f->consumer);
	command_text(c, "COUNT");
	command_int(c, count);
}

static size_t open_queues(const struct fetch *f)
{
	size_t count = 0;

	for (size_t i = 0; i < f->queue_count; i++)
		count += !f->queues[i].is_paused;
	return count;
}

static void on_read(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct fetch *f = arg;
	size_t count;

	if (failure) {
		on_failure(f, failure);
		return;
	}
	crash_point("after-read");
	f->state = FETCH_IDLE;
	f->is_refusal_told = false;
	count = deliver_reply(f, reply);
	f->misses = count > 0 ? 0 : f->misses + f->asked;
	f->first = (f->first + f->asked) % f->queue_count;
	if (count >= (size_t)f->asked_each) {
		if (f->window < WINDOW_MAX)
			f->window *= 2;
	} else {
		f->window = count > 0 ? (f->window + 1) / 2 : 1;
	}
}

/*
 * COUNT is meant for each stream. With fewer free slots than queues only some
 * queues are read, in turn, without waiting; if all had nothing, one entry of
 * any of them is waited for.
 */
static void read_queues(struct fetch *f, int64_t room)
{
	size_t open = open_queues(f), taken = 0;
	bool is_narrow = room < (int64_t)open && f->misses < open;
	struct command c;

	f->asked = is_narrow ? (size_t)room : open;
	f->asked_each = f->window < room ? f->window : room;
	f->asked_each /= (int64_t)f->asked;
	if (f->asked_each < 1)
		f->asked_each = 1;
	begin_command(f, &c, f->asked_each);
	if (!is_narrow) {
		command_text(&c, "BLOCK");
		command_int(&c, BLOCK_MS);
	}
	command_text(&c, "STREAMS");
	for (size_t i = 0; taken < f->asked; i++) {
		struct fetch_queue *q =
			&f->queues[(f->first + i) % f->queue_count];

		if (q->is_paused)
			continue;
		command_text(&c, q->key);
		taken++;
	}
	for (size_t i = 0; i < f->asked; i++)
		command_text(&c, ">");
	f->state = FETCH_READING;
	redis_call(f->reader, &c,
		   &(struct call_options){.mode = CALL_ONCE,
					  .block_ms = is_narrow ? 0 : BLOCK_MS,
					  .deadline_ms = -1},
		   on_read, f);
}

/* --- reconciling ------------------------------------------------------------
 */

static void on_past(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct fetch *f = arg;
	const struct reply *entries;
	struct slice last;

	if (failure) {
		on_failure(f, failure);
		return;
	}
	f->state = FETCH_IDLE;
	deliver_reply(f, reply);
	entries = reply->count == 1 && reply->items[0].count == 2
			  ? &reply->items[0].items[1]
			  : NULL;
	if (entries && entries->count == PAST_MAX) {
		last = entries->items[PAST_MAX - 1].items[0].text;
		set_past(f, last);
		return;
	}
	set_past(f, SLICE("0"));
	if (++f->reconciled < f->queue_count)
		return;
	f->must_reconcile = false;
	if (f->found > 0)
		log_warn("deliveries found", NULL,
			 "%zu steps were ours and we did not know", f->found);
	f->found = 0;
}

static void reconcile(struct fetch *f)
{
	struct command c;

	begin_command(f, &c, PAST_MAX);
	command_text(&c, "STREAMS");
	command_text(&c, f->queues[f->reconciled].key);
	command_text(&c, f->past);
	f->state = FETCH_RECONCILING;
	redis_call(f->reader, &c,
		   &(struct call_options){.mode = CALL_ONCE, .deadline_ms = -1},
		   on_past, f);
}

/*
 * How many entries may be asked for. The kind of a step is not known before
 * it is taken: while exec steps are about, no more are asked for than there
 * are free exec slots, and while one of them is held, none.
 */
static int64_t room_for(const struct fetch *f)
{
	const struct worker *w = f->worker;
	int64_t room = worker_free_slots(w);
	int64_t exec_room = w->config->worker.exec_slots - w->exec_running;

	if (w->held.count > 0)
		return 0;
	if (f->is_exec_met && exec_room < room)
		room = exec_room > 1 ? exec_room : 1;
	return room;
}

void fetch_turn(struct fetch *f)
{
	struct worker *w = f->worker;
	int64_t room;

	if (f->state != FETCH_IDLE || !f->reader || !redis_is_up(f->reader) ||
	    !w->lease.is_registered ||
	    (f->not_before > 0 && clock_monotonic_ms() < f->not_before))
		return;
	if (clock_monotonic_ms() >= f->audit_at) {
		f->audit_at = clock_monotonic_ms() + AUDIT_MS;
		reconcile_soon(f);
	}
	if (f->must_reconcile) {
		reconcile(f);
		return;
	}
	if (w->phase != WORKER_RUNNING)
		return;
	room = room_for(f);
	if (room > 0 && open_queues(f) > 0)
		read_queues(f, room);
}

/* --- interrupting ------------------------------------------------------------
 */

static void on_again(uv_timer_t *timer)
{
	struct fetch *f = timer->data;

	fetch_interrupt(f);
}

/* 0: the read had not arrived yet, or was answered in this very moment. */
static void on_interrupted(void *arg, const struct reply *reply,
			   const struct redis_failure *failure)
{
	struct fetch *f = arg;

	f->is_interrupting = false;
	if (failure && failure->cause == REDIS_STOPPED)
		return;
	if (f->state == FETCH_READING && !(reply && reply->integer == 1) &&
	    f->reader)
		uv_timer_start(&f->again, on_again, INTERRUPT_AGAIN_MS, 0);
}

void fetch_interrupt(struct fetch *f)
{
	struct command c;
	int64_t id = f->reader ? redis_client_id(f->reader) : -1;

	if (f->state != FETCH_READING || f->is_interrupting || id < 0)
		return;
	f->is_interrupting = true;
	command_init(&c, "CLIENT");
	command_text(&c, "UNBLOCK");
	command_int(&c, id);
	redis_call(store_redis(f->worker->store), &c,
		   &(struct call_options){.mode = CALL_ONCE,
					  .deadline_ms = BLOCK_MS},
		   on_interrupted, f);
}

void fetch_forget(struct fetch *f)
{
	f->must_reconcile = false;
	f->window = 1;
	fetch_interrupt(f);
}

/* --- pauses ------------------------------------------------------------------
 */

void fetch_pause(struct fetch *f, const char *queue)
{
	for (size_t i = 0; i < f->queue_count; i++) {
		struct fetch_queue *q = &f->queues[i];

		if (q->is_paused || strcmp(q->name, queue) != 0)
			continue;
		q->is_paused = true;
		log_info("queue paused", ABOUT(.queue = q->name), NULL);
	}
}

void fetch_set_paused(struct fetch *f, const struct reply *names, size_t count)
{
	for (size_t i = 0; i < f->queue_count; i++) {
		struct fetch_queue *q = &f->queues[i];
		bool is_paused = false;

		for (size_t k = 0; k < count; k++)
			is_paused =
				is_paused || slice_is(names[k].text, q->name);
		if (is_paused)
			fetch_pause(f, q->name);
		if (is_paused || !q->is_paused)
			continue;
		q->is_paused = false;
		log_info("queue resumed", ABOUT(.queue = q->name), NULL);
		fetch_interrupt(f); /* it waits for the others only */
	}
}

bool fetch_has_paused(const struct fetch *f)
{
	return open_queues(f) < f->queue_count;
}
