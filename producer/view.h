/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_VIEW_H
#define PRODUCER_VIEW_H

#include "output.h"

/*
 * What a run that is being followed looks like: a picture of all its steps
 * that is drawn over the last one, or a line for each change.
 */
struct view {
	const struct output *out;
	jv seen;   /* the status shown last, or invalid */
	int lines; /* of the last picture */
};

void view_init(struct view *v, const struct output *out);
void view_clear(struct view *v);

/* Each borrows run; each returns -1 where nobody reads any more. */
int view_picture(struct view *v, jv run);
int view_lines(struct view *v, jv run);
int view_objects(struct view *v, jv run);

#endif
