/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SUBWORKFLOW_H
#define TREADLE_SUBWORKFLOW_H

#include "settings.h"

/*
 * Steps that perform another workflow: "workflow: NAME", its input beside it
 * in "input".
 */

/*
 * What such a step has unless it says otherwise. How its run is tried again,
 * and for how long it may take, that workflow says itself: no default of this
 * one is meant for it.
 */
void subworkflow_settings(struct settings *s);

/*
 * Gives *params: {name, input}. own: the name of the workflow that the step
 * is of. Complains of an "input" that stands beside another kind, too.
 */
int subworkflow_read(struct spot step, const char *own, const char *what,
		     jv *params, struct error *err);
int subworkflow_refuse_input(struct spot step, const char *what,
			     struct error *err);

/*
 * Reads the stored form: step->performs and ->definition; where an item of a
 * list performs it, these are the item's, too. The item is there already.
 */
int subworkflow_parse(struct step *step, struct spot s, struct arena *a,
		      struct error *err);

/* Where w was written, and its steps that perform others: lines by name. */
void subworkflow_place(struct workflow *w, const char *path, jv lines);

#endif
