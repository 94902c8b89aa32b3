/* SPDX-License-Identifier: MIT */
#include "collector.h"

#include <stdio.h>
#include <string.h>

#include "treadle/blobs.h"
#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"

/* The next call tells of those that are gone, and at once: there may be more.
 */
static void end_removing(struct collector *c)
{
	size_t gone = 0;

	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].is_gone)
			c->items[gone++] = c->items[i];
	if (gone < c->count && c->worker->phase == WORKER_RUNNING)
		log_warn("blobs left behind", NULL, "%zu of %zu: %s",
			 c->count - gone, c->count, c->err.text);
	if (gone > 0)
		c->next_at = 0;
	c->count = gone;
	c->is_busy = false;
}

static void on_removed(void *arg, const struct error *err)
{
	struct garbage *g = arg;
	struct collector *c = g->collector;

	g->is_gone = !err;
	if (err)
		c->err = *err;
	if (--c->removing == 0)
		end_removing(c);
}

static void remove_all(struct collector *c)
{
	c->is_busy = true;
	c->removing = c->count;
	for (size_t i = 0; i < c->count; i++) {
		struct slice rest = slice_of(c->items[i].member);

		blobs_remove(c->worker->blobs, slice_cut(&rest, ' '),
			     on_removed, &c->items[i]);
	}
}

static bool is_garbage(jv member)
{
	struct slice rest;

	if (!value_is_text(member) ||
	    value_text(member).len >= sizeof(((struct garbage *)0)->member))
		return false;
	rest = value_text(member);
	return blob_name_is_valid(slice_cut(&rest, ' '));
}

/* What it can't be the name of is left to whoever wrote it. */
static void take(struct collector *c, jv garbage)
{
	c->count = 0;
	jv_array_foreach (garbage, i, member) {
		struct garbage *g = &c->items[c->count];

		if (c->count < COLLECT_MAX && is_garbage(member)) {
			g->collector = c;
			snprintf(g->member, sizeof(g->member), "%s",
				 jv_string_value(member));
			c->count++;
		}
		jv_free(member);
	}
}

static void on_garbage(void *arg, jv answer, const struct error *err)
{
	struct collector *c = arg;
	jv garbage = err ? jv_invalid() : value_get(answer, "garbage");

	c->is_busy = false;
	c->count = 0;
	if (err && c->worker->phase == WORKER_RUNNING)
		log_warn("blobs not collected", NULL, "%s", err->text);
	if (jv_get_kind(garbage) == JV_KIND_ARRAY)
		take(c, garbage);
	jv_free(garbage);
	if (c->count > 0 && c->worker->phase == WORKER_RUNNING)
		remove_all(c);
}

static void ask(struct collector *c)
{
	struct slice args[3 + COLLECT_MAX];
	char lead[24], limit[24];

	snprintf(lead, sizeof(lead), "%lld",
		 (long long)(3 * c->worker->config->blobs.collect));
	snprintf(limit, sizeof(limit), "%d", COLLECT_MAX);
	args[0] = slice_of(c->worker->id);
	args[1] = slice_of(lead);
	args[2] = slice_of(limit);
	for (size_t i = 0; i < c->count; i++)
		args[3 + i] = slice_of(c->items[i].member);
	store_ask(c->worker->store, STORE_collect, args, 3 + c->count, -1,
		  on_garbage, c);
}

void collector_turn(struct worker *w)
{
	struct collector *c = &w->collector;
	int64_t now = clock_monotonic_ms();

	if (c->is_busy || w->phase != WORKER_RUNNING ||
	    !blobs_have_place(w->blobs))
		return;
	if (now >= c->next_at) {
		c->worker = w;
		c->is_busy = true;
		c->next_at = now + w->config->blobs.collect;
		ask(c);
	}
	worker_wake_at(w, c->next_at);
}
