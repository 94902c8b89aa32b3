/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_COLLECTOR_H
#define TREADLE_COLLECTOR_H

#include <uv.h>

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Blobs that no run holds any more are deleted by a worker: workers reach
 * them, coordinators need not. One of them leads; the library says which
 * blobs are garbage, and is told when they are gone.
 */
#define COLLECT_MAX 100 /* blobs in one call */

struct worker;

struct collector {
	struct worker *worker;
	struct garbage {
		struct collector *collector;
		char member[128]; /* "<name>" or "<name> again" */
		bool is_gone;
	} items[COLLECT_MAX];
	size_t count, removing;
	bool is_busy;     /* asking, or deleting */
	int64_t next_at;  /* monotonic */
	struct error err; /* of the last that could not be deleted */
};

/* With each turn: asks when it is time. */
void collector_turn(struct worker *w);

#endif
