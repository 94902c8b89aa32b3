/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_METRICS_H
#define TREADLE_METRICS_H

#include "treadle/value.h"

/*
 * The page /metrics, as Prometheus reads it. The table is metrics.def.
 */
struct coordinator;

/* stats: the answer of the library, or the invalid jv: Redis is not there. */
void metrics_print(const struct coordinator *c, jv stats, struct buf *out);

#endif
