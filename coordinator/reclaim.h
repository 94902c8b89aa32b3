/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_RECLAIM_H
#define TREADLE_RECLAIM_H

#include "duty.h"
#include "guard.h"

/*
 * What lost workers held is queued anew.
 *
 * Looks each second, and at the moment when the next lease ends. Asks for
 * Redis' time first: after a jump of its clock, a long silence, or a start of
 * Redis shortly before ours, it lets one lease pass, so that workers which are
 * well can say so.
 */
struct reclaim {
	struct duty duty;
	struct guard guard;
	int64_t sent_at;      /* monotonic, the request for the time */
	int64_t paused_until; /* monotonic, or 0 */
	int64_t lease_ms;     /* the longest of all workers, as last heard */
	bool is_first;        /* nothing was asked yet */
	bool is_pausing;      /* a pause is due */
	int64_t reconnect_ms; /* what it is longer by than a lease */
};

void reclaim_start(struct reclaim *r, struct coordinator *c);
void reclaim_stop(struct reclaim *r);

#endif
