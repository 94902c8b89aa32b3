/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "treadle/clock.h"
#include "treadle/store_each.h"

#include "worker.h"

/*
 * Begins a step for each item of a list: has Redis keep the items, a part in
 * a call, and is done. What follows is the library's: each.lua.
 *
 * A part that is said again after a lost reply changes nothing. Who dies in
 * between leaves a list that the next try begins anew. Where Redis refuses
 * for now, for it has no memory left, the step is put aside.
 */
enum {
	PART_ITEMS = 500,
	PART_BYTES = 256 << 10,
	ITEMS_MAX = 1000000,
	REFUSED_PAUSE_MS = 1000,
};

struct spreading {
	struct attempt *attempt; /* NULL: it was told to stop */
	jv items;
	size_t count, kept, asked; /* kept in Redis; in the call that is under
				      way */
};

static void say_part(struct spreading *s);

static void spreading_free(struct spreading *s)
{
	jv_free(s->items);
	free(s);
}

static void put_aside(struct attempt *a)
{
	int64_t now = a->taken_at + (clock_monotonic_us() - a->begun_us) / 1000;

	attempt_deferred(a, now + REFUSED_PAUSE_MS, jv_null());
}

static void on_kept(void *arg, enum end_code code,
		    const struct redis_failure *failure)
{
	struct spreading *s = arg;
	struct attempt *a = s->attempt;

	s->kept += s->asked;
	if (a && !failure && code == END_COMMITTED && s->kept < s->count) {
		say_part(s);
		return;
	}
	if (a && failure)
		put_aside(a);
	else if (a && code != END_COMMITTED)
		attempt_failed_text(a, FAILURE_TRANSIENT, 0,
				    "expand answers %s", end_code_text(code));
	else if (a)
		attempt_done(a, jv_number((double)s->count));
	spreading_free(s);
}

/* As many items as fit into a call, one at least; none of an empty list. */
static void say_part(struct spreading *s)
{
	struct attempt *a = s->attempt;
	size_t ends[PART_ITEMS], count = 0;
	struct buf bytes;

	buf_init(&bytes, SIZE_MAX / 4);
	while (count < PART_ITEMS && s->kept + count < s->count &&
	       bytes.len < PART_BYTES) {
		int index = (int)(s->kept + count);
		jv item = jv_array_get(jv_copy(s->items), index);

		must(msgpack_print(item, &bytes) == 0);
		jv_free(item);
		ends[count++] = bytes.len;
	}
	s->asked = count;
	store_expand(worker_store(a->worker), worker_id(a->worker), &a->ref,
		     s->kept, buf_slice(&bytes), ends, count, on_kept, s);
	buf_clear(&bytes);
}

static void start(struct attempt *a)
{
	jv items = value_get(a->params, "items");
	struct spreading *s;
	int count;

	if (jv_get_kind(items) != JV_KIND_ARRAY) {
		attempt_failed_text(a, FAILURE_EXPRESSION, 0,
				    "for_each must give a list, gives %s",
				    value_kind(items));
		jv_free(items);
		return;
	}
	count = jv_array_length(jv_copy(items));
	if (count > ITEMS_MAX) {
		attempt_failed_text(a, FAILURE_TOO_LARGE, 0,
				    "for_each gives %d items, more than %d: "
				    "give several runs a part each",
				    count, ITEMS_MAX);
		jv_free(items);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->attempt = a;
	s->items = items;
	s->count = (size_t)count;
	a->work = s;
	say_part(s);
}

/* The answer of the call that is under way will be for nobody. */
static void stop(struct attempt *a, bool at_once)
{
	struct spreading *s = a->work;

	(void)at_once;
	s->attempt = NULL;
	attempt_failed_text(a, FAILURE_TRANSIENT, 0, "stopped");
}

const struct kind step_each = {.start = start, .stop = stop};
