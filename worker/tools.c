/* SPDX-License-Identifier: MIT */
#include "tools.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "treadle/http.h"

#include "child.h"
#include "evaluator.h"
#include "warden.h"

struct tools {
	uv_loop_t *loop;
	const struct config *config;
	uint64_t descriptors_max; /* the soft limit that we were given */
	struct children *children;
	struct http *http;
	struct evaluator *evaluator;
	uv_idle_t end; /* never started: its closing is our last event */
	void (*on_stopped)(void *arg);
	void *arg;
};

bool tools_main(int argc, char **argv, int *exit_code)
{
	if (argc != 2)
		return false;
	if (strcmp(argv[1], "--evaluator") == 0)
		*exit_code = evaluator_main();
	else if (strcmp(argv[1], "--warden") == 0)
		*exit_code = warden_main();
	else
		return false;
	return true;
}

static int read_http_options(const struct config *config,
			     struct http_options *options, struct error *err)
{
	options->connections_max = (int)config->worker.slots;
	return address_ranges_read(&config->worker.http_deny, &options->deny,
				   err);
}

int tools_check(const struct config *config, struct error *err)
{
	struct http_options options;

	return read_http_options(config, &options, err);
}

/*
 * Thousands of requests need as many descriptors, so we take all we may have.
 * Children get the limit that we were given: programs that use select() or
 * close every descriptor there may be rely on a small one.
 */
static uint64_t raise_descriptors(void)
{
	struct rlimit limit;
	uint64_t given;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	given = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return given;
}

struct tools *tools_new(uv_loop_t *loop, const struct config *config)
{
	struct tools *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->config = config;
	t->descriptors_max = raise_descriptors();
	uv_idle_init(loop, &t->end);
	t->end.data = t;
	signal(SIGPIPE, SIG_IGN); /* a write tells us well enough */
	return t;
}

struct children *tools_children(struct tools *t)
{
	if (!t->children)
		t->children = children_new(t->loop, t->descriptors_max);
	return t->children;
}

struct http *tools_http(struct tools *t, struct error *err)
{
	struct http_options options;

	if (t->http)
		return t->http;
	/* tools_check() has read them before. */
	must(read_http_options(t->config, &options, NULL) == 0);
	t->http = http_new(t->loop, &options, err);
	return t->http;
}

struct evaluator *tools_evaluator(struct tools *t)
{
	if (!t->evaluator)
		t->evaluator =
			evaluator_new(t->loop, tools_children(t),
				      t->config->worker.expression_timeout);
	return t->evaluator;
}

static void on_end_closed(uv_handle_t *handle)
{
	struct tools *t = handle->data;
	void (*on_stopped)(void *arg) = t->on_stopped;
	void *arg = t->arg;

	free(t);
	on_stopped(arg);
}

/* One after the other, children last: the evaluator needs them to end. */
static void stop_next(void *arg)
{
	struct tools *t = arg;

	if (t->http) {
		struct http *http = t->http;

		t->http = NULL;
		http_stop(http, stop_next, t);
	} else if (t->evaluator) {
		struct evaluator *evaluator = t->evaluator;

		t->evaluator = NULL;
		evaluator_stop(evaluator, stop_next, t);
	} else if (t->children) {
		struct children *children = t->children;

		t->children = NULL;
		children_stop(children, stop_next, t);
	} else {
		uv_close((uv_handle_t *)&t->end, on_end_closed);
	}
}

void tools_stop(struct tools *t, void (*on_stopped)(void *arg), void *arg)
{
	must(!t->on_stopped);
	t->on_stopped = on_stopped;
	t->arg = arg;
	stop_next(t);
}
