/* SPDX-License-Identifier: MIT */
#include "gather.h"

#include <stdlib.h>

#include "treadle/store_each.h"

#include "core.h"

/*
 * What Redis gives is msgpack already: the list is its head, and the results
 * one behind the other.
 */
enum { GATHERED_MAX = 64 << 20 }; /* bytes, of all lists of an attempt */
#define MSGPACK_NIL SLICE("\xc0")

struct gathering {
	struct attempt *attempt; /* NULL: it does not wait any more */
	struct taken *taken;     /* in the attempt's arena */
	size_t at;               /* which of the steps that it reads */
	size_t count, have;      /* items of that; those that are here */
	struct buf list;
	size_t size; /* of the lists that are complete */
};

static void go_on(struct gathering *g);

/* How many items the step has that is read there, or -1 if it has none. */
static int64_t count_items(const struct attempt *a, const struct taken *t,
			   size_t at)
{
	const struct workflow *w = a->definition->workflow;
	struct slice bytes = t->reads[at].text;
	int64_t count = -1;
	jv value;

	if (!w->steps[a->step->reads[at]].item || bytes.len == 0 ||
	    msgpack_parse(bytes, &value, NULL) < 0)
		return -1;
	if (value_is_whole(value))
		count = (int64_t)jv_number_value(jv_copy(value));
	jv_free(value);
	return count;
}

static void end(struct gathering *g, const struct error *err)
{
	struct attempt *a = g->attempt;
	const struct taken *t = g->taken;

	buf_clear(&g->list);
	free(g);
	if (!a)
		return;
	a->work = NULL;
	attempt_gathered(a, t, err);
}

static int take_results(struct gathering *g, const struct reply *results,
			size_t count, struct error *err)
{
	if (count == 0 || g->have + count > g->count)
		return error_set(err, ERR_INPUT,
				 "redis gave %zu of the %zu results of a list",
				 g->have + count, g->count);
	for (size_t i = 0; i < count; i++) {
		struct slice result =
			results[i].text.len > 0 ? results[i].text : MSGPACK_NIL;

		transfer_note(g->attempt, g->at, g->list.len, result);
		buf_add(&g->list, result.data, result.len);
	}
	g->have += count;
	if (g->list.is_full || g->size + g->list.len > GATHERED_MAX)
		return error_set(err, ERR_INPUT,
				 "the lists that the step reads are larger "
				 "than %d MiB: keep large data in files",
				 GATHERED_MAX >> 20);
	return 0;
}

static void on_results(void *arg, const struct reply *results, size_t count,
		       const struct redis_failure *failure)
{
	struct gathering *g = arg;
	struct error err;

	if (!g->attempt)
		end(g, NULL);
	else if (failure)
		end(g, &failure->error);
	else if (take_results(g, results, count, &err) < 0)
		end(g, &err);
	else
		go_on(g);
}

/* An array of so many values, whatever they are. */
static void begin_list(struct gathering *g, size_t count)
{
	buf_reset(&g->list);
	buf_addc(&g->list, (char)0xdd);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_addc(&g->list, (char)(count >> shift & 0xff));
	g->count = count;
	g->have = 0;
}

static void ask(struct gathering *g)
{
	struct attempt *a = g->attempt;
	int step = a->step->reads[g->at];

	store_results(a->worker->store, a->run,
		      a->definition->workflow->steps[step].name, g->have,
		      on_results, g);
}

/* Asks for what comes next, or is done. */
static void go_on(struct gathering *g)
{
	struct attempt *a = g->attempt;
	struct reply *reads = (struct reply *)g->taken->reads;
	int64_t count;

	while (g->have == g->count) {
		if (g->list.len > 0) {
			g->size += g->list.len;
			reads[g->at++].text =
				arena_copy(&a->arena, buf_slice(&g->list));
			buf_reset(&g->list);
		}
		for (count = -1; g->at < a->step->reads_count; g->at++) {
			count = count_items(a, g->taken, g->at);
			if (count >= 0)
				break;
		}
		if (g->at == a->step->reads_count) {
			end(g, NULL);
			return;
		}
		begin_list(g, (size_t)count);
	}
	ask(g);
}

bool gather(struct attempt *a, const struct taken *t)
{
	struct gathering *g;
	bool has_lists = false;

	if (t->reads_count < a->step->reads_count)
		return false; /* prepare says so */
	for (size_t i = 0; i < a->step->reads_count; i++)
		has_lists |= count_items(a, t, i) >= 0;
	if (!has_lists)
		return false;
	g = xcalloc(1, sizeof(*g));
	g->attempt = a;
	g->taken = attempt_keep(a, t);
	buf_init(&g->list, GATHERED_MAX);
	a->work = g;
	go_on(g);
	return true;
}

void gather_leave(struct attempt *a)
{
	struct gathering *g = a->work;

	g->attempt = NULL;
	a->work = NULL;
}
