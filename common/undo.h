/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_UNDO_H
#define TREADLE_UNDO_H

#include "grammar_step.h"

/*
 * What undoes a step: `compensate`.
 *
 * It becomes a step of its own, called after the one that it undoes and
 * UNDO_SUFFIX, with `when: undo`: no run performs it but one that has come to
 * an end which is named in `compensate_on`, and nothing can need it.
 */
#define UNDO_SUFFIX ".undo"

/* Adds the step that undoes this one, where there is one, to steps. */
int undo_read(struct grammar *g, const char *name, struct spot s, jv *steps);

/* How many steps of a map that was written have one. */
int undo_count(struct spot steps);

/* Adds each as a step of its own to a map that was written (owned). */
void undo_write(struct spot *steps);

/* Over the normalised steps: that nothing is undone which has no end. */
int undo_check(struct spot written, jv steps, struct error *err);

/* Whether it is one; nothing a user may call a step is. */
bool undo_is_name(struct slice name);
/* Without UNDO_SUFFIX: the step that it undoes. */
struct slice undo_cut(struct slice name);

/*
 * The ends that it happens at; both where nothing is said. undo_ends() gives
 * them as they are stored: a list, or the invalid jv where nothing was said.
 */
int undo_ends(struct grammar *g, jv *ends);
int undo_parse_ends(struct workflow *w, struct spot s, struct error *err);

#endif
