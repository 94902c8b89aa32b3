/* SPDX-License-Identifier: MIT */
#include "redis_session.h"

#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/crypto.h"
#include "treadle/log.h"

#include "password.h"
#include "redis_hello.h"
#include "redis_sentinel.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define TICK_MS 5 /* the timer's precision: a scan must not come too often */
#define SUSPECT_MS 20
#define GREETING_MAX 65536

/* --- time ---------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct redis *r = timer->data;

	r->timer_at = NEVER;
	redis_on_time(r);
}

void session_arm(struct redis *r, int64_t at)
{
	int64_t now, delay;

	if (at >= r->timer_at || r->state == SESSION_STOPPING)
		return;
	now = clock_monotonic_ms();
	delay = at - now > TICK_MS ? at - now : TICK_MS;
	if (at == 0)
		delay = 0; /* the first connection is waited for */
	r->timer_at = now + delay;
	uv_timer_start(&r->timer, on_timer, (uint64_t)delay, 0);
}

int64_t session_backoff_ms(unsigned tries)
{
	int64_t limit = BACKOFF_MAX_MS;

	if (tries < 7 && (int64_t)BACKOFF_MIN_MS << tries < limit)
		limit = (int64_t)BACKOFF_MIN_MS << tries;
	return (int64_t)(crypto_random_u64() % (uint64_t)(limit + 1));
}

int64_t session_silence_at(const struct redis *r)
{
	if (r->state != SESSION_UP || !r->flight.head)
		return NEVER;
	return r->heard_at + r->timeout_ms + r->flight.head->block_ms;
}

/* --- going down ---------------------------------------------------------- */

void session_close(struct redis *r)
{
	struct redis_link *link = r->link;

	r->link = NULL;
	r->is_congested = false;
	r->id = -1;
	if (link)
		redis_link_stop(link);
}

/*
 * A session that was of use, or lasted, makes the next one come soon. Where a
 * Sentinel led us astray another one is asked.
 */
static void plan_connect(struct redis *r)
{
	int64_t now = clock_monotonic_ms();

	if (r->state == SESSION_CONNECTING || r->state == SESSION_GREETING)
		r->sentinel++;
	if (r->state == SESSION_UP && now - r->up_at > BACKOFF_MAX_MS)
		r->tries = 0;
	r->state = SESSION_DOWN;
	r->connect_at = now + session_backoff_ms(r->tries++);
	session_arm(r, r->connect_at);
}

void session_drop(struct redis *r, const struct error *reason)
{
	struct calls again = {0}, lost = {0};
	struct call *call;
	struct error why = *reason;

	if (r->state == SESSION_DOWN || r->state == SESSION_STOPPING)
		return;
	session_close(r);
	plan_connect(r);
	r->reason = why;
	calls_part(&r->flight, &again, &lost);
	calls_prepend(&r->waiting, &again);
	while ((call = calls_pop(&lost)))
		call_fail(call, REDIS_LOST, &why);
	if (r->is_outage_told || r->state == SESSION_STOPPING)
		return;
	r->is_outage_told = true;
	r->told = why;
	if (r->on_state)
		r->on_state(r->arg, &why);
}

/* Somebody is there again, but won't have us: that is news, once. */
static void drop_refused(struct redis *r, const struct error *reason)
{
	if (strcmp(r->told.text, reason->text) != 0)
		r->is_outage_told = false;
	session_drop(r, reason);
}

static void on_closed(void *arg)
{
	redis_release(arg);
}

/* --- coming up ----------------------------------------------------------- */

static void connect_link(struct redis *r, enum session_state state);

/* Whom the link leads to. */
static const struct redis_address *target(const struct redis *r)
{
	if (r->state != SESSION_ASKING)
		return &r->url.address;
	return &r->url.sentinels[r->sentinel % r->url.sentinel_count];
}

/*
 * This link has come to nothing. A Sentinel that is silent, lost or ignorant
 * does not matter while there is another; if none can say, then what somebody
 * must mend is told rather than what may mend itself.
 */
static void give_up(struct redis *r, const struct error *reason)
{
	struct error why = *reason;

	if (r->state != SESSION_ASKING) {
		session_drop(r, &why);
		return;
	}
	session_close(r);
	r->sentinel++;
	if (r->asked++ == 0 || r->why_unknown.kind == ERR_UNAVAILABLE)
		r->why_unknown = why;
	if (r->asked < r->url.sentinel_count) {
		connect_link(r, SESSION_ASKING);
		return;
	}
	why = r->why_unknown;
	if (r->asked > 1)
		error_prefix(&why,
			     "none of %zu sentinels is of use: ", r->asked);
	if (why.kind == ERR_UNAVAILABLE)
		session_drop(r, &why);
	else
		drop_refused(r, &why);
}

static void on_down(void *arg, const struct error *reason)
{
	give_up(arg, reason);
}

/* What a link begins with. */
static void say(struct redis *r, struct buf *words)
{
	uv_buf_t bytes = uv_buf_init(words->data, (unsigned)words->len);

	r->is_congested = true;
	redis_link_push(r->link, &bytes, 1, 0);
	buf_clear(words);
}

static void ask_sentinel(struct redis *r)
{
	char password[PASSWORD_MAX] = "";
	struct buf question;
	struct error err;

	if (*r->sentinel_password_file &&
	    password_read(r->sentinel_password_file,
			  "--redis-sentinel-password-file", password,
			  &err) < 0) {
		drop_refused(r, &err);
		return;
	}
	buf_init(&question, GREETING_MAX);
	redis_sentinel_write(&question, &r->url, r->sentinel_user, password,
			     &r->greetings);
	say(r, &question);
}

static void greet(struct redis *r)
{
	const char *password = r->url.password;
	char text[PASSWORD_MAX];
	struct buf greeting;
	struct error err;

	if (*r->password_file) {
		if (password_read(r->password_file, "--redis-password-file",
				  text, &err) < 0) {
			drop_refused(r, &err);
			return;
		}
		password = text;
	}
	if (password)
		log_mask(password);
	buf_init(&greeting, GREETING_MAX);
	redis_hello_write(&greeting, &r->url, password, r->name, &r->greetings);
	r->state = SESSION_GREETING;
	say(r, &greeting);
}

static void on_up(void *arg)
{
	struct redis *r = arg;

	if (r->state == SESSION_ASKING)
		ask_sentinel(r);
	else
		greet(r);
}

static void on_named(struct redis *r, const struct reply *reply)
{
	struct error err;

	if (--r->greetings && reply->type != REPLY_ERROR)
		return;
	if (redis_sentinel_read(reply, &r->url, target(r), &err) < 0) {
		give_up(r, &err);
		return;
	}
	session_close(r);
	connect_link(r, SESSION_CONNECTING);
}

static void on_greeting(struct redis *r, const struct reply *reply)
{
	struct error err;
	int result;

	if (r->id < 0)
		result = redis_hello_read(reply, &r->url, &r->id, &err);
	else
		result = redis_select_read(reply, &r->url, &err);
	if (result < 0) {
		drop_refused(r, &err);
		return;
	}
	if (--r->greetings)
		return;
	r->state = SESSION_UP;
	r->up_at = clock_monotonic_ms();
	r->is_outage_told = false;
	r->reason.kind = ERR_NONE;
	session_arm(r, r->resume_min);
	redis_flush(r);
	if (r->on_state)
		r->on_state(r->arg, NULL);
}

/* --- bytes --------------------------------------------------------------- */

static void on_drained(void *arg)
{
	struct redis *r = arg;

	r->is_congested = false;
	redis_flush(r);
}

/* 1 if all replies were handled; 0 if the link is not ours any more. */
static int read_replies(struct redis *r, struct error *err)
{
	const struct redis_link *link = r->link;
	const struct reply *reply;
	int got;

	while ((got = resp_reader_next(r->reader, &reply, err)) > 0) {
		if (r->state == SESSION_ASKING)
			on_named(r, reply);
		else if (r->state == SESSION_GREETING)
			on_greeting(r, reply);
		else
			redis_on_answer(r, reply);
		if (r->link != link)
			return 0;
	}
	return got < 0 ? -1 : 1;
}

static void on_bytes(void *arg, struct slice bytes)
{
	struct redis *r = arg;
	struct error err;

	r->heard_at = clock_monotonic_ms();
	r->is_suspect = false;
	r->unsent = SIZE_MAX;
	while (bytes.len) {
		struct slice piece = bytes;
		int result;

		if (piece.len > RESP_FEED_MAX)
			piece.len = RESP_FEED_MAX;
		bytes.data += piece.len;
		bytes.len -= piece.len;
		resp_reader_feed(r->reader, piece);
		result = read_replies(r, &err);
		if (result < 0) {
			error_prefix(&err, "lost %s at %s: ", target(r)->what,
				     target(r)->shown);
			give_up(r, &err);
		}
		if (result <= 0)
			return;
	}
	session_arm(r, session_silence_at(r));
}

/* --- what the time demands ----------------------------------------------- */

static const struct redis_link_events events = {
	.on_up = on_up,
	.on_bytes = on_bytes,
	.on_drained = on_drained,
	.on_down = on_down,
	.on_closed = on_closed,
};

/* All Sentinels together are given as long as Redis itself. */
static int64_t patience_ms(const struct redis *r)
{
	if (r->state == SESSION_ASKING)
		return r->connect_timeout_ms / (int64_t)r->url.sentinel_count;
	return r->connect_timeout_ms;
}

static void connect_link(struct redis *r, enum session_state state)
{
	r->state = state;
	r->connect_at = clock_monotonic_ms() + patience_ms(r);
	session_arm(r, r->connect_at);
	resp_reader_free(r->reader);
	r->reader = resp_reader_new();
	r->open++;
	r->link = redis_link_start(r->loop, target(r), r->tries, &events, r);
}

static void begin_try(struct redis *r)
{
	struct error err;

	r->state = SESSION_CONNECTING;
	if (!r->url.user && redis_url_parse(r->url_text, &r->url, &err) < 0) {
		session_drop(r, &err);
		return;
	}
	r->asked = 0;
	connect_link(r, r->url.primary ? SESSION_ASKING : SESSION_CONNECTING);
}

static void give_up_waiting(struct redis *r)
{
	char limit[DURATION_TEXT_MAX];
	struct error err;

	duration_human(patience_ms(r), limit);
	error_set(&err, ERR_UNAVAILABLE,
		  "cannot reach %s at %s: no answer within %s (is it "
		  "running? set --redis-url or TREADLE_REDIS_URL)",
		  target(r)->what, target(r)->shown, limit);
	give_up(r, &err);
}

/* While our side is still travelling there can be no answer. */
static bool is_sending(struct redis *r)
{
	size_t before = r->unsent;

	r->unsent = redis_link_unsent(r->link);
	return r->unsent && r->unsent < before;
}

/*
 * After this process itself stood still the answer may be there, unread. So
 * the first look only raises a suspicion, which any byte will dispel.
 */
static void check_silence(struct redis *r, int64_t now)
{
	char silence[DURATION_TEXT_MAX];
	struct error err;

	if (now < session_silence_at(r))
		return;
	if (is_sending(r)) {
		r->heard_at = now;
		r->is_suspect = false;
		return;
	}
	if (!r->is_suspect) {
		r->is_suspect = true;
		r->heard_at += SUSPECT_MS + now - session_silence_at(r);
		return;
	}
	duration_human(r->timeout_ms + r->flight.head->block_ms, silence);
	error_set(&err, ERR_UNAVAILABLE,
		  "lost redis at %s: it has been silent for %s",
		  r->url.address.shown, silence);
	session_drop(r, &err);
}

void session_check(struct redis *r, int64_t now)
{
	check_silence(r, now);
	if (r->state == SESSION_DOWN && now >= r->connect_at)
		begin_try(r);
	else if (r->state < SESSION_UP && now >= r->connect_at)
		give_up_waiting(r);
	if (r->state != SESSION_UP)
		session_arm(r, r->connect_at);
	session_arm(r, session_silence_at(r));
}
