/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/store.h"
#include "treadle/value.h"
#include "treadle/workflow.h"

/*
 * A load of runs, and the time it takes.
 *
 * usage: load submit FILE RUNS [INPUT]   submit them
 *        load await RUNS                 from the first attempt on, until so
 *                                        many runs have ended
 *        load through FILE RUNS [INPUT]  from the first submission on, until
 *                                        they have ended
 *
 * Reads the workflow from FILE, the input as JSON ({"value": 1}). Counts by
 * the totals that the library keeps, so Redis must be a fresh one. Prints one
 * line of JSON: how many a second, and how many did not end well.
 */
#define BATCH 256
#define UNDER_WAY_MAX 4
#define LOOK_MS 1        /* until it begins */
#define LOOK_AGAIN_MS 10 /* until it ends: little work for Redis */

struct load {
	uv_loop_t loop;
	uv_timer_t timer;
	struct store *store;
	struct workflow *workflow; /* NULL: nothing to submit */
	struct buf input;
	bool is_through, is_begun;
	int64_t runs, submitted, under_way;
	int64_t begun_us;
};

static struct load load;

static void die(const char *what, const struct redis_failure *failure)
{
	fprintf(stderr, "load: %s: %s\n", what,
		failure ? failure->error.text : "unexpected answer");
	exit(1);
}

static void report(int64_t failed)
{
	double seconds = (double)(clock_monotonic_us() - load.begun_us) / 1e6;

	printf("{\"per_second\":%.0f,\"seconds\":%.3f,\"failed\":%lld}\n",
	       (double)load.runs / seconds, seconds, (long long)failed);
	exit(0);
}

/* --- waiting ---------------------------------------------------------------
 */

static void look(uv_timer_t *timer);

static int64_t total(const struct reply *reply)
{
	int64_t value = 0;

	slice_int(reply->text, 0, INT64_MAX, &value);
	return value;
}

static void on_totals(void *arg, const struct reply *reply,
		      const struct redis_failure *failure)
{
	int64_t attempts, done, failed;

	(void)arg;
	if (failure || reply->count != 3)
		die("counters", failure);
	attempts = total(&reply->items[0]);
	done = total(&reply->items[1]);
	failed = total(&reply->items[2]);
	if (done + failed >= load.runs)
		report(failed);
	if (!load.is_begun && attempts > 0) {
		load.is_begun = true;
		load.begun_us = clock_monotonic_us();
	}
	uv_timer_start(&load.timer, look,
		       load.is_begun ? LOOK_AGAIN_MS : LOOK_MS, 0);
}

static void look(uv_timer_t *timer)
{
	struct call_options o = {.mode = CALL_REPLAY, .deadline_ms = 10000};
	struct command c;
	char key[300];

	(void)timer;
	snprintf(key, sizeof(key), "%s:counters", store_keys(load.store));
	command_init(&c, "HMGET");
	command_text(&c, key);
	command_text(&c, "attempts");
	command_text(&c, "runs_done");
	command_text(&c, "runs_failed");
	redis_call(store_redis(load.store), &c, &o, on_totals, NULL);
}

/* --- submitting ------------------------------------------------------------
 */

static void submit_more(void);

static void on_submitted(void *arg, const struct submitted *answers,
			 size_t count, const struct redis_failure *failure)
{
	(void)arg;
	if (failure)
		die("submit", failure);
	for (size_t i = 0; i < count; i++)
		if (answers[i].code != SUBMIT_CREATED)
			die("submit", NULL);
	load.under_way--;
	if (load.submitted < load.runs)
		submit_more();
	else if (load.under_way > 0)
		return;
	else if (load.is_through)
		look(NULL);
	else
		report(0);
}

static void submit_more(void)
{
	static char ids[BATCH][RUN_ID_LEN + 1];
	struct submission subs[BATCH];
	size_t count = 0;

	while (count < BATCH && load.submitted < load.runs) {
		run_id_new(0, ids[count]);
		subs[count] =
			(struct submission){.run = ids[count],
					    .digest = load.workflow->digest,
					    .input = buf_slice(&load.input),
					    .key = ""};
		count++;
		load.submitted++;
	}
	load.under_way++;
	store_submit(load.store, subs, count, -1, on_submitted, NULL);
}

static void on_defined(void *arg, const struct redis_failure *failure)
{
	(void)arg;
	if (failure)
		die("define", failure);
	load.is_begun = true;
	load.begun_us = clock_monotonic_us();
	while (load.under_way < UNDER_WAY_MAX && load.submitted < load.runs)
		submit_more();
}

static void on_open(void *arg, const struct error *err)
{
	(void)arg;
	if (err) {
		fprintf(stderr, "load: %s\n", err->text);
		exit(1);
	}
	if (load.workflow)
		store_define(load.store, load.workflow, -1, on_defined, NULL);
	else
		look(NULL);
}

/* --- arguments -------------------------------------------------------------
 */

static int read_workflow(const char *path, struct error *err)
{
	struct buf yaml;
	FILE *file = fopen(path, "re");
	size_t got;
	int rc;

	if (!file)
		return error_set(err, ERR_INPUT, "cannot open %s", path);
	buf_init(&yaml, WORKFLOW_SIZE_MAX);
	do {
		char *room = buf_room(&yaml, 4096);

		got = room ? fread(room, 1, 4096, file) : 0;
		yaml.len += got;
	} while (got > 0);
	fclose(file);
	rc = workflow_parse(buf_slice(&yaml), path, &load.workflow, err);
	buf_clear(&yaml);
	return rc;
}

static int read_input(const char *text, struct error *err)
{
	jv value;

	if (json_parse(slice_of(text), &value, err) < 0)
		return error_prefix(err, "input: ");
	msgpack_print(value, &load.input);
	jv_free(value);
	return 0;
}

static int read_arguments(int argc, char **argv, struct error *err)
{
	bool is_await = argc == 2 && !strcmp(argv[0], "await");
	bool is_submit = argc > 2 && !strcmp(argv[0], "submit");

	load.is_through = argc > 2 && !strcmp(argv[0], "through");
	if (argc > 4 || !(is_await || is_submit || load.is_through) ||
	    slice_int(slice_of(argv[is_await ? 1 : 2]), 1, 100000000,
		      &load.runs) < 0)
		return error_set(err, ERR_USAGE,
				 "usage: load submit|through FILE RUNS "
				 "[INPUT] | await RUNS");
	if (is_await)
		return 0;
	if (read_workflow(argv[1], err) < 0)
		return -1;
	return read_input(argc > 3 ? argv[3] : "{\"value\": 1}", err);
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;

	argc--;
	argv++;
	buf_init(&load.input, 1 << 20);
	if (config_load(CONFIG_PRODUCER, &argc, argv, &config, &err) < 0 ||
	    read_arguments(argc, argv, &err) < 0) {
		fprintf(stderr, "load: %s\n", err.text);
		return 2;
	}
	log_start("load", LOG_WARN, false);
	uv_loop_init(&load.loop);
	uv_timer_init(&load.loop, &load.timer);
	load.store =
		store_start(&load.loop, config, "load", 10000, on_open, NULL);
	uv_run(&load.loop, UV_RUN_DEFAULT);
	return 1;
}
