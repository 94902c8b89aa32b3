/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_GUARD_H
#define TREADLE_GUARD_H

#include "treadle/base.h"

/*
 * Watches Redis' clock against this machine's monotonic one.
 *
 * Leases end by Redis' clock. When that clock jumps, or Redis was silent for
 * long, leases end although their workers are well: they had no chance to
 * renew them. One reading says that Redis' clock showed redis_now at some
 * moment between sent and received, hence bounds how far the two clocks are
 * apart. A reading whose bounds can't be brought together with the last ones,
 * even when moved by the tolerance, is a jump.
 */
struct guard {
	int64_t tolerance_ms; /* what is no jump yet */
	int64_t silence_ms;   /* how long an answer may take */
	int64_t low, high;    /* Redis' clock minus ours, at the last reading */
	bool is_known;        /* low and high are */
};

enum guard_verdict {
	GUARD_CALM,
	GUARD_JUMP,   /* *ms: by how much; negative: back */
	GUARD_SILENT, /* *ms: how long the answer took */
};

/* All in ms; sent_at and received_at are monotonic. *ms is 0 when calm. */
enum guard_verdict guard_check(struct guard *g, int64_t redis_now,
			       int64_t sent_at, int64_t received_at,
			       int64_t *ms);

#endif
