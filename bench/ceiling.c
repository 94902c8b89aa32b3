/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/store_worker.h"
#include "treadle/workflow.h"

/*
 * The ceiling: how fast Redis and the library are without a worker.
 *
 * usage: ceiling RUNS STEPS BATCH
 *
 * Submits RUNS runs of a chain of STEPS `pass` steps, then reads, takes and
 * completes all of them with a constant output. Two lanes take turns, so that
 * Redis has always something to do; nothing is evaluated, nothing is kept.
 * Prints one line of JSON for each figure.
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
	struct workflow *workflow;
	struct lane lanes[LANES];
	int64_t runs, steps, batch;
	int64_t submitted, under_way, completed;
	int64_t begun_us;
};

static void die(const char *what, const struct redis_failure *failure)
{
	fprintf(stderr, "ceiling: %s: %s\n", what,
		failure ? failure->error.text : "unexpected answer");
	exit(1);
}

static void report(struct bench *b, const char *name, int64_t count)
{
	double seconds = (double)(clock_monotonic_us() - b->begun_us) / 1e6;

	printf("{\"name\":\"%s\",\"per_second\":%.0f,\"seconds\":%.3f}\n", name,
	       (double)count / seconds, seconds);
	fflush(stdout);
}

/* --- performing ------------------------------------------------------------
 */

static void read_more(struct lane *lane);

static void on_completed(void *arg, const enum end_code *codes, size_t count,
			 const struct redis_failure *failure)
{
	struct lane *lane = arg;
	struct bench *b = lane->bench;

	if (failure)
		die("complete", failure);
	for (size_t i = 0; i < count; i++)
		if (codes[i] != END_COMMITTED)
			die(end_code_text(codes[i]), NULL);
	b->completed += (int64_t)count;
	if (b->completed < b->runs * b->steps) {
		read_more(lane);
		return;
	}
	report(b, "steps", b->completed);
	exit(0);
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
		lane->done[i].output = SLICE("\x81\xa5value\x01");
	}
	store_complete(lane->bench->store, "ceiling0", lane->done, count,
		       on_completed, lane);
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

/* --- submitting ------------------------------------------------------------
 */

static void submit_more(struct bench *b);

static void on_submitted(void *arg, const struct submitted *answers,
			 size_t count, const struct redis_failure *failure)
{
	struct bench *b = arg;

	if (failure)
		die("submit", failure);
	for (size_t i = 0; i < count; i++)
		if (answers[i].code != SUBMIT_CREATED)
			die("submit", NULL);
	b->under_way--;
	if (b->submitted < b->runs) {
		submit_more(b);
	} else if (b->under_way == 0) {
		report(b, "submit", b->runs);
		perform(b);
	}
}

static void submit_more(struct bench *b)
{
	static char ids[BATCH_MAX][RUN_ID_LEN + 1];
	struct submission subs[BATCH_MAX];
	size_t count = 0;

	while (count < (size_t)b->batch && b->submitted < b->runs) {
		run_id_new(0, ids[count]);
		subs[count] =
			(struct submission){.run = ids[count],
					    .digest = b->workflow->digest,
					    .input = SLICE("\x81\xa5value\x01"),
					    .key = ""};
		count++;
		b->submitted++;
	}
	b->under_way++;
	store_submit(b->store, subs, count, -1, on_submitted, b);
}

static void on_defined(void *arg, const struct redis_failure *failure)
{
	struct bench *b = arg;

	if (failure)
		die("define", failure);
	b->begun_us = clock_monotonic_us();
	for (int i = 0; i < 2 * LANES && b->submitted < b->runs; i++)
		submit_more(b);
}

static void on_open(void *arg, const struct error *err)
{
	struct bench *b = arg;

	if (err) {
		fprintf(stderr, "ceiling: %s\n", err->text);
		exit(1);
	}
	store_define(b->store, b->workflow, -1, on_defined, b);
}

/* A chain of steps, each of which passes on what the one before it gave. */
static struct workflow *make_chain(int64_t steps)
{
	struct workflow *w;
	struct error err;
	struct buf yaml;

	buf_init(&yaml, WORKFLOW_SIZE_MAX);
	buf_addf(&yaml, "name: chain-%lld\nsteps:\n", (long long)steps);
	for (int i = 0; i < steps; i++) {
		buf_addf(&yaml, "  s%d:\n", i);
		if (i > 0)
			buf_addf(&yaml, "    needs: s%d\n", i - 1);
		if (i > 0)
			buf_addf(
				&yaml,
				"    pass: {value: \"${.steps.s%d.output}\"}\n",
				i - 1);
		else
			buf_adds(&yaml, "    pass: {value: \"${.input}\"}\n");
	}
	if (workflow_parse(buf_slice(&yaml), "chain", &w, &err) < 0) {
		fprintf(stderr, "ceiling: %s\n", err.text);
		exit(1);
	}
	buf_clear(&yaml);
	return w;
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
	if (argc != 3 || slice_int(slice_of(argv[0]), 1, 100000000, &b.runs) ||
	    slice_int(slice_of(argv[1]), 1, 1000, &b.steps) ||
	    slice_int(slice_of(argv[2]), 1, BATCH_MAX, &b.batch)) {
		fprintf(stderr, "usage: ceiling RUNS STEPS BATCH\n");
		return 2;
	}
	log_start("ceiling", LOG_WARN, false);
	uv_loop_init(&b.loop);
	b.workflow = make_chain(b.steps);
	for (int i = 0; i < LANES; i++) {
		struct redis_options o = {.url = config->redis.url,
					  .password_file = "",
					  .name = "ceiling",
					  .connect_timeout_ms = 5000,
					  .timeout_ms = 10000};

		b.lanes[i].bench = &b;
		b.lanes[i].reader = redis_start(&b.loop, &o);
		arena_init(&b.lanes[i].arena);
	}
	b.store = store_start(&b.loop, config, "ceiling", 10000, on_open, &b);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	return 1;
}
