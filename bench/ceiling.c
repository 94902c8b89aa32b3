/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/arena.h"
#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/store_worker.h"

/*
 * The ceiling: how fast Redis and the library are without a worker.
 *
 * usage: ceiling STEPS BATCH
 *
 * Reads, takes and completes so many steps, BATCH at a time, with a constant
 * output. Two lanes take turns, so that Redis has always something to do;
 * nothing is evaluated, nothing is kept. The runs were submitted before, by
 * load. Prints one line of JSON.
 */
#define LANES 2
#define BATCH_MAX 1000

struct bench;

/* One batch on its way: read, taken, completed, and again. */
struct lane {
	struct bench *bench;
	struct redis *reader;
	struct step_ref refs[BATCH_MAX];
	struct completion done[BATCH_MAX];
	struct arena arena; /* of the texts in refs */
	size_t count;
};

struct bench {
	uv_loop_t loop;
	struct store *store;
	struct lane lanes[LANES];
	int64_t steps, batch, completed;
	int64_t begun_us;
};

static void die(const char *what, const struct redis_failure *failure)
{
	fprintf(stderr, "ceiling: %s: %s\n", what,
		failure ? failure->error.text : "unexpected answer");
	exit(1);
}

static void report(const struct bench *b)
{
	double seconds = (double)(clock_monotonic_us() - b->begun_us) / 1e6;

	printf("{\"per_second\":%.0f,\"seconds\":%.3f}\n",
	       (double)b->completed / seconds, seconds);
	exit(0);
}

/* --- performing ------------------------------------------------------------
 */

static void read_more(struct lane *lane);
static void complete(struct lane *lane);

/* Goes on with the heirs, if there are any, like a worker. */
static void on_completed(void *arg, const struct committed *committed,
			 size_t count, const struct redis_failure *failure)
{
	struct lane *lane = arg;
	struct bench *b = lane->bench;

	if (failure)
		die("complete", failure);
	lane->count = 0;
	for (size_t i = 0; i < count; i++) {
		struct step_ref *ref;

		if (committed[i].code != END_COMMITTED)
			die(end_code_text(committed[i].code), NULL);
		if (committed[i].heir.len == 0)
			continue;
		ref = &lane->done[lane->count++].ref;
		*ref = lane->done[i].ref;
		ref->step = arena_copy(&lane->arena, committed[i].heir).data;
		ref->attempt = committed[i].taken.attempt;
	}
	b->completed += (int64_t)count;
	if (b->completed >= b->steps)
		report(b);
	if (lane->count > 0)
		complete(lane);
	else
		read_more(lane);
}

static void complete(struct lane *lane)
{
	for (size_t i = 0; i < lane->count; i++) {
		lane->done[i].output = SLICE("\x81\xa5value\x01");
		lane->done[i].wants_heir = true;
	}
	store_complete(lane->bench->store, "ceiling0", lane->done, lane->count,
		       on_completed, lane);
}

static void on_taken(void *arg, const struct taken *taken, size_t count,
		     const struct redis_failure *failure)
{
	struct lane *lane = arg;

	if (failure)
		die("take", failure);
	for (size_t i = 0; i < count; i++) {
		if (taken[i].code != TAKE_RUN)
			die("take", NULL);
		lane->refs[i].attempt = taken[i].attempt;
		lane->done[i].ref = lane->refs[i];
	}
	complete(lane);
}

static void on_read(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct lane *lane = arg;
	const struct reply *entries;

	if (failure)
		die("read", failure);
	if (reply->type != REPLY_ARRAY || reply->count == 0) {
		read_more(lane);
		return;
	}
	arena_reset(&lane->arena);
	entries = &reply->items[0].items[1];
	lane->count = entries->count;
	for (size_t i = 0; i < entries->count; i++) {
		const struct reply *entry = &entries->items[i];
		const struct reply *fields = entry->items[1].items;

		lane->refs[i] = (struct step_ref){
			.queue = "default",
			.entry = arena_copy(&lane->arena, entry->items[0].text)
					 .data,
			.run = arena_copy(&lane->arena, fields[1].text).data,
			.step = arena_copy(&lane->arena, fields[3].text).data};
	}
	store_take(lane->bench->store, "ceiling0", lane->refs, lane->count,
		   on_taken, lane);
}

static void read_more(struct lane *lane)
{
	struct call_options once = {
		.mode = CALL_ONCE, .block_ms = 1000, .deadline_ms = -1};
	char key[128];
	struct command c;

	must(store_queue_key(lane->bench->store, "default", key, sizeof(key)));
	command_init(&c, "XREADGROUP");
	command_text(&c, "GROUP");
	command_text(&c, "workers");
	command_text(&c, "ceiling0");
	command_text(&c, "COUNT");
	command_int(&c, lane->bench->batch);
	command_text(&c, "BLOCK");
	command_int(&c, 1000);
	command_text(&c, "STREAMS");
	command_text(&c, key);
	command_text(&c, ">");
	redis_call(lane->reader, &c, &once, on_read, lane);
}

static void on_registered(void *arg, const struct redis_failure *failure)
{
	struct bench *b = arg;

	if (failure)
		die("register", failure);
	b->begun_us = clock_monotonic_us();
	for (int i = 0; i < LANES; i++)
		read_more(&b->lanes[i]);
}

static void perform(struct bench *b)
{
	static char name[] = "default";
	char *items[] = {name};
	struct text_list queues = {items, 1};
	struct registration r = {.worker = "ceiling0",
				 .host = "bench",
				 .version = "0",
				 .pid = 1,
				 .lease_ms = 600000,
				 .slots = b->batch,
				 .queues = &queues};

	store_register(b->store, &r, on_registered, b);
}

/* --- beginning -------------------------------------------------------------
 */

static void on_open(void *arg, const struct error *err)
{
	struct bench *b = arg;

	if (err) {
		fprintf(stderr, "ceiling: %s\n", err->text);
		exit(1);
	}
	perform(b);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct config *config;
	struct error err;

	argc--;
	argv++;
	if (config_load(CONFIG_PRODUCER, &argc, argv, &config, &err) < 0) {
		fprintf(stderr, "ceiling: %s\n", err.text);
		return 2;
	}
	if (argc != 2 ||
	    slice_int(slice_of(argv[0]), 1, 1000000000, &b.steps) ||
	    slice_int(slice_of(argv[1]), 1, BATCH_MAX, &b.batch)) {
		fprintf(stderr, "usage: ceiling STEPS BATCH\n");
		return 2;
	}
	log_start("ceiling", LOG_WARN, false);
	uv_loop_init(&b.loop);
	for (int i = 0; i < LANES; i++) {
		struct redis_options o = redis_options(config, "ceiling");

		b.lanes[i].bench = &b;
		b.lanes[i].reader = redis_start(&b.loop, &o);
		arena_init(&b.lanes[i].arena);
	}
	b.store = store_start(&b.loop, config, "ceiling", 10000, on_open, &b);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	return 1;
}
