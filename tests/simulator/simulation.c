/* SPDX-License-Identifier: MIT */
#include "simulation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "parts.h"
#include "shrink.h"

#define PLACES 32
#define RESTART_ROUNDS 1000 /* at least so many between two restarts */

struct simulation {
	struct options options;
	struct lanes *lanes;
	struct connection connection;
	struct shape shapes[SHAPES];
	struct figures figures;
	struct world *worlds;
	int places, next, over;
	uint64_t digest;
	struct random random;
	int rounds, restart_at;
	struct timespec begun;
	struct world *failed;
};

static double seconds_since(const struct timespec *begun)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begun->tv_sec) +
	       (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
}

/* --- worlds come and go -----------------------------------------------------
 */

static bool is_time_left(const struct simulation *s)
{
	if (s->options.worlds >= 0)
		return s->next < s->options.worlds;
	return seconds_since(&s->begun) < s->options.seconds;
}

static void begin_world(struct simulation *s, int place)
{
	struct world_options o = {.seed = s->options.seed,
				  .shapes = s->shapes,
				  .connection = &s->connection,
				  .figures = &s->figures,
				  .number = s->next,
				  .database = place};

	s->next += s->options.lanes;
	world_init(&s->worlds[place], &o);
	if (s->options.tells)
		s->worlds[place].story = stdout;
}

static void end_world(struct simulation *s, struct world *w)
{
	s->over++;
	s->digest += random_mix(w->digest + random_mix((uint64_t)w->number));
	w->is_gone = true;
	world_select(w);
	connection_sendf(&s->connection, "FLUSHDB");
	expect(w, world_on_emptied, 0);
}

/* One turn of each world of a half. */
static int64_t half_turn(struct simulation *s, int half)
{
	for (int i = half; i < s->places; i += 2) {
		struct world *w = &s->worlds[i];

		if (w->has_failed && !s->failed)
			s->failed = w;
		if (world_is_over(w) && !w->is_gone && !w->has_failed)
			end_world(s, w);
		if (w->is_gone && is_time_left(s))
			begin_world(s, i);
		if (!w->is_gone && !w->has_failed)
			world_turn(w);
	}
	connection_flush(&s->connection);
	return expect_mark();
}

/* --- restarts ---------------------------------------------------------------
 */

static void digest_of_all(struct simulation *s, char digest[41])
{
	const struct reply *reply =
		connection_ask(&s->connection, "DEBUG DIGEST");

	snprintf(digest, 41, "%s", reply_text(reply));
}

static void restart(struct simulation *s)
{
	const struct action action = {.kind = ACTION_RESTART};
	char before[41], after[41];

	digest_of_all(s, before);
	connection_restart(&s->connection);
	digest_of_all(s, after);
	for (int i = 0; i < s->places; i++) {
		struct world *w = &s->worlds[i];

		if (strcmp(before, after) != 0)
			world_broken(w, INVARIANT_X3,
				     "the data had digest %s, and %s after a "
				     "restart",
				     before, after);
		if (w->phase == PHASE_CHAOS)
			world_note(w, &action);
		w->since_scan = w->scan_every;
		w->wants_restart = false;
	}
}

static bool wants_restart(struct simulation *s)
{
	if (s->options.world >= 0)
		return s->worlds[0].wants_restart;
	if (s->rounds < s->restart_at)
		return false;
	s->restart_at +=
		RESTART_ROUNDS + random_below(&s->random, 2 * RESTART_ROUNDS);
	return true;
}

/* --- the rounds -------------------------------------------------------------
 */

static bool is_any_left(const struct simulation *s)
{
	for (int i = 0; i < s->places; i++)
		if (!s->worlds[i].is_gone)
			return true;
	return false;
}

static void go_round(struct simulation *s)
{
	int64_t mark[2] = {expect_mark(), expect_mark()};

	while (!s->failed && is_any_left(s) && !s->lanes->is_broken) {
		for (int half = 0; half < 2; half++) {
			expect_all(&s->connection, mark[half]);
			mark[half] = half_turn(s, half);
		}
		s->rounds++;
		if (!wants_restart(s))
			continue;
		connection_flush(&s->connection);
		expect_all(&s->connection, expect_mark());
		connection_flush(&s->connection);
		expect_all(&s->connection, expect_mark());
		restart(s);
	}
	expect_all(&s->connection, expect_mark());
}

/* A world alone; else as many as there are places, or fewer are wanted. */
static void begin(struct simulation *s, int lane)
{
	const struct options *o = &s->options;

	s->places = PLACES;
	s->next = lane;
	if (o->world >= 0) {
		s->places = 1;
		s->next = o->world;
		s->options.worlds = o->world + 1;
	} else if (o->worlds >= 0) {
		int share = (o->worlds - lane + o->lanes - 1) / o->lanes;

		s->places = share < PLACES ? share : PLACES;
	}
	s->random.state = random_mix(o->seed + (uint64_t)lane);
	s->restart_at = random_below(&s->random, RESTART_ROUNDS);
	shapes_init(s->shapes, o->seed);
	s->worlds = xcalloc((size_t)s->places, sizeof(*s->worlds));
	connection_open(&s->connection, o->library, o->library_len, 2 * PLACES);
	clock_gettime(CLOCK_MONOTONIC, &s->begun);
	for (int i = 0; i < s->places; i++)
		begin_world(s, i);
}

/* --- what comes of it -------------------------------------------------------
 */

static void tell_broken(struct simulation *s)
{
	struct world *w = s->failed;
	int64_t actions = 0;

	for (int i = 0; i < ACTIONS; i++)
		actions += s->figures.actions[i];
	printf("BROKEN %s: %s\n", invariant_id(w->broken),
	       invariant_sentence(w->broken));
	printf("  %s\n", w->complaint);
	printf("  seed %" PRIu64 ", world %d, action %d of it, %" PRId64
	       " actions of all\n",
	       s->options.seed, w->number, w->trace_count, actions);
	if (s->options.shrinks)
		shrink(w, s->options.seed);
}

int simulation_run(const struct options *o, int lane, struct lanes *lanes)
{
	static struct simulation s;
	bool is_first;

	s = (struct simulation){.options = *o, .lanes = lanes};
	begin(&s, lane);
	go_round(&s);
	is_first = s.failed && !atomic_exchange(&lanes->is_broken, true);
	if (is_first)
		tell_broken(&s);
	lanes->outcomes[lane] =
		(struct outcome){.figures = s.figures,
				 .over = s.over,
				 .restarts = s.connection.restarts,
				 .digest = s.digest};
	connection_close(&s.connection);
	shapes_clear(s.shapes);
	expect_end();
	free(s.worlds);
	return s.failed ? 1 : 0;
}
