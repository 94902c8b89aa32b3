/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_LOOP_H
#define TREADLE_LOOP_H

#include <uv.h>

#include "treadle/base.h"

/*
 * The loop of a process, from its making to its end.
 *
 * Who owns a loop closes it when all that lived on it is closed: a handle
 * that is forgotten is a bug, and stops the process.
 */

/* Errors: SYSTEM, where there are too few descriptors. */
int loop_init(uv_loop_t *loop, struct error *err);
void loop_close(uv_loop_t *loop);

#endif
