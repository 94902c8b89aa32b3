/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SPAWN_H
#define TREADLE_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "treadle/base.h"

/*
 * Making a process, bound to ours from its first instruction on.
 *
 * By vfork and exec of our own. Measured, of `true`, eight at a time: 2,800 a
 * second, whatever the size of the worker. uv_spawn made 1,900, and 260 once
 * the worker held 100 MB, because fork copies page tables; a shim program
 * in between, 1,000. And only between the two calls can the child be bound to
 * us, so that it does not outlive a worker that is killed.
 *
 * The new process has a session and group of its own, no signal blocked or
 * ignored, no core dumps, and no descriptor but those it is given.
 */
#define SPAWN_FDS 4

struct spawn {
	const char *program;     /* looked up in path, unless it has a / */
	const char *const *argv; /* its arguments, its name first */
	const char *const *env;
	const char *path;         /* folders, separated by colons */
	const char *directory;    /* where it runs; NULL: here */
	const char *directory_in; /* where that is sought; NULL: here */
	int fds[SPAWN_FDS];       /* become 0, 1, 2, 3; -1: stays closed */
	uint64_t descriptors_max; /* its soft limit; 0: as ours */
	volatile int32_t *group;  /* gets the id of its group; may be NULL */
	bool outlives_us;         /* is not killed when we die */
};

/*
 * Gives *pid, which is the id of its group as well. Errors: INPUT where the
 * program or folder can't be used, UNAVAILABLE where the system lacks
 * something for now. Nobody watches the new process yet (child.h).
 */
int spawn(const struct spawn *s, pid_t *pid, struct error *err);

#endif
