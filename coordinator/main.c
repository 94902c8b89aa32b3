/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator.h"

/*
 * The process around the coordinator: arguments, signals, the loop.
 */
struct process {
	uv_loop_t loop;
	uv_signal_t signals[2];
	uv_prepare_t prepare;
	struct coordinator coordinator;
};

static const char usage[] =
	"usage: treadle-coordinator [OPTION...]\n"
	"\n"
	"Moves time forward for Treadle: queues what is due, takes back what\n"
	"lost workers held, ends overdue runs, removes old ones; answers\n"
	"/healthz, /readyz, /metrics and /scale. Any number may run.\n"
	"\n"
	"  --help       say this\n"
	"  --version    say which version this is\n"
	"  --check      check the configuration and Redis, and exit\n"
	"\n";

/* --- the loop --------------------------------------------------------------
 */

static void on_signal(uv_signal_t *handle, int number)
{
	struct process *p = handle->data;

	if (p->coordinator.is_stopping) {
		log_warn("coordinator ended", NULL,
			 "by a second signal, at once");
		log_flush();
		_exit(128 + number);
	}
	log_info("coordinator stopping", NULL, "signal %d", number);
	coordinator_stop(&p->coordinator);
}

/* Before the loop sleeps, what it had to say is written. */
static void on_prepare(uv_prepare_t *handle)
{
	(void)handle;
	log_flush();
}

static void watch_process(struct process *p)
{
	static const int numbers[] = {SIGTERM, SIGINT};

	for (size_t i = 0; i < countof(numbers); i++) {
		must(!uv_signal_init(&p->loop, &p->signals[i]));
		p->signals[i].data = p;
		must(!uv_signal_start(&p->signals[i], on_signal, numbers[i]));
		uv_unref((uv_handle_t *)&p->signals[i]);
	}
	must(!uv_prepare_init(&p->loop, &p->prepare));
	must(!uv_prepare_start(&p->prepare, on_prepare));
	uv_unref((uv_handle_t *)&p->prepare);
}

static void unwatch_process(struct process *p)
{
	for (size_t i = 0; i < countof(p->signals); i++)
		uv_close((uv_handle_t *)&p->signals[i], NULL);
	uv_close((uv_handle_t *)&p->prepare, NULL);
}

static int run(const struct config *config)
{
	struct process p;
	struct error err;
	int exit_code;

	memset(&p, 0, sizeof(p));
	must(!uv_loop_init(&p.loop));
	watch_process(&p);
	if (coordinator_start(&p.coordinator, &p.loop, config, &err)) {
		fprintf(stderr, "treadle-coordinator: %s\n", err.text);
		exit_code = error_exit_code(err.kind);
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		log_info("coordinator stopped", NULL, NULL);
		exit_code = p.coordinator.exit_code;
	}
	unwatch_process(&p);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	must(!uv_loop_close(&p.loop));
	log_flush();
	return exit_code;
}

/* --- --check ---------------------------------------------------------------
 */

struct check {
	struct store *store;
	struct error err;
};

static void on_checked(void *arg, const struct error *err)
{
	struct check *check = arg;

	if (err)
		check->err = *err;
	store_stop(check->store, NULL, NULL);
}

static int check_redis(const struct config *config, struct error *err)
{
	struct check check = {.err.kind = ERR_NONE};
	uv_loop_t loop;

	must(!uv_loop_init(&loop));
	check.store = store_start(&loop, config, "treadle-coordinator-check",
				  config->redis.timeout, on_checked, &check);
	uv_run(&loop, UV_RUN_DEFAULT);
	must(!uv_loop_close(&loop));
	if (check.err.kind == ERR_NONE)
		return 0;
	*err = check.err;
	return -1;
}

static int check(const struct config *config, struct error *err)
{
	if (*config->coordinator.listen &&
	    http_check(config->coordinator.listen, err))
		return -1;
	if (check_redis(config, err))
		return -1;
	printf("the configuration is good, and so is Redis\n");
	return 0;
}

/* --- arguments -------------------------------------------------------------
 */

static int complain(const struct error *err)
{
	fprintf(stderr, "treadle-coordinator: %s\n", err->text);
	return error_exit_code(err->kind);
}

static int refuse(const char *argument)
{
	const char *nearest = config_nearest_flag(CONFIG_COORDINATOR, argument);
	struct error err;

	error_set(&err, ERR_USAGE,
		  "it does not know \"%s\"%s%s; --help lists its options",
		  argument, nearest ? ", did you mean " : "",
		  nearest ? nearest : "");
	return complain(&err);
}

static enum log_level level_of(const char *name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	enum log_level level = LOG_ERROR;

	while (level < LOG_DEBUG && strcmp(names[level], name) != 0)
		level++;
	return level;
}

static void print_help(void)
{
	fputs(usage, stdout);
	config_help(CONFIG_COORDINATOR, stdout);
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;
	bool is_check = false;
	int exit_code;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help();
			return 0;
		}
		if (!strcmp(argv[i], "--version")) {
			printf("treadle-coordinator %s\n", TREADLE_VERSION);
			return 0;
		}
	}
	argc--;
	argv++;
	if (config_load(CONFIG_COORDINATOR, &argc, argv, &config, &err))
		return complain(&err);
	exit_code = 0;
	for (int i = 0; i < argc && !exit_code; i++) {
		if (!strcmp(argv[i], "--check"))
			is_check = true;
		else
			exit_code = refuse(argv[i]);
	}
	log_start("coordinator", level_of(config->log.level),
		  !strcmp(config->log.format, "json"));
	if (!exit_code && is_check)
		exit_code = check(config, &err) ? complain(&err) : 0;
	else if (!exit_code)
		exit_code = run(config);
	config_free(config);
	return exit_code;
}
