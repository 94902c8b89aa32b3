/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_NAMED_H
#define PRODUCER_NAMED_H

#include "treadle/workflow.h"
#include "call.h"

/*
 * Applied workflows: definitions that Redis keeps under a name.
 */

/*
 * The definition that a name stands for. ERR_ABSENT where it stands for none:
 * the error names the nearest one.
 */
int named_fetch(struct dialogue *d, const char *name, struct workflow **w,
		struct error *err);

/*
 * What "submit" calls a workflow: as source_workflow(), and where there is no
 * such file, the applied one of that name.
 */
int named_or_file(struct call *c, const char *what, struct workflow **w,
		  struct error *err);

#endif
