/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_FOLLOW_H
#define PRODUCER_FOLLOW_H

#include "treadle/arena.h"
#include "output.h"
#include "dialogue.h"

/*
 * Following a run until it ends.
 *
 * The run is asked for again and again: soon after something changed, later
 * and later while nothing does (20 ms up to 1 s). What is shown depends on
 * where it goes: bars that are redrawn in place on a terminal, a line for
 * each change elsewhere.
 */
enum follow_how {
	FOLLOW_SILENT,
	FOLLOW_SHOWN, /* bars on a terminal, lines elsewhere */
	FOLLOW_JSON,  /* one object for each step that changed */
};

#define FOLLOW_INTERRUPTED 130 /* as a shell calls what Ctrl-C ended */

/*
 * Gives *run, the last status. Returns the exit code of the run's result, or
 * FOLLOW_INTERRUPTED after having said how to go on; -1 and err; or
 * CALL_EXPLAINED.
 */
int follow_run(struct dialogue *d, struct slice id, const struct output *out,
	       enum follow_how how, jv *run, struct error *err);

#endif
