/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "treadle/blobs.h"
#include "treadle/log.h"
#include "treadle/loop.h"
#include "treadle/url.h"

#include "core.h"
#include "watchdog.h"

/*
 * The process around the worker: arguments, signals, the loop.
 */
struct process {
	uv_loop_t loop;
	uv_signal_t signals[2];
	struct watchdog *watchdog;
	struct worker worker;
};

static const char usage[] =
	"usage: treadle-worker [OPTION...]\n"
	"\n"
	"Performs the steps of Treadle's workflows: takes them off their\n"
	"queues, runs each with its timeout, and commits the outcome. Any\n"
	"number may run. SIGTERM: finish what is in progress, hand back the\n"
	"rest; a second one: hand back all at once.\n"
	"\n"
	"  --help       say this\n"
	"  --version    say which version this is\n"
	"  --check      check the configuration and Redis, and exit\n"
	"\n";

static int complain(const struct error *err)
{
	fprintf(stderr, "treadle-worker: %s\n", err->text);
	return error_exit_code(err->kind);
}

/* --- the loop ------------------------------------------------------------- */

static const int stop_signals[] = {SIGTERM, SIGINT};

static void on_signal(uv_signal_t *handle, int number)
{
	struct process *p = handle->data;

	(void)number;
	worker_stop(&p->worker);
}

static int watch_process(struct process *p, const struct config *config,
			 struct error *err)
{
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < countof(stop_signals); i++) {
		must(!uv_signal_init(&p->loop, &p->signals[i]));
		p->signals[i].data = p;
		must(!uv_signal_start(&p->signals[i], on_signal,
				      stop_signals[i]));
		uv_unref((uv_handle_t *)&p->signals[i]);
	}
	return watchdog_start(&p->loop, config->worker.watchdog, &p->watchdog,
			      err);
}

static void unwatch_process(struct process *p)
{
	for (size_t i = 0; i < countof(p->signals); i++) {
		uv_close((uv_handle_t *)&p->signals[i], NULL);
		/* What comes now must not take our exit code from us. */
		signal(stop_signals[i], SIG_IGN);
	}
	if (p->watchdog)
		watchdog_stop(p->watchdog);
}

static void log_configuration(const struct config *c)
{
	struct buf queues, url;

	buf_init(&url, 1024);
	url_mask(c->redis.url, &url);
	buf_init(&queues, 1024);
	for (size_t i = 0; i < c->worker.queues.count; i++)
		buf_addf(&queues, "%s%s", i > 0 ? "," : "",
			 c->worker.queues.items[i]);
	log_info("worker starting", NULL,
		 "%s, redis %s, prefix %s, queues %s, slots %lld (exec %lld), "
		 "lease %lld ms, grace %lld ms",
		 TREADLE_VERSION, url.data, c->redis.prefix, queues.data,
		 (long long)c->worker.slots, (long long)c->worker.exec_slots,
		 (long long)c->worker.lease, (long long)c->worker.grace);
	buf_clear(&queues);
	buf_clear(&url);
}

static int run(const struct config *config)
{
	struct process p;
	struct error err;
	int exit_code;

	memset(&p, 0, sizeof(p));
	if (loop_init(&p.loop, &err) < 0)
		return complain(&err);
	if (watch_process(&p, config, &err) < 0) {
		exit_code = complain(&err);
	} else {
		log_configuration(config);
		worker_start(&p.worker, &p.loop, config);
		uv_run(&p.loop, UV_RUN_DEFAULT);
		exit_code = p.worker.exit_code;
	}
	unwatch_process(&p);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	loop_close(&p.loop);
	log_flush();
	return exit_code;
}

/* --- --check -------------------------------------------------------------- */

/* What can be wrong with the configuration beyond its single values. */
static int check_config(const struct config *config, struct error *err)
{
	const struct text_list *queues = &config->worker.queues;

	if (queues->count == 0)
		return error_set(err, ERR_USAGE,
				 "worker.queues names no queue; write at "
				 "least \"default\"");
	for (size_t i = 0; i < queues->count; i++) {
		if (!text_is_name(slice_of(queues->items[i])))
			return error_set(err, ERR_USAGE,
					 "worker.queues: \"%.80s\" can't be a "
					 "queue: use 1 to 64 of [a-z0-9_-]",
					 queues->items[i]);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(queues->items[i], queues->items[k]))
				return error_set(err, ERR_USAGE,
						 "worker.queues names \"%s\" "
						 "twice; remove one",
						 queues->items[i]);
	}
	if (blobs_check(config, err) < 0)
		return -1;
	return tools_check(config, err);
}

/* --- arguments ------------------------------------------------------------ */

static int refuse(const char *argument)
{
	const char *nearest = config_nearest_flag(CONFIG_WORKER, argument);
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

/* What needs no configuration; false if there is nothing of it. */
static bool answer(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(usage, stdout);
			config_help(CONFIG_WORKER, stdout);
			return true;
		}
		if (!strcmp(argv[i], "--version")) {
			printf("treadle-worker %s\n", TREADLE_VERSION);
			return true;
		}
	}
	return false;
}

static int perform(const struct config *config, bool is_check)
{
	struct error err;

	/* The answer to a question is one line. */
	log_start("worker", is_check ? LOG_ERROR : level_of(config->log.level),
		  !strcmp(config->log.format, "json"));
	if (check_config(config, &err) < 0)
		return complain(&err);
	if (!is_check)
		return run(config);
	if (store_try(config, "treadle-worker-check", &err) < 0)
		return complain(&err);
	printf("the configuration is good, and so is Redis\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct config *config;
	struct error err;
	bool is_check = false;
	int exit_code = 0;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	if (answer(argc, argv))
		return 0;
	argc--;
	argv++;
	signal(SIGPIPE, SIG_IGN);
	if (config_load(CONFIG_WORKER, &argc, argv, &config, &err) < 0)
		return complain(&err);
	for (int i = 0; i < argc && !exit_code; i++) {
		if (!strcmp(argv[i], "--check"))
			is_check = true;
		else
			exit_code = refuse(argv[i]);
	}
	if (!exit_code)
		exit_code = perform(config, is_check);
	config_free(config);
	return exit_code;
}
