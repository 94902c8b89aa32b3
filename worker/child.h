/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CHILD_H
#define TREADLE_CHILD_H

#include <uv.h>

#include "spawn.h"
#include "treadle/text.h"

/*
 * Child processes: begun, listened to, ended as a group.
 *
 * A child reads its input from a file in memory, all of which is there when
 * it begins, so nothing has to be written later and nothing can block. It
 * writes to three pipes. It has ended when its process has ended and its
 * pipes are closed. Descendants that hold the pipes open longer are given a
 * second, then the whole group is killed: a step leaves nothing behind.
 */
struct children;

/* Borrows loop. descriptors_max: the limit that children get, 0: ours. */
struct children *children_new(uv_loop_t *loop, uint64_t descriptors_max);

/* Kills all, whose on_end still comes; frees c. on_stopped comes later. */
void children_stop(struct children *c, void (*on_stopped)(void *arg),
		   void *arg);

enum child_pipe {
	CHILD_OUTPUT, /* descriptor 1 */
	CHILD_LOG,    /* descriptor 2 */
	CHILD_NOTES,  /* descriptor 3 */
	CHILD_PIPES,
};

struct child_end {
	int status;    /* of its exit, or -1 where a signal ended it */
	int signal;    /* or 0 */
	bool was_held; /* its pipes had to be taken from descendants */
};

/* What child_start() borrows until it returns, and what it calls later. */
struct child_plan {
	const char *const *argv;
	const char *const *env;
	const char *path;
	const char *directory, *directory_in; /* as in spawn.h */
	struct slice input;
	void (*on_bytes)(void *arg, enum child_pipe from, struct slice bytes);
	/* Exactly once; the child is gone when it returns. */
	void (*on_end)(void *arg, const struct child_end *end);
	void *arg;
};

/* NULL on error (those of spawn()): then nothing is ever called. */
struct child;
struct child *child_start(struct children *c, const struct child_plan *plan,
			  struct error *err);

/* Sends a signal to the whole group; harmless once it has ended. */
void child_signal(struct child *k, int signal);

/*
 * For other processes of ours (evaluator.c): spawned, tied to the worker, and
 * reaped when they end, of which nobody is told. Fills in s->group.
 */
int children_spawn(struct children *c, struct spawn *s, pid_t *pid,
		   struct error *err);
/* Kills it, forgets its row. */
void children_end(struct children *c, const struct spawn *s, pid_t pid);

#endif
