/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TOOLS_H
#define TREADLE_TOOLS_H

#include <uv.h>

#include "treadle/config.h"

/*
 * What attempts share in a worker: the maker of child processes, the HTTP
 * client, the evaluator of expressions. Each is made when it is first asked
 * for, so that a worker that never calls an API never loads libcurl.
 *
 * The core makes one in main.c, hands it out by worker_tools(), and stops it
 * when no attempt is left.
 */
struct tools;
struct worker;

/*
 * The first thing that main() does. The worker runs itself again as a helper
 * (see evaluator.h and warden.h); where this process is such a helper, it
 * does its work here, sets *exit_code, and true is returned.
 */
bool tools_main(int argc, char **argv, int *exit_code);

/* Before anything begins: are the options of the tools in order? */
int tools_check(const struct config *config, struct error *err);

/*
 * Borrows loop and config. Takes as many descriptors as the system allows,
 * and ignores SIGPIPE; else costs nothing yet.
 */
struct tools *tools_new(uv_loop_t *loop, const struct config *config);

/*
 * Ends what was made, kills what still runs, frees t. on_stopped comes once,
 * later; after it no handle of ours is left in the loop.
 */
void tools_stop(struct tools *t, void (*on_stopped)(void *arg), void *arg);

struct children *tools_children(struct tools *t);
struct http *tools_http(struct tools *t, struct error *err); /* or NULL */
struct evaluator *tools_evaluator(struct tools *t);

/* Implemented by the core. */
struct tools *worker_tools(struct worker *w);

#endif
