/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_RECLAIM_H
#define TREADLE_RECLAIM_H

#include "duty.h"
#include "guard.h"

/*
 * What lost workers held is queued anew.
 *
 * Looks each second, and at the moment when the next lease ends. Asks for
 * Redis' time first, and says with each call since when it has watched that
 * clock without a jump and a silence: what to make of it is the library's
 * (common/lua/reclaim.lua), so that it is the same whoever looks.
 */
struct reclaim {
	struct duty duty;
	struct guard guard;
	int64_t sent_at; /* monotonic, the request for the time */
	/* By Redis' clock: the last reading, 0: none that holds; the watch. */
	int64_t read_at, since;
};

void reclaim_start(struct reclaim *r, struct coordinator *c);
void reclaim_stop(struct reclaim *r);

#endif
