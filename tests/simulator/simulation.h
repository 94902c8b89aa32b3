/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_SIMULATION_H
#define SIMULATOR_SIMULATION_H

#include <stdatomic.h>

#include "temper.h"

/*
 * Many worlds go round, an action of each in a round, their calls in one piece
 * on one connection. Two halves take turns, so that Redis works on one while
 * the other is looked at. Lanes play shares of the worlds side by side, each
 * in a process and with a Redis of its own; what a world is does not depend
 * on how many there are.
 */
#define LANES_MAX 8

struct options {
	uint64_t seed;
	double seconds;
	int worlds, world; /* -1: not given */
	int lanes;
	bool shrinks, tells;
	char *library;
	size_t library_len;
};

/* What a lane leaves behind. */
struct outcome {
	struct figures figures;
	int over, restarts;
	uint64_t digest;
};

/* All lanes see it. */
struct lanes {
	atomic_bool is_broken; /* then all stop, and the first tells */
	struct outcome outcomes[LANES_MAX];
};

/* Plays each world whose number is `lane`, modulo the lanes. The exit status.
 */
int simulation_run(const struct options *o, int lane, struct lanes *lanes);

#endif
