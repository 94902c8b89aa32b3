/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_PLACE_H
#define PRODUCER_PLACE_H

#include "treadle/arena.h"

/*
 * Where `treadle dev` keeps its things: a folder with Redis' socket, its
 * append-only file and the logs, held by one process at a time.
 */
struct place {
	const char *folder;
	const char *socket;
	const char *url; /* unix://... */
	int lock;
};

/*
 * folder: as given, or NULL: $TREADLE_STATE, else treadle in
 * $XDG_STATE_HOME, else ~/.local/state/treadle. Made where it doesn't exist.
 * ERR_CONFLICT if another process holds it.
 */
int place_open(struct place *p, struct arena *arena, const char *folder,
	       struct error *err);
void place_close(struct place *p);

/* The path of a file in it, from the arena. */
const char *place_path(const struct place *p, struct arena *arena,
		       const char *name);

/*
 * A program: beside our own executable, or in PATH; the first of names, up
 * to NULL, that is there. NULL if none is.
 */
const char *place_program(struct arena *arena, const char *const *names);

#endif
