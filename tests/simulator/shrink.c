/* SPDX-License-Identifier: MIT */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>

#include "parts.h"

#define REPLAYS_MAX 1500
#define STORY_MAX 120 /* actions that are told; the last ones */

/*
 * Delta debugging: pieces of the list are left out, ever smaller ones, as
 * long as the same invariant breaks without them.
 */
struct shrinker {
	const struct world *failed;
	uint64_t seed;
	int replays;
	struct world world;
	struct action actions[TRACE_MAX];
	int count;
};

static void settle(struct connection *c)
{
	int64_t mark;

	/* What is heard may ask once more. */
	do {
		mark = expect_mark();
		connection_flush(c);
		expect_all(c, mark);
	} while (mark != expect_mark());
}

static void begin(struct shrinker *s, const struct action *actions, int count)
{
	const struct world *f = s->failed;
	struct world_options o = {.seed = s->seed,
				  .shapes = f->shapes,
				  .connection = f->connection,
				  .figures = f->figures,
				  .number = f->number,
				  .database = f->database};

	connection_ask(f->connection, "SELECT %d", f->database);
	connection_ask(f->connection, "FLUSHDB");
	world_init(&s->world, &o);
	s->world.script = actions;
	s->world.script_count = count;
	s->world.scan_every = 1;
	s->replays++;
}

/* True if the same breaks. */
static bool replay(struct shrinker *s, const struct action *actions, int count,
		   FILE *story)
{
	struct world *w = &s->world;

	begin(s, actions, count);
	w->story = story;
	while (!world_is_over(w)) {
		world_turn(w);
		settle(w->connection);
		if (w->wants_restart) {
			connection_restart(w->connection);
			w->wants_restart = false;
		}
	}
	return w->has_failed && w->broken == s->failed->broken;
}

/* Leaves out `size` actions from `at` on, if the rest still breaks. */
static bool leave_out(struct shrinker *s, int at, int size)
{
	static struct action fewer[TRACE_MAX];
	int rest = s->count - at - size;

	memcpy(fewer, s->actions, (size_t)at * sizeof(*fewer));
	memcpy(fewer + at, s->actions + at + size,
	       (size_t)rest * sizeof(*fewer));
	if (!replay(s, fewer, at + rest, NULL))
		return false;
	memcpy(s->actions, fewer, (size_t)(at + rest) * sizeof(*fewer));
	s->count = at + rest;
	return true;
}

static void shorten(struct shrinker *s)
{
	for (int size = s->count / 2; size > 0; size /= 2) {
		for (int at = 0; at < s->count && s->replays < REPLAYS_MAX;) {
			int piece = size < s->count - at ? size : s->count - at;

			if (!leave_out(s, at, piece))
				at += size;
		}
	}
}

void shrink(const struct world *failed, uint64_t seed)
{
	struct shrinker *s = xcalloc(1, sizeof(*s));

	s->failed = failed;
	s->seed = seed;
	s->count = failed->trace_count;
	memcpy(s->actions, failed->trace,
	       (size_t)s->count * sizeof(*s->actions));
	settle(failed->connection);
	if (replay(s, s->actions, s->count, NULL)) {
		shorten(s);
		printf("%d of %d actions suffice (time, what):", s->count,
		       failed->trace_count);
	} else {
		printf("all of its actions (it does not break alone):");
	}
	replay(s, s->actions, s->count, stdout);
	printf("\n");
	free(s);
}
