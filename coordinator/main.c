/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/loop.h"
#include "address.h"
#include "coordinator.h"
#include "health.h"

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
	"  --health     ask the coordinator that runs here, and exit: 0 if well\n"
	"\n";

static int complain(const struct error *err)
{
	fprintf(stderr, "treadle-coordinator: %s\n", err->text);
	return error_exit_code(err->kind);
}

/* --- the loop --------------------------------------------------------------
 */

static const int stop_signals[] = {SIGTERM, SIGINT};

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
	for (size_t i = 0; i < countof(stop_signals); i++) {
		must(!uv_signal_init(&p->loop, &p->signals[i]));
		p->signals[i].data = p;
		must(!uv_signal_start(&p->signals[i], on_signal,
				      stop_signals[i]));
		uv_unref((uv_handle_t *)&p->signals[i]);
	}
	must(!uv_prepare_init(&p->loop, &p->prepare));
	must(!uv_prepare_start(&p->prepare, on_prepare));
	uv_unref((uv_handle_t *)&p->prepare);
}

static void unwatch_process(struct process *p)
{
	for (size_t i = 0; i < countof(p->signals); i++) {
		uv_close((uv_handle_t *)&p->signals[i], NULL);
		/* What comes now must not take our exit code from us. */
		signal(stop_signals[i], SIG_IGN);
	}
	uv_close((uv_handle_t *)&p->prepare, NULL);
}

static int run(const struct config *config)
{
	struct process p;
	struct error err;
	int exit_code;

	memset(&p, 0, sizeof(p));
	if (loop_init(&p.loop, &err) < 0)
		return complain(&err);
	watch_process(&p);
	if (coordinator_start(&p.coordinator, &p.loop, config, &err)) {
		exit_code = complain(&err);
	} else {
		uv_run(&p.loop, UV_RUN_DEFAULT);
		log_info("coordinator stopped", NULL, NULL);
		exit_code = p.coordinator.exit_code;
	}
	unwatch_process(&p);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	loop_close(&p.loop);
	log_flush();
	return exit_code;
}

/* --- --check ---------------------------------------------------------------
 */

static int check(const struct config *config, struct error *err)
{
	struct address address;

	if (*config->coordinator.listen &&
	    address_parse(config->coordinator.listen, &address, err))
		return -1;
	if (store_try(config, "treadle-coordinator-check", err))
		return -1;
	printf("the configuration is good, and so is Redis\n");
	return 0;
}

/* --- arguments -------------------------------------------------------------
 */

enum mode { MODE_RUN, MODE_CHECK, MODE_HEALTH, MODE_HELP, MODE_VERSION };

static const struct {
	const char *flag;
	enum mode mode;
} modes[] = {
	{"--check", MODE_CHECK},     {"--health", MODE_HEALTH},
	{"--help", MODE_HELP},       {"-h", MODE_HELP},
	{"--version", MODE_VERSION},
};

/* What is left when the options are gone: nothing, or one of the modes. */
static int read_mode(int argc, char **argv, enum mode *mode, struct error *err)
{
	const char *nearest;

	*mode = MODE_RUN;
	for (int i = 0; i < argc; i++) {
		size_t found = 0;

		while (found < countof(modes) &&
		       strcmp(argv[i], modes[found].flag) != 0)
			found++;
		if (found < countof(modes)) {
			*mode = modes[found].mode;
			continue;
		}
		nearest = config_nearest_flag(CONFIG_COORDINATOR, argv[i]);
		return error_set(err, ERR_USAGE,
				 "there is no option %s%s%s; --help lists them",
				 argv[i], nearest ? ", did you mean " : "",
				 nearest ? nearest : "");
	}
	return 0;
}

static enum log_level level_of(const char *name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	enum log_level level = LOG_ERROR;

	while (level < LOG_DEBUG && strcmp(names[level], name) != 0)
		level++;
	return level;
}

static int perform(enum mode mode, const struct config *config)
{
	struct error err;

	switch (mode) {
	case MODE_RUN:
		return run(config);
	case MODE_CHECK:
		return check(config, &err) ? complain(&err) : 0;
	case MODE_HEALTH:
		return health_ask(config->coordinator.listen, &err)
			       ? complain(&err)
			       : 0;
	case MODE_HELP:
		fputs(usage, stdout);
		config_help(CONFIG_COORDINATOR, stdout);
		return 0;
	case MODE_VERSION:
		printf("treadle-coordinator %s\n", TREADLE_VERSION);
		return 0;
	}
	return error_exit_code(ERR_BUG);
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;
	enum mode mode;
	int exit_code;

	signal(SIGPIPE, SIG_IGN);
	argc--;
	argv++;
	if (config_load(CONFIG_COORDINATOR, &argc, argv, &config, &err))
		return complain(&err);
	if (read_mode(argc, argv, &mode, &err)) {
		exit_code = complain(&err);
	} else {
		/* The answer to a question is one line. */
		log_start("coordinator",
			  mode == MODE_RUN ? level_of(config->log.level)
					   : LOG_ERROR,
			  !strcmp(config->log.format, "json"));
		exit_code = perform(mode, config);
	}
	config_free(config);
	return exit_code;
}
