/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_SHAPE_H
#define SIMULATOR_SHAPE_H

#include "treadle/text.h"

#include "call.h"
#include "random.h"

/*
 * Workflows as chance makes them: chains, diamonds, fans; half of them with
 * steps that may be skipped, may fail, handle failures or clean up. Steps are
 * numbered so that each needs only those before it; sets of steps are bits.
 * They come in sets of DEFINITIONS: what may happen in one set is of a few
 * kinds.
 */
#define DEFINITIONS 3 /* that a world has: one set */
#define SHAPES (32 * DEFINITIONS)
#define DIGEST_LEN 64
#define CLAUSES_MAX 3
#define ROUNDS_MAX 4

/* The end of a run that a step is for. */
enum when { WHEN_DONE, WHEN_ALWAYS, WHEN_FAILURE, WHEN_CANCELLED };

/* Who handles failures of these classes. */
struct clause {
	unsigned classes; /* a bit for each; 0: of all */
	int step;
};

struct shape_step {
	int queue, recoveries;
	unsigned needs, next, reads;
	bool reads_input, is_pass, has_signal, is_cached; /* waits for one */
	/* Performed for each item of a list, `window` of them at a time. */
	bool is_each, is_item_pass, item_reads_input;
	unsigned item_reads;
	int window, tolerated, tolerated_percent;
	int rounds; /* of each item, or of the step; 0: it is not repeated */
	enum when when;
	bool is_tolerant;
	struct clause catches[CLAUSES_MAX];
	int catch_count;
	int handles; /* whose failures; -1: no one's */
};

struct shape {
	char digest[DIGEST_LEN + 1], name[16];
	int count, places;   /* steps; what a step may be called by */
	int64_t deadline_ms; /* 0: none */
	unsigned queues;
	bool is_branched, is_spreading, is_waiting, is_repeating;
	bool is_caching;
	unsigned closing; /* steps that clean up */
	struct shape_step steps[STEPS_MAX];
	struct buf graph; /* as treadle_define takes it */
};

/* Exec steps wait for a place on their worker. */
static inline bool shape_is_exec(const struct shape_step *of)
{
	return !of->is_pass && !of->is_each && !of->has_signal;
}

/* How many rounds it may have, or each of its items; 0: it is not repeated. */
static inline int shape_rounds(const struct shape_step *of, int step)
{
	return of->is_each == is_item(step) ? of->rounds : 0;
}

void shapes_init(struct shape shapes[SHAPES], uint64_t seed);
void shapes_clear(struct shape shapes[SHAPES]);

#endif
