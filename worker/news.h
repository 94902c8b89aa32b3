/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_NEWS_H
#define TREADLE_NEWS_H

#include "worker.h"

/*
 * What attempts say on their way: progress, memo, cost, log.
 *
 * Each attempt keeps only the newest of each, so that a talkative program
 * costs no more than a quiet one. A memo and a cost are said with the next
 * turn, for they are what a crash must not lose; the rest once a second.
 * What an attempt has to say is said before its end.
 */
struct news {
	struct attempt *attempt;
	jv progress, memo, cost; /* invalid: nothing new */
	struct buf log;          /* the last of it; said as a whole */
	struct buf shown;        /* the log as it is said */
	bool is_log_new, is_urgent;
	bool is_listed;
	struct news *next, *prev; /* of those that have something to say */
};

struct gazette {
	struct news *first;
	bool is_urgent;  /* somebody can't wait for the second */
	bool is_saying;  /* a call is under way */
	int64_t said_at; /* monotonic */
};

void news_free(struct news *n); /* NULL is fine */

/* What the attempt's failure takes along; then it isn't said as news. */
struct slice news_take_log(struct attempt *a);

/* With each turn: says what is due. Ends must be said after it. */
void gazette_flush(struct worker *w);

#endif
