/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_BAR_H
#define PRODUCER_BAR_H

#include "output.h"

/*
 * Progress bars: of a step, inside a longer display, and of the work that
 * this process does itself, on a line of its own that is redrawn in place.
 */

/* Appends a bar of so many columns; share is 0 to 1. */
void bar_draw(const struct output *o, struct buf *b, double share, int columns,
	      enum style style);

struct bar {
	const struct output *out;
	const char *what; /* "submitted" */
	int64_t begun_ms, drawn_ms;
	int64_t count;
	double share; /* of the whole, or negative where that is unknown */
	bool is_shown;
};

/* Nothing is ever shown where out is no terminal, or in the first half second.
 */
void bar_begin(struct bar *bar, const struct output *out, const char *what);
void bar_update(struct bar *bar, int64_t count, double share);
void bar_end(struct bar *bar); /* wipes it off */

#endif
