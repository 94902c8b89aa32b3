/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_SHAPE_H
#define SIMULATOR_SHAPE_H

#include "treadle/text.h"

#include "call.h"
#include "random.h"

/*
 * Workflows as chance makes them: chains, diamonds, fans. Steps are numbered
 * so that each needs only those before it; sets of steps are bits.
 */
#define STEPS_MAX 7
#define SHAPES 48
#define DIGEST_LEN 64

struct shape_step {
	int queue, recoveries;
	unsigned needs, next, reads;
	bool reads_input, is_pass;
};

struct shape {
	char digest[DIGEST_LEN + 1], name[16];
	int count;
	int64_t deadline_ms; /* 0: none */
	unsigned queues;
	struct shape_step steps[STEPS_MAX];
	struct buf graph; /* as treadle_define takes it */
};

void shapes_init(struct shape shapes[SHAPES], uint64_t seed);
void shapes_clear(struct shape shapes[SHAPES]);

#endif
