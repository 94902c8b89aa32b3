/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WARDEN_H
#define TREADLE_WARDEN_H

#include <stdint.h>
#include <sys/types.h>

#include "treadle/base.h"

/*
 * The warden ends what a killed worker leaves behind.
 *
 * Death signals reach only direct children: of `sh -c 'convert ...; upload'`
 * the shell would die, but upload go on, beside the next try of the step on
 * another worker. So the worker keeps a table of the groups of its children
 * in shared memory. The warden, this program run as `--warden`, maps the same
 * table, waits for the end of a pipe that only the worker holds open, kills
 * every group in the table, and ends. It costs nothing while all is well:
 * the child itself writes its row, before its program begins.
 *
 * The table is a memfd of int32: a row in use holds the id of a group; a
 * free row holds minus the number of the next free row, or 0 at the end.
 */
struct warden;

/* Makes nothing yet. */
struct warden *warden_new(void);

/*
 * Sees that table and process exist: makes them, again if the process was
 * killed. Gives 0, or the ms after which it wants to be called again, because
 * the system refuses something: 1 s, then twice as long each time, up to a
 * minute. In between it can be called at will.
 */
int64_t warden_keep(struct warden *w);

/* A row to be filled, or NULL where there is no table, or it is full. */
volatile int32_t *warden_take(struct warden *w);
void warden_give(struct warden *w, volatile int32_t *row); /* NULL is fine */

/* Tells it that a child of ours was reaped; true if it was the warden. */
bool warden_reaped(struct warden *w, pid_t pid);

/* Lets the process end by itself. The table must be empty. */
void warden_free(struct warden *w);

/* main() of the process. */
int warden_main(void);

#endif
