/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/loop.h"
#include "treadle/store.h"
#include "call.h"
#include "child.h"
#include "place.h"

/*
 * A private Treadle in one command.
 *
 * Redis first, then, when it answers and has the library, a coordinator and
 * the workers. They are ended in the opposite order: workers drain while
 * there still is a Redis to report to. See child.h for how they are kept
 * running, place.h for where they keep their things.
 */
#define WORKERS_MAX 64
#define OPEN_MS 20000 /* Redis may have a long file to load */

enum { REDIS, COORDINATOR, WORKERS };

struct dev {
	struct call *call;
	uv_loop_t loop;
	uv_signal_t on_int, on_term;
	struct place place;
	struct config *config; /* of the private Redis */
	struct store *store;   /* until it has been opened once */
	struct child *children;
	size_t children_count;
	uv_process_t command;
	bool is_command_running;
	int command_code;
	bool is_open, is_store_stopped;
	int interrupts;
	struct error error;
};

/* --- who is to run -----------------------------------------------------------
 */

static void add_args(struct child *c, const char *const *args)
{
	size_t count = 0;

	while (c->args[count])
		count++;
	for (; *args; args++) {
		must(count < CHILD_ARGS_MAX - 1);
		c->args[count++] = *args;
	}
}

static int add_child(struct dev *d, const char *name, const char *program,
		     struct error *err)
{
	struct arena *a = &d->call->arena;
	struct child *c = &d->children[d->children_count];

	c->name = name;
	c->args[0] = program;
	c->log_path = place_path(&d->place, a, arena_printf(a, "%s.log", name));
	c->talk = d->call->command ? NULL : &d->call->talk;
	if (child_init(c, &d->loop, err) != 0)
		return -1;
	d->children_count++;
	return 0;
}

static int find_program(struct arena *a, const char *const *names,
			const char *remedy, const char **path,
			struct error *err)
{
	*path = place_program(a, names);
	if (*path)
		return 0;
	return error_set(err, ERR_ABSENT,
			 "cannot find %s beside treadle or in PATH%s", names[0],
			 remedy);
}

static int plan(struct dev *d, int64_t workers, struct error *err)
{
	static const char *const redis[] = {"redis-server", "valkey-server",
					    NULL};
	static const char *const coordinator[] = {"treadle-coordinator", NULL};
	static const char *const worker[] = {"treadle-worker", NULL};
	struct arena *a = &d->call->arena;
	const char *redis_path, *coordinator_path, *worker_path;

	if (find_program(a, redis, ": install Redis 7 or Valkey", &redis_path,
			 err) != 0 ||
	    find_program(a, coordinator, "", &coordinator_path, err) != 0 ||
	    find_program(a, worker, "", &worker_path, err) != 0)
		return -1;
	d->children = arena_calloc(a, (size_t)workers + WORKERS,
				   sizeof(*d->children));
	if (add_child(d, "redis", redis_path, err) != 0 ||
	    add_child(d, "coordinator", coordinator_path, err) != 0)
		return -1;
	for (int i = 1; i <= workers; i++) {
		if (add_child(d, arena_printf(a, "worker-%d", i), worker_path,
			      err) != 0)
			return -1;
	}

	/* clang-format off */
	const char *const args[] = {
		"--port", "0", "--unixsocket", d->place.socket,
		"--unixsocketperm", "700", "--dir", d->place.folder,
		"--appendonly", "yes", "--save", "", "--loglevel", "warning",
		"--maxmemory-policy", "noeviction", "--daemonize", "no", NULL,
	};
	/* clang-format on */
	add_args(&d->children[REDIS], args);
	return 0;
}

/* What our children, and a command, shall see of us. */
static int set_environment(struct dev *d, struct error *err)
{
	const struct config *c = d->call->config;
	const char *listen = call_text(d->call, "--listen", NULL);
	int none = 0;
	char *no_flags[] = {NULL};

	setenv("TREADLE_REDIS_URL", d->place.url, 1);
	setenv("TREADLE_REDIS_PREFIX", c->redis.prefix, 1);
	unsetenv("TREADLE_REDIS_PASSWORD_FILE");
	if (listen)
		setenv("TREADLE_COORDINATOR_LISTEN", listen, 1);
	else
		setenv("TREADLE_COORDINATOR_LISTEN", "", 0);
	return config_load(CONFIG_PRODUCER, &none, no_flags, &d->config, err);
}

/* --- up ----------------------------------------------------------------------
 */

static void say_ready(const struct dev *d)
{
	const struct output *talk = &d->call->talk;
	size_t workers = d->children_count - WORKERS;

	if (d->call->command)
		return;
	output_printf(talk,
		      "state     %s\n"
		      "running   redis, a coordinator, %zu worker%s; logs are "
		      "in the same folder\n"
		      "stop      Ctrl-C\n"
		      "In another terminal:\n",
		      d->place.folder, workers, workers == 1 ? "" : "s");
	fflush(talk->file);
	output_printf(&d->call->out, "export TREADLE_REDIS_URL=%s\n",
		      d->place.url);
	fflush(d->call->out.file);
}

static void on_command_exit(uv_process_t *process, int64_t status, int signal)
{
	struct dev *d = process->data;

	d->is_command_running = false;
	d->command_code = signal ? 128 + signal : (int)status;
	uv_close((uv_handle_t *)process, NULL);
}

static int start_command(struct dev *d, struct error *err)
{
	uv_stdio_container_t stdio[3];
	char **args = d->call->command;

	for (int i = 0; i < 3; i++) {
		stdio[i].flags = UV_INHERIT_FD;
		stdio[i].data.fd = i;
	}
	uv_process_options_t o = {.file = args[0],
				  .args = args,
				  .exit_cb = on_command_exit,
				  .stdio = stdio,
				  .stdio_count = 3};
	d->command.data = d;
	int rc = uv_spawn(&d->loop, &d->command, &o);
	if (rc != 0) {
		uv_close((uv_handle_t *)&d->command, NULL);
		return error_set(err, ERR_ABSENT, "cannot run %.128s: %s",
				 args[0], uv_strerror(rc));
	}
	d->is_command_running = true;
	return 0;
}

static void on_open(void *arg, const struct error *err)
{
	struct dev *d = arg;

	d->is_open = true;
	if (err)
		d->error = *err;
}

/* Waits until Redis answers and has the library. */
static int open_store(struct dev *d, struct error *err)
{
	struct child *redis = &d->children[REDIS];

	d->store = store_start(&d->loop, d->config, "treadle-dev", OPEN_MS,
			       on_open, d);
	while (!d->is_open && redis->state == CHILD_UP && d->interrupts == 0)
		uv_run(&d->loop, UV_RUN_ONCE);
	if (d->error.kind != ERR_NONE) {
		*err = d->error;
		return -1;
	}
	if (!d->is_open && d->interrupts == 0)
		return error_set(err, ERR_SYSTEM,
				 "redis ended at once (%s): see %.300s",
				 redis->end, redis->log_path);
	return 0;
}

static void on_store_stopped(void *arg)
{
	struct dev *d = arg;

	d->is_store_stopped = true;
}

static void close_store(struct dev *d)
{
	store_stop(d->store, on_store_stopped, d);
	while (!d->is_store_stopped)
		uv_run(&d->loop, UV_RUN_ONCE);
}

static int start_all(struct dev *d, struct error *err)
{
	if (child_start(&d->children[REDIS], err) != 0)
		return -1;
	int rc = open_store(d, err);
	close_store(d);
	if (rc != 0 || d->interrupts > 0)
		return rc;
	for (size_t i = COORDINATOR; i < d->children_count; i++) {
		if (child_start(&d->children[i], err) != 0)
			return -1;
	}
	say_ready(d);
	return d->call->command ? start_command(d, err) : 0;
}

/* --- down --------------------------------------------------------------------
 */

static void on_signal(uv_signal_t *handle, int number)
{
	struct dev *d = handle->data;

	d->interrupts++;
	/* Ctrl-C reaches a command by itself; SIGTERM does not. */
	if (d->is_command_running && number == SIGTERM)
		uv_process_kill(&d->command, SIGTERM);
}

static bool is_any_on(const struct dev *d, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (d->children[i].state != CHILD_OFF || d->children[i].life)
			return true;
	}
	return false;
}

/* Each further interrupt asks again, which is less polite. */
static void stop(struct dev *d, size_t from, size_t to)
{
	int asked = d->interrupts - 1;

	while (is_any_on(d, from, to)) {
		if (asked < d->interrupts) {
			asked = d->interrupts;
			for (size_t i = from; i < to; i++)
				child_stop(&d->children[i]);
		}
		uv_run(&d->loop, UV_RUN_ONCE);
	}
}

static void stop_all(struct dev *d)
{
	if (!d->call->command)
		output_printf(&d->call->talk,
			      "treadle: stopping; workers finish what they "
			      "have begun\n");
	stop(d, WORKERS, d->children_count);
	stop(d, COORDINATOR, WORKERS);
	stop(d, REDIS, COORDINATOR);
}

/* --- the whole ---------------------------------------------------------------
 */

static void listen_to(struct dev *d, uv_signal_t *handle, int number)
{
	uv_signal_init(&d->loop, handle);
	handle->data = d;
	uv_signal_start(handle, on_signal, number);
}

static int run_all(struct dev *d, int64_t workers, struct error *err)
{
	int rc = plan(d, workers, err);

	if (rc == 0)
		rc = set_environment(d, err);
	if (rc == 0)
		rc = start_all(d, err);
	while (rc == 0 &&
	       (d->call->command ? d->is_command_running : d->interrupts == 0))
		uv_run(&d->loop, UV_RUN_ONCE);
	d->interrupts = 0;
	stop_all(d);
	for (size_t i = 0; i < d->children_count; i++)
		child_clear(&d->children[i]);
	config_free(d->config);
	return rc == 0 ? d->command_code : rc;
}

static int run(struct call *c, struct error *err)
{
	struct dev d = {.call = c};
	int64_t workers = 2;

	if (c->command && !c->command[0])
		return error_set(err, ERR_USAGE, "-- is followed by nothing");
	if (call_int(c, "--workers", WORKERS_MAX, &workers, err) != 0 ||
	    place_open(&d.place, &c->arena, call_text(c, "--state", NULL),
		       err) != 0)
		return -1;
	if (loop_init(&d.loop, err) < 0) {
		place_close(&d.place);
		return -1;
	}
	listen_to(&d, &d.on_int, SIGINT);
	listen_to(&d, &d.on_term, SIGTERM);
	int rc = run_all(&d, workers, err);
	uv_close((uv_handle_t *)&d.on_int, NULL);
	uv_close((uv_handle_t *)&d.on_term, NULL);
	uv_run(&d.loop, UV_RUN_DEFAULT);
	loop_close(&d.loop);
	place_close(&d.place);
	return rc;
}

static const struct verb_option options[] = {
	{"--workers", "N", "so many workers (2)"},
	{"--state", "FOLDER", "where Redis' file and the logs are kept"},
	{"--listen", "ADDRESS:PORT", "health and metrics of the coordinator"},
	{NULL, NULL, NULL},
};

const struct verb verb_dev = {
	.name = "dev",
	.args = "",
	.args_max = 0,
	.takes_command = true,
	.summary = "run a private Redis, a coordinator and workers",
	.details =
		"Everything needed to try workflows, in one command: a "
		"redis-server on a socket of its own, durable, a coordinator, "
		"and workers, with their logs behind their names. They are "
		"started again if they end, and stopped in order by Ctrl-C. "
		"What was submitted is still there the next time.\n"
		"With a command after -- nothing is printed: the command runs "
		"with TREADLE_REDIS_URL set, and when it ends so does the "
		"rest, with its exit code. The state is kept in --state, else "
		"$TREADLE_STATE, else $XDG_STATE_HOME/treadle, else "
		"~/.local/state/treadle.",
	.options = options,
	.examples = "treadle dev --workers 4\n"
		    "treadle dev --state /tmp/try -- treadle submit book.yaml "
		    "--watch",
	.run = run,
};
