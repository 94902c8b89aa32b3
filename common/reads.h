/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_READS_H
#define TREADLE_READS_H

#include "treadle/arena.h"
#include "path.h"

/*
 * What expressions read of their scope.
 *
 * A step is given only what it reads, so a read that goes unnoticed would be
 * a null at run time; one too many costs a few bytes. Wherever a program
 * leaves a doubt, it reads everything.
 */
struct reads {
	const char **steps; /* by .steps.NAME; in the arena, each once */
	size_t count;
	bool is_all;    /* .steps in a way that can't be told beforehand */
	bool has_input; /* may read .input */
	/* By a plain path; a program may have such members of its own. */
	bool has_output; /* .output, of a round */
	bool has_rounds; /* .round or .last */
};

void reads_path(struct reads *r, struct arena *a, const struct path *path);

/*
 * Source is a jq program with balanced brackets. The only error: a step's
 * name with a hyphen, written as if jq knew such names.
 */
int reads_expression(struct reads *r, struct arena *a, struct slice source,
		     struct error *err);

#endif
