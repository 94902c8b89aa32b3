/* SPDX-License-Identifier: MIT */
#include "news.h"

#include <stdlib.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"

enum { LOG_KEPT = 64 << 10, SAY_MAX = 64, PERIOD_MS = 1000 };
enum { SAY_SIZE_MAX = 8 << 20 };

static void list(struct news *n)
{
	struct gazette *g = &n->attempt->worker->gazette;

	if (n->is_listed)
		return;
	n->is_listed = true;
	n->prev = NULL;
	n->next = g->first;
	if (g->first)
		g->first->prev = n;
	g->first = n;
}

static void unlist(struct news *n)
{
	struct gazette *g = &n->attempt->worker->gazette;

	if (!n->is_listed)
		return;
	n->is_listed = false;
	*(n->prev ? &n->prev->next : &g->first) = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

static struct news *news_of(struct attempt *a)
{
	struct news *n = a->news;

	must(a->state == ATTEMPT_STARTED);
	if (!n) {
		n = a->news = xcalloc(1, sizeof(*n));
		n->attempt = a;
		n->progress = n->memo = n->cost = jv_invalid();
		buf_init(&n->log, 2 * LOG_KEPT);
		buf_init(&n->shown, 2 * LOG_KEPT);
	}
	list(n);
	return n;
}

void news_free(struct news *n)
{
	if (!n)
		return;
	unlist(n);
	jv_free(n->progress);
	jv_free(n->memo);
	jv_free(n->cost);
	buf_clear(&n->log);
	buf_clear(&n->shown);
	free(n);
}

static void replace(jv *old, jv new)
{
	jv_free(*old);
	*old = new;
}

static void hurry(struct news *n)
{
	n->is_urgent = true;
	n->attempt->worker->gazette.is_urgent = true;
}

void attempt_progress(struct attempt *a, jv progress)
{
	replace(&news_of(a)->progress, progress);
}

void attempt_memo(struct attempt *a, jv memo)
{
	struct news *n = news_of(a);

	replace(&n->memo, memo);
	hurry(n);
}

void attempt_cost(struct attempt *a, jv cost)
{
	struct news *n = news_of(a);

	replace(&n->cost, cost);
	hurry(n);
}

void attempt_log(struct attempt *a, struct slice bytes)
{
	struct news *n = news_of(a);
	struct buf *log = &n->log;

	if (bytes.len > LOG_KEPT) {
		bytes.data += bytes.len - LOG_KEPT;
		bytes.len = LOG_KEPT;
	}
	if (log->len + bytes.len > log->max) {
		log_redact(log);
		if (log->len > LOG_KEPT - bytes.len)
			buf_drop(log, log->len + bytes.len - LOG_KEPT);
	}
	buf_add(log, bytes.data, bytes.len);
	n->is_log_new = true;
}

static struct slice last_of(struct slice log)
{
	if (log.len > LOG_KEPT) {
		log.data += log.len - LOG_KEPT;
		log.len = LOG_KEPT;
	}
	return log;
}

/* Without what its cut has left of a character. */
static struct slice whole(struct slice log)
{
	while (log.len && (*log.data & 0xc0) == 0x80) {
		log.data++;
		log.len--;
	}
	return log;
}

static void mend(struct buf *shown)
{
	if (text_is_utf8(buf_slice(shown)))
		return;
	jv mended = jv_string_sized(shown->data, (int)shown->len);
	struct slice log = whole(last_of(value_text(mended)));
	buf_reset(shown);
	buf_add(shown, log.data, log.len);
	jv_free(mended);
}

/*
 * Programs write what they like, their secrets too. A log is kept in Redis
 * and shown within JSON, so secrets are masked, and what is not UTF-8 becomes
 * U+FFFD: here, where it costs Redis nothing. The log itself stays as it came,
 * for a secret or a character may not be whole yet.
 */
static struct slice kept_log(struct news *n)
{
	struct slice log = whole(last_of(buf_slice(&n->log)));

	buf_reset(&n->shown);
	buf_add(&n->shown, log.data, log.len);
	log_redact(&n->shown);
	mend(&n->shown);
	return last_of(buf_slice(&n->shown));
}

struct slice news_take_log(struct attempt *a)
{
	struct news *n = a->news;

	if (!n)
		return slice_of(NULL);
	n->is_log_new = false;
	if (!jv_is_valid(n->progress) && !jv_is_valid(n->memo) &&
	    !jv_is_valid(n->cost))
		unlist(n);
	return kept_log(n);
}

/*
 * Texts of one call, in one buffer. Its memory may move while it grows, so
 * lengths are noted first and turned into slices at the end.
 */
struct texts {
	struct buf bytes;
	size_t ends[3 * SAY_MAX];
	size_t count;
};

static void put(struct texts *t, jv *value, int (*print)(jv, struct buf *))
{
	size_t begin = t->bytes.len;

	if (jv_is_valid(*value) && print(*value, &t->bytes) < 0)
		t->bytes.len = begin; /* too much of it: left out */
	t->ends[t->count++] = t->bytes.len;
	replace(value, jv_invalid());
}

static struct slice text_at(const struct texts *t, size_t i)
{
	size_t begin = i > 0 ? t->ends[i - 1] : 0;

	return (struct slice){t->bytes.data + begin, t->ends[i] - begin};
}

static void on_noted(void *arg, const enum end_code *codes, size_t count,
		     const struct redis_failure *failure)
{
	struct worker *w = arg;

	(void)codes;
	(void)count;
	w->gazette.is_saying = false;
	if (failure && failure->cause != REDIS_STOPPED)
		log_warn("news refused", NULL, "%s", failure->error.text);
}

/* An attempt that ends can't wait; others wait for the call under way. */
static bool is_due(const struct gazette *g, const struct news *n, bool is_tick)
{
	if (n->attempt->state == ATTEMPT_ENDING)
		return true;
	return !g->is_saying && (is_tick || n->is_urgent);
}

static size_t gather(struct gazette *g, struct news **said, bool is_tick)
{
	size_t count = 0;

	for (struct news *n = g->first, *next; n && count < SAY_MAX; n = next) {
		next = n->next;
		if (!is_due(g, n, is_tick))
			continue;
		said[count++] = n;
		unlist(n);
	}
	return count;
}

static void say(struct worker *w, struct news **said, size_t count)
{
	struct note notes[SAY_MAX];
	struct texts t = {.count = 0};

	buf_init(&t.bytes, SAY_SIZE_MAX);
	for (size_t i = 0; i < count; i++) {
		put(&t, &said[i]->progress, json_print);
		put(&t, &said[i]->memo, msgpack_print);
		put(&t, &said[i]->cost, json_print);
	}
	for (size_t i = 0; i < count; i++) {
		struct news *n = said[i];

		notes[i] = (struct note){.ref = n->attempt->ref,
					 .progress = text_at(&t, 3 * i),
					 .memo = text_at(&t, 3 * i + 1),
					 .cost = text_at(&t, 3 * i + 2),
					 .log = n->is_log_new ? kept_log(n)
							      : slice_of(NULL)};
		n->is_log_new = n->is_urgent = false;
	}
	w->gazette.is_saying = true;
	store_note(w->store, w->id, notes, count, on_noted, w);
	buf_clear(&t.bytes);
}

void gazette_flush(struct worker *w)
{
	struct gazette *g = &w->gazette;
	struct news *said[SAY_MAX];
	int64_t now;
	bool is_tick;
	size_t count;

	if (!g->first)
		return;
	now = clock_monotonic_ms();
	is_tick = now - g->said_at >= PERIOD_MS;
	if (is_tick)
		g->said_at = now;
	g->is_urgent = false;
	while ((count = gather(g, said, is_tick)) > 0)
		say(w, said, count);
	if (g->first)
		worker_wake_at(w, g->said_at + PERIOD_MS);
}
