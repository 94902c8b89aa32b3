/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TRANSFER_H
#define TREADLE_TRANSFER_H

#include "table.h"

/*
 * Big values on their way: an output that is larger than blobs.inline_max
 * becomes a blob before its attempt's end is reported, and what a step reads
 * is fetched from blobs before its parameters are expanded.
 *
 * All is done on memory that is the transfer's own: so an attempt that is
 * told to stop leaves it, and it ends for itself.
 */
struct taken;
struct transfer;

/*
 * Whether an output of so many bytes is better kept as a blob. If so, put
 * copies it and ends the attempt later, by report_bytes(): with a reference
 * or, where the blob can't be written, with the output itself, for it is
 * paid for.
 */
bool transfer_is_wanted(const struct worker *w, size_t bytes);
void transfer_put(struct attempt *a, struct slice output);

/*
 * True if what was taken refers to blobs: attempt_prepare() comes again, with
 * their content instead, or attempt_prepared() with why that can't be had.
 */
bool transfer_get(struct attempt *a, const struct taken *t);

/*
 * Notes, before that, that what may be a reference will stand in the list that
 * is the text `at` of the reads, from byte `from` on.
 */
void transfer_note(struct attempt *a, size_t at, size_t from,
		   struct slice result);

/* There is no time for the blob of its output: that is reported itself. */
void transfer_cut_short(struct attempt *a);

/* It was told to stop: true if it was waiting here and does not any more. */
bool transfer_leave(struct attempt *a);

#endif
