/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TALLY_H
#define TREADLE_TALLY_H

#include "treadle/histogram.h"
#include "treadle/store_worker.h"
#include "treadle/workflow.h"

/*
 * How long attempts took, by kind: what a heartbeat adds to the counters.
 */
#define X(ms) +1
enum { TALLY_BUCKETS = 1 HISTOGRAM_BUCKETS(X) };
#undef X

struct tally {
	int64_t took[STEP_KIND_COUNT][TALLY_BUCKETS];
	double took_ms[STEP_KIND_COUNT];
};

#define TALLY_COUNTERS (STEP_KIND_COUNT * (TALLY_BUCKETS + 1))

void tally_add(struct tally *t, enum step_kind kind, double ms);
/* Writes what is not zero and empties the tally; returns how many. */
size_t tally_take(struct tally *t, struct counter counters[TALLY_COUNTERS]);

#endif
