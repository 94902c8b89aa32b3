/* SPDX-License-Identifier: MIT */
#include "collector.h"

#include <stdio.h>
#include <string.h>

#include "treadle/blob.h"
#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"

static void on_remove(uv_work_t *work)
{
	struct collector *c = work->data;

	for (size_t i = 0; i < c->count; i++) {
		struct slice rest = slice_of(c->items[i].member);

		c->items[i].is_gone =
			blob_remove(c->folder, slice_cut(&rest, ' '),
				    &c->err) == 0;
	}
}

static void on_removed(uv_work_t *work, int status)
{
	struct collector *c = work->data;
	size_t gone = 0;

	must(status == 0); /* nobody cancels it */
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].is_gone)
			c->items[gone++] = c->items[i];
	if (gone < c->count)
		log_warn("blobs left behind", NULL, "%zu of %zu: %s",
			 c->count - gone, c->count, c->err.text);
	/* The next call tells, and at once: there may be more. */
	if (gone > 0)
		c->next_at = 0;
	c->count = gone;
	c->is_busy = false;
}

/* What it can't be the name of is left to whoever wrote it. */
static void take(struct collector *c, jv garbage)
{
	c->count = 0;
	jv_array_foreach (garbage, i, member) {
		struct garbage *g = &c->items[c->count];

		if (c->count < COLLECT_MAX && value_is_text(member) &&
		    value_text(member).len < sizeof(g->member)) {
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
	if (c->count == 0 || c->worker->phase != WORKER_RUNNING)
		return;
	c->is_busy = true;
	c->work.data = c;
	must(uv_queue_work(c->worker->loop, &c->work, on_remove, on_removed) ==
	     0);
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
	    !*w->config->blobs.folder)
		return;
	if (now >= c->next_at) {
		c->worker = w;
		c->folder = w->config->blobs.folder;
		c->is_busy = true;
		c->next_at = now + w->config->blobs.collect;
		ask(c);
	}
	worker_wake_at(w, c->next_at);
}
