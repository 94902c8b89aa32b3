/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_SOURCE_H
#define PRODUCER_SOURCE_H

#include "treadle/config.h"
#include "treadle/workflow.h"

/*
 * Where workflows and inputs come from: files, standard input ("-"), and for
 * workflows the folders of producer.workflows.
 */

/* How a source is called in messages: "-" is "standard input". */
const char *source_name(const char *path);

/* Reads all of it into out, whose maximum is the largest acceptable size. */
int source_read(const char *path, struct buf *out, struct error *err);

/*
 * What "submit" and "validate" call a workflow: a name (NAME.yaml is looked
 * for in the folders, then a file of that name), a file, or "-".
 */
int source_workflow(const struct config *c, const char *what,
		    struct workflow **w, struct error *err);

/* The steps that somebody wrote: without the one that `output:` stands for. */
size_t source_steps(const struct workflow *w);
/* "1 step", "6 steps". */
const char *source_steps_text(const struct workflow *w, char text[32]);

#endif
