/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_BULK_H
#define PRODUCER_BULK_H

#include "call.h"
#include "dialogue.h"
#include "treadle/workflow.h"

/*
 * Submitting many runs: one for each line of a file, each line the input of
 * its run as a JSON object.
 *
 * Lines are gathered into batches of producer.batch runs, a few of which are
 * on their way at any time; while all are, nothing is read. So memory stays
 * bounded however long the file is, and a slow Redis slows the reading. A
 * batch that isn't full is sent when no more lines are there for now. Ids
 * are printed in the order of the lines, each after Redis has confirmed it.
 */

/* Returns the exit code, or -1 and err. */
int bulk_submit(struct call *c, struct dialogue *d, const struct workflow *w,
		const char *path, struct error *err);

#endif
