/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_GATHER_H
#define TREADLE_GATHER_H

#include "attempt.h"

/*
 * The outputs of steps with items: lists, that Redis keeps in pieces. They are
 * asked for, part by part, before an attempt that reads them is prepared.
 */

/*
 * True if what was taken names such lists: attempt_gathered() is called,
 * later or at once, with the lists in their place; until then a->work is ours.
 */
bool gather(struct attempt *a, const struct taken *t);
/* The attempt does not wait for them any more. */
void gather_leave(struct attempt *a);

#endif
