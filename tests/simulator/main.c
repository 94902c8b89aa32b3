/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shrink.h"
#include "parts.h"

/*
 * The simulator: many worlds go round, an action of each in a round, their
 * calls in one piece on one connection. Two halves take turns, so that Redis
 * works on one while the other is looked at.
 */
#define PLACES 64
#define RESTART_ROUNDS 1000 /* about so many rounds between two restarts */

struct options {
	uint64_t seed;
	double seconds;
	int worlds, world; /* -1: not given */
	bool shrinks, tells;
	const char *library;
};

struct simulation {
	struct options options;
	struct connection connection;
	struct shape shapes[SHAPES];
	struct figures figures;
	struct world *worlds;
	int places, next, over;
	uint64_t digest;
	struct random random;
	int rounds;
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
				  .number = s->next++,
				  .database = place};

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
	redisReply *reply = connection_ask(&s->connection, "DEBUG DIGEST");

	snprintf(digest, 41, "%s", reply_text(reply));
	freeReplyObject(reply);
}

static void restart(struct simulation *s)
{
	const struct action action = {.kind = ACTION_RESTART};
	char before[41], after[41];

	digest_of_all(s, before);
	connection_restart(&s->connection);
	digest_of_all(s, after);
	s->figures.actions[ACTION_RESTART]++;
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
	return random_one_in(&s->random, RESTART_ROUNDS);
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

	while (!s->failed && is_any_left(s)) {
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

static void begin(struct simulation *s, char *library, size_t len)
{
	bool is_one = s->options.world >= 0;

	s->places = is_one ? 1 : PLACES;
	if (s->options.worlds >= 0 && s->options.worlds < s->places)
		s->places = s->options.worlds;
	s->next = is_one ? s->options.world : 0;
	if (is_one)
		s->options.worlds = s->options.world + 1;
	s->random.state = s->options.seed;
	shapes_init(s->shapes, s->options.seed);
	s->worlds = xcalloc((size_t)s->places, sizeof(*s->worlds));
	connection_open(&s->connection, library, len, PLACES);
	clock_gettime(CLOCK_MONOTONIC, &s->begun);
	for (int i = 0; i < s->places; i++)
		begin_world(s, i);
}

/* --- what is said at the end ------------------------------------------------
 */

static int64_t total_of(const int64_t *figures, int count)
{
	int64_t total = 0;

	for (int i = 0; i < count; i++)
		total += figures[i];
	return total;
}

static void print_figures(const struct simulation *s)
{
	const struct figures *f = &s->figures;
	double seconds = seconds_since(&s->begun);
	int64_t actions = total_of(f->actions, ACTIONS);

	printf("seed %" PRIu64 ", %d worlds, %" PRId64 " actions in %.1f s: "
	       "%.0f/s\n",
	       s->options.seed, s->over, actions, seconds,
	       (double)actions / seconds);
	printf("%" PRId64 " runs, %" PRId64 " workers, %" PRId64
	       " full scans, %d restarts of Redis\n\n",
	       f->runs, f->workers, f->scans, s->connection.restarts);
	printf("%-36s %10s\n", "actions", "");
	for (int i = 0; i < ACTIONS; i++)
		printf("  %-34s %10" PRId64 "\n",
		       action_text((enum action_kind)i), f->actions[i]);
	printf("%-36s %10s\n", "faults", "");
	for (int i = 1; i < FATES; i++)
		printf("  %-34s %10" PRId64 "\n", fate_text((enum fate)i),
		       f->fates[i]);
	printf("%-24s %11s %10s\n", "functions", "calls", "lost replies");
	for (int i = 0; i < CALL_COUNT; i++)
		if (f->calls[i])
			printf("  %-22s %11" PRId64 " %10" PRId64 "\n",
			       call_name((enum function)i), f->calls[i],
			       f->lost_replies[i]);
	printf("digest %016" PRIx64 "\n", s->digest);
}

static int report(struct simulation *s)
{
	struct world *w = s->failed;

	if (!w) {
		print_figures(s);
		return 0;
	}
	printf("BROKEN %s: %s\n", invariant_id(w->broken),
	       invariant_sentence(w->broken));
	printf("  %s\n", w->complaint);
	printf("  seed %" PRIu64 ", world %d, action %d of it, %" PRId64
	       " actions of all\n",
	       s->options.seed, w->number, w->trace_count,
	       total_of(s->figures.actions, ACTIONS));
	if (s->options.shrinks)
		shrink(w, s->options.seed);
	return 1;
}

/* --- options ----------------------------------------------------------------
 */

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: simulator --library FILE [--seed N] [--seconds N | "
		"--worlds N | --world N]\n"
		"                 [--no-shrink] [--tell]\n"
		"  --library FILE  the library, simulated (tests/simulator/"
		"simulated)\n"
		"  --seed N        equal seeds, equal worlds (now)\n"
		"  --seconds N     no new world after so many seconds (10)\n"
		"  --worlds N      so many worlds instead\n"
		"  --world N       this world alone\n"
		"  --no-shrink     show a failure as it came\n"
		"  --tell          tell each action (best with --world)\n");
	exit(status);
}

static uint64_t read_number(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 10);

	if (end == text || *end)
		usage(2);
	return number;
}

static void read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"seed", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"worlds", required_argument, NULL, 'n'},
		{"world", required_argument, NULL, 'w'},
		{"library", required_argument, NULL, 'l'},
		{"no-shrink", no_argument, NULL, 'x'},
		{"tell", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0}};
	int c;

	*o = (struct options){.seed = (uint64_t)time(NULL),
			      .seconds = 10,
			      .worlds = -1,
			      .world = -1,
			      .shrinks = true};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = read_number(optarg);
			break;
		case 't':
			o->seconds = (double)read_number(optarg);
			break;
		case 'n':
			o->worlds = (int)read_number(optarg);
			break;
		case 'w':
			o->world = (int)read_number(optarg);
			break;
		case 'l':
			o->library = optarg;
			break;
		case 'v':
			o->tells = true;
			break;
		case 'x':
			o->shrinks = false;
			break;
		default:
			usage(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc || !o->library)
		usage(2);
}

static char *read_library(const char *path, size_t *len)
{
	struct buf b;
	FILE *file = fopen(path, "r");
	size_t got;
	char *room;

	buf_init(&b, 1 << 20);
	if (!file) {
		perror(path);
		exit(2);
	}
	while ((room = buf_room(&b, 65536)) &&
	       (got = fread(room, 1, 65536, file)) > 0)
		b.len += got;
	fclose(file);
	*len = b.len;
	return b.data;
}

int main(int argc, char **argv)
{
	static struct simulation s;
	size_t len;
	char *library;
	int status;

	read_options(argc, argv, &s.options);
	library = read_library(s.options.library, &len);
	begin(&s, library, len);
	go_round(&s);
	status = report(&s);
	connection_close(&s.connection);
	shapes_clear(s.shapes);
	expect_end();
	free(s.worlds);
	free(library);
	return status;
}
