/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REWRITE_H
#define TREADLE_REWRITE_H

#include <stdbool.h>

/*
 * Has Redis write its append-only file anew, once for each of its starts.
 *
 * A Redis that dies while it writes down a call of the library leaves half of
 * it at the end of that file. Loading the file then drops that half from
 * memory, but most versions cut the file off in the middle of the
 * transaction: the *next* start takes what was written since for its rest,
 * and the half call is there. (Valkey mended this in 2026, in #4342.) A file
 * that is written anew holds what is in memory, and nothing else.
 */
struct coordinator;

struct rewrite {
	struct coordinator *coordinator;
	bool is_told; /* in the log, that Redis refuses */
};

/* Asks what is to be done, and does it. Never waits; what fails can wait. */
void rewrite_look(struct rewrite *r);

#endif
