/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/store.h"

/*
 * How long a worker takes from being spawned to being registered, which is
 * when it begins to read.
 *
 * usage: startup SAMPLES COMMAND [ARGUMENT...]
 *
 * Counts the workers, spawns one, counts until there is one more, ends it.
 * Prints one line of JSON for each sample.
 */
#define LOOK_AGAIN_US 200

static struct {
	uv_loop_t loop;
	uv_process_t process;
	struct store *store;
	char **command;
	int64_t samples;
	int64_t others; /* workers that were there before */
	int64_t spawned_us;
	bool is_spawned;
} bench;

static void die(const char *what)
{
	fprintf(stderr, "startup: %s\n", what);
	exit(1);
}

static void look(void);

static void on_closed(uv_handle_t *handle)
{
	(void)handle;
	if (--bench.samples == 0)
		exit(0);
	bench.is_spawned = false;
	look();
}

static void on_end(uv_process_t *process, int64_t status, int number)
{
	if (status != 0 || number != 0) {
		fprintf(stderr,
			"startup: the worker ended with %d, signal %d\n",
			(int)status, number);
		exit(1);
	}
	uv_close((uv_handle_t *)process, on_closed);
}

static void spawn(void)
{
	uv_stdio_container_t out = {.flags = UV_INHERIT_FD, .data.fd = 2};
	uv_stdio_container_t files[] = {{.flags = UV_IGNORE}, out, out};
	uv_process_options_t o = {.file = bench.command[0],
				  .args = bench.command,
				  .exit_cb = on_end,
				  .stdio = files,
				  .stdio_count = countof(files)};

	bench.is_spawned = true;
	bench.spawned_us = clock_monotonic_us();
	if (uv_spawn(&bench.loop, &bench.process, &o) < 0)
		die("the worker can't be spawned");
	look();
}

static void on_workers(void *arg, const struct reply *reply,
		       const struct redis_failure *failure)
{
	struct timespec pause = {.tv_nsec = LOOK_AGAIN_US * 1000};
	int64_t took_us;

	(void)arg;
	if (failure)
		die(failure->error.text);
	if (!bench.is_spawned) {
		bench.others = reply->integer;
		spawn();
		return;
	}
	if (reply->integer <= bench.others) {
		nanosleep(&pause, NULL);
		look();
		return;
	}
	took_us = clock_monotonic_us() - bench.spawned_us;
	printf("{\"ms\":%.3f}\n", (double)took_us / 1e3);
	uv_process_kill(&bench.process, SIGTERM);
}

static void look(void)
{
	struct call_options o = {.mode = CALL_REPLAY, .deadline_ms = 10000};
	struct command c;
	char key[300];

	snprintf(key, sizeof(key), "%s:workers", store_keys(bench.store));
	command_init(&c, "ZCARD");
	command_text(&c, key);
	redis_call(store_redis(bench.store), &c, &o, on_workers, NULL);
}

static void on_open(void *arg, const struct error *err)
{
	(void)arg;
	if (err)
		die(err->text);
	look();
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;
	int none = 0;

	if (config_load(CONFIG_PRODUCER, &none, argv, &config, &err) < 0)
		die(err.text);
	if (argc < 3 ||
	    slice_int(slice_of(argv[1]), 1, 1000, &bench.samples) < 0) {
		fprintf(stderr, "usage: startup SAMPLES COMMAND...\n");
		return 2;
	}
	bench.command = argv + 2;
	log_start("startup", LOG_WARN, false);
	uv_loop_init(&bench.loop);
	bench.store = store_start(&bench.loop, config, "startup", 10000,
				  on_open, NULL);
	uv_run(&bench.loop, UV_RUN_DEFAULT);
	return 1;
}
