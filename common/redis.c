/* SPDX-License-Identifier: MIT */
#include "treadle/redis.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "redis_hello.h"
#include "redis_session.h"

/*
 * A call is in one of three lists:
 *
 *   waiting --written--> flight --answered--> (callback, freed)
 *      ^                   |  |
 *      |--connection lost--'  `--refused for the moment--> parked
 *      `--------------------------------back-off over--------'
 *
 * What is waiting is written once in each turn of the loop, together. Flight
 * is in the order of the server's answers, so a call whose time is over stays
 * there as a placeholder without a callback.
 */
#define BUFS 256 /* of one write; a call takes two */
/* A refusal that goes on is told once: longer than between two tries. */
#define REFUSAL_QUIET_MS 15000
#define DOUBT_MS 5000 /* between two looks for another primary */

/* --- sending ------------------------------------------------------------- */

static void launch(struct redis *r)
{
	bool is_first = !r->flight.head;

	if (is_first) {
		r->heard_at = clock_monotonic_ms();
		r->is_suspect = false;
		r->unsent = SIZE_MAX;
	}
	calls_push(&r->flight, calls_pop(&r->waiting));
	if (is_first)
		session_arm(r, session_silence_at(r));
}

/* Of a call that was written in part the link takes a copy of the rest. */
void redis_flush(struct redis *r)
{
	uv_buf_t bufs[BUFS];
	unsigned count, done;
	size_t sent;

	while (r->state == SESSION_UP && r->waiting.head && !r->is_congested) {
		count = calls_gather(&r->waiting, bufs, BUFS);
		sent = redis_link_try(r->link, bufs, count);
		for (done = 0; done < count; done += 2) {
			if (sent < call_size(r->waiting.head))
				break;
			sent -= call_size(r->waiting.head);
			launch(r);
		}
		if (done == count)
			continue;
		r->is_congested = true;
		redis_link_push(r->link, bufs + done, 2, sent);
		launch(r);
	}
}

static void on_flush(uv_prepare_t *flusher)
{
	struct redis *r = flusher->data;

	uv_idle_stop(&r->waker);
	redis_flush(r);
}

/* While this is active the loop does not wait, and comes to on_flush(). */
static void on_wake(uv_idle_t *waker)
{
	(void)waker;
}

void redis_call(struct redis *r, struct command *c,
		const struct call_options *o, redis_reply_fn *on_reply,
		void *arg)
{
	struct call *call = call_new(c, o, on_reply, arg);

	/* What is too large to be sent is refused by the next timer. */
	if (call->body.is_full) {
		call->deadline_at = 0;
		call->resume_at = NEVER;
	}
	calls_push(call->body.is_full ? &r->parked : &r->waiting, call);
	if (call->deadline_at < r->deadline_min)
		r->deadline_min = call->deadline_at;
	session_arm(r, call->deadline_at);
	if (r->state == SESSION_UP && !r->is_congested)
		uv_idle_start(&r->waker, on_wake);
}

/* --- answers ------------------------------------------------------------- */

/*
 * That the library is missing is mended here, and tells less than what may keep
 * it from being mended.
 */
static void park(struct redis *r, struct call *call, struct slice text)
{
	bool is_passing = redis_refusal_is_passing(text);
	int64_t now = clock_monotonic_ms();
	struct error why;

	redis_refusal_error(text, &r->url, &why);
	if (is_passing && (now >= r->refusal_quiet_until ||
			   strcmp(why.text, r->refusal.text) != 0))
		log_warn("call refused", NULL, "%s -- trying again", why.text);
	if (is_passing || now >= r->refusal_quiet_until) {
		r->refusal = why;
		r->refusal_quiet_until = now + REFUSAL_QUIET_MS;
	}
	call->resume_at = now + session_backoff_ms(call->tries++);
	calls_push(&r->parked, call);
	if (call->resume_at < r->resume_min)
		r->resume_min = call->resume_at;
	session_arm(r, call->resume_at);
}

static bool is_worth_repeating(struct redis *r, const struct call *call,
			       struct slice text)
{
	if (!call->on_reply || call->mode != CALL_REPLAY)
		return false;
	if (redis_refusal_is_passing(text))
		return true;
	return r->on_refused && r->on_refused(r->arg, text);
}

/*
 * A primary became a replica: its name may lead to another one now. Where
 * Sentinels know, one that its replicas have left may have been deposed without
 * having heard of it; but not again and again, for it may be they who are dead.
 */
static bool has_lost_office(const struct redis *r, struct slice code)
{
	if (slice_is(code, "READONLY"))
		return true;
	return r->url.primary && slice_is(code, "NOREPLICAS") &&
	       clock_monotonic_ms() - r->up_at > DOUBT_MS;
}

static void on_refusal(struct redis *r, struct call *call, struct slice text)
{
	struct redis_failure failure = {.cause = REDIS_REFUSED, .text = text};

	failure.code = redis_refusal_code(text);
	redis_refusal_error(text, &r->url, &failure.error);
	if (is_worth_repeating(r, call, text))
		park(r, call, text);
	else
		call_answer(call, NULL, &failure);
	if (has_lost_office(r, failure.code))
		session_drop(r, &failure.error);
}

void redis_on_answer(struct redis *r, const struct reply *reply)
{
	struct call *call = calls_pop(&r->flight);
	struct error err;

	if (call && reply->type == REPLY_ERROR) {
		on_refusal(r, call, reply->text);
	} else if (call) {
		if (call->tries)
			r->refusal_quiet_until = 0;
		r->tries = 0;
		call_answer(call, reply, NULL);
	} else {
		error_set(&err, ERR_UNAVAILABLE,
			  "lost redis at %s: it answered what was not asked",
			  r->url.address.shown);
		session_drop(r, &err);
	}
}

/* --- what is due --------------------------------------------------------- */

static void explain_late(const struct redis *r, const struct call *call,
			 struct error *err)
{
	char limit[DURATION_TEXT_MAX];

	if (call->tries)
		*err = r->refusal;
	else if (r->reason.kind != ERR_NONE)
		*err = r->reason;
	else
		error_set(err, ERR_UNAVAILABLE, "redis at %s did not answer",
			  r->url.address.shown ? r->url.address.shown
					       : "its address");
	duration_human(call->deadline_ms, limit);
	error_prefix(err, "gave up after %s: ", limit);
}

static void fail_late(struct redis *r, struct call *call)
{
	struct error err;

	if (call->body.is_full) {
		error_set(&err, ERR_INPUT,
			  "a command of more than 512 MiB cannot be sent");
		call_fail(call, REDIS_REFUSED, &err);
		return;
	}
	explain_late(r, call, &err);
	call_fail(call, REDIS_LATE, &err);
}

static void check_deadlines(struct redis *r, int64_t now)
{
	struct calls *lists[] = {&r->waiting, &r->parked}, late = {0};
	struct call *call;

	if (now < r->deadline_min)
		return;
	r->deadline_min = calls_expire_sent(&r->flight, now, &late);
	for (size_t i = 0; i < countof(lists); i++) {
		int64_t next = calls_expire(lists[i], now, &late);

		if (next < r->deadline_min)
			r->deadline_min = next;
	}
	while ((call = calls_pop(&late)))
		fail_late(r, call);
}

void redis_on_time(struct redis *r)
{
	int64_t now = clock_monotonic_ms();

	session_check(r, now);
	check_deadlines(r, now);
	session_arm(r, r->deadline_min);
	if (r->state != SESSION_UP)
		return;
	if (now >= r->resume_min) {
		r->resume_min = calls_resume(&r->parked, now, &r->waiting);
		uv_idle_start(&r->waker, on_wake);
	}
	session_arm(r, r->resume_min);
}

/* --- life ---------------------------------------------------------------- */

int redis_check_url(const char *url, struct error *err)
{
	struct redis_url u;

	if (redis_url_parse(url, &u, err) < 0)
		return -1;
	redis_url_clear(&u);
	return 0;
}

struct redis_options redis_options(const struct config *c, const char *name)
{
	return (struct redis_options){
		.url = c->redis.url,
		.password_file = c->redis.password_file,
		.sentinel_user = c->redis.sentinel_user,
		.sentinel_password_file = c->redis.sentinel_password_file,
		.name = name,
		.connect_timeout_ms = c->redis.connect_timeout,
		.timeout_ms = c->redis.timeout,
	};
}

struct redis *redis_start(uv_loop_t *loop, const struct redis_options *o)
{
	struct redis *r = xcalloc(1, sizeof(*r));

	r->loop = loop;
	r->url_text = xstrdup(o->url);
	r->password_file = xstrdup(o->password_file ? o->password_file : "");
	r->sentinel_user = xstrdup(o->sentinel_user ? o->sentinel_user : "");
	r->sentinel_password_file = xstrdup(
		o->sentinel_password_file ? o->sentinel_password_file : "");
	r->name = xstrdup(o->name);
	r->connect_timeout_ms = o->connect_timeout_ms;
	r->timeout_ms = o->timeout_ms;
	r->on_state = o->on_state;
	r->on_refused = o->on_refused;
	r->arg = o->arg;
	r->id = -1;
	r->timer_at = r->deadline_min = r->resume_min = NEVER;
	must(uv_timer_init(loop, &r->timer) == 0);
	must(uv_prepare_init(loop, &r->flusher) == 0);
	must(uv_idle_init(loop, &r->waker) == 0);
	r->timer.data = r->flusher.data = r->waker.data = r;
	r->open = 3;
	uv_prepare_start(&r->flusher, on_flush);
	session_arm(r, 0);
	return r;
}

/* A callback may call again: that call is answered alike. */
static void fail_all(struct redis *r)
{
	struct call *call;
	struct error err;

	error_set(&err, ERR_UNAVAILABLE, "the connection to redis was closed");
	calls_prepend(&r->waiting, &r->parked);
	calls_prepend(&r->waiting, &r->flight);
	while ((call = calls_pop(&r->waiting)))
		call_fail(call, REDIS_STOPPED, &err);
}

void redis_release(struct redis *r)
{
	void (*on_stopped)(void *arg) = r->on_stopped;
	void *arg = r->stopped_arg;

	if (--r->open)
		return;
	fail_all(r);
	resp_reader_free(r->reader);
	redis_url_clear(&r->url);
	free(r->url_text);
	free(r->password_file);
	free(r->sentinel_user);
	free(r->sentinel_password_file);
	free(r->name);
	free(r);
	if (on_stopped)
		on_stopped(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
	redis_release(handle->data);
}

void redis_stop(struct redis *r, void (*on_stopped)(void *arg), void *arg)
{
	if (r->state == SESSION_STOPPING)
		return;
	r->state = SESSION_STOPPING;
	r->on_stopped = on_stopped;
	r->stopped_arg = arg;
	session_close(r);
	uv_close((uv_handle_t *)&r->timer, on_handle_closed);
	uv_close((uv_handle_t *)&r->flusher, on_handle_closed);
	uv_close((uv_handle_t *)&r->waker, on_handle_closed);
}

bool redis_is_up(const struct redis *r)
{
	return r->state == SESSION_UP;
}

int64_t redis_client_id(const struct redis *r)
{
	return redis_is_up(r) ? r->id : -1;
}

const struct error *redis_reason(const struct redis *r)
{
	return r->reason.kind == ERR_NONE ? NULL : &r->reason;
}
