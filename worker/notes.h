/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_NOTES_H
#define TREADLE_NOTES_H

#include "worker.h"

/*
 * What a program says on descriptor 3 while it runs: JSON objects, one a
 * line, with any of these members.
 *
 *   {"progress": 0.4, "message": "page 4 of 10"}   0 to 1
 *   {"checkpoint": ANYTHING}     for the next try, should this one fail
 *   {"cost": {"usd": 0.02}}      the sum so far; numbers by name
 *
 * What is anything else is mentioned in the attempt's log and passed over.
 */
struct notes {
	struct attempt *attempt;
	struct buf line;  /* which has not ended yet */
	bool is_skipping; /* a line that was too long */
	int complaints;
};

#define NOTES_LINE_MAX (256 << 10)

void notes_init(struct notes *n, struct attempt *a);
void notes_read(struct notes *n, struct slice bytes);
/* A last line needs no line end. Frees what n holds. */
void notes_clear(struct notes *n);

#endif
