/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_CHILD_H
#define PRODUCER_CHILD_H

#include <uv.h>

#include "output.h"

/*
 * A server that `treadle dev` keeps running: Redis, a coordinator, a worker.
 *
 * It has a session of its own, so that Ctrl-C in the terminal reaches us
 * alone and we end the servers in order. What it writes goes to a log file
 * and, line by line behind its name, to standard error. One that ends is
 * started again, with growing pauses.
 *
 * A server must not outlive us, even if we are killed: it is started by way
 * of `treadle CHILD_VERB PARENT PROGRAM ARGS...`, which asks the kernel for a
 * SIGTERM at its parent's death and becomes the program.
 */
#define CHILD_VERB "dev-child"
#define CHILD_ARGS_MAX 24

/* What CHILD_VERB does; argv begins with PARENT. Returns only on failure. */
int child_become(char **argv);

enum child_state {
	CHILD_OFF, /* not started yet, or ended for good */
	CHILD_UP,
	CHILD_PAUSING, /* it ended, and will be started again */
};

/* The texts are borrowed; the first four are the caller's to fill. */
struct child {
	const char *name;                 /* "worker-1" */
	const char *args[CHILD_ARGS_MAX]; /* the program first, then NULL */
	const char *log_path;
	const struct output *talk; /* NULL: nothing to standard error */

	enum child_state state;
	bool is_stopping;
	int stops;    /* how often it was asked */
	char end[64]; /* how it ended last: "exit 1" */
	int64_t begun_ms, pause_ms;
	int log;
	uv_timer_t timer;
	struct child_life *life;
};

/* Opens the log. */
int child_init(struct child *c, uv_loop_t *loop, struct error *err);
void child_clear(struct child *c); /* must be off; the loop must run once */

int child_start(struct child *c, struct error *err);
/* Asks it to end, for good; twice politely, then by force. */
void child_stop(struct child *c);
int child_pid(const struct child *c); /* or 0 */

#endif
