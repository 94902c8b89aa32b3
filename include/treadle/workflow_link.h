/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WORKFLOW_LINK_H
#define TREADLE_WORKFLOW_LINK_H

#include "treadle/workflow.h"

/*
 * What is made of a workflow before it is run: its linked form, and the input
 * of a run.
 */
#define WORKFLOW_PARTS_MAX 100 /* workflows that one performs, in all */
#define WORKFLOW_LEVELS_MAX 8  /* of workflows that perform others */
#define INPUT_SIZE_MAX (1 << 20)

/*
 * A copy whose steps name the definitions of the workflows that they perform:
 * digests, one for each step, those of other steps are not looked at. Only
 * what is linked can be run: a run is pinned to all that it will perform.
 */
int workflow_link(const struct workflow *w, const char *const *digests,
		  struct workflow **linked, struct error *err);
/* Whether a step performs a workflow, of which no definition is known. */
bool workflow_is_unlinked(const struct workflow *w);

/*
 * Fills in the defaults of a run's input, checks it, and appends the packed
 * form: nothing for an empty object. Owns *input and gives the completed one;
 * on failure it is freed and *input invalid.
 */
int workflow_pack_input(const struct workflow *w, jv *input, struct buf *out,
			struct error *err);

#endif
