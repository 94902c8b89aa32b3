/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BLOBS_H
#define TREADLE_BLOBS_H

#include <uv.h>

#include "treadle/blob.h"
#include "treadle/config.h"

/*
 * Where blobs are: a folder that workers share, or a bucket that speaks S3.
 *
 * In both a blob is <2 characters>/<2 characters>/<name>, in a bucket behind
 * blobs.prefix. Nothing here blocks: files are touched, and what was read is
 * hashed, in libuv's thread pool; a bucket is asked on the loop.
 */
struct blobs;

/* What is wrong with the options together: USAGE, before anything is made. */
int blobs_check(const struct config *config, struct error *err);

/* Borrows both. Where no place is named, there are none to be had. */
struct blobs *blobs_new(uv_loop_t *loop, const struct config *config);
bool blobs_have_place(const struct blobs *b);

/* What is on its way to a bucket ends as failed. Frees b. */
void blobs_stop(struct blobs *b, void (*on_stopped)(void *arg), void *arg);

/*
 * Exactly once, from the loop. err: NULL, or UNAVAILABLE, whatever is wrong;
 * it says what to do about it.
 */
typedef void blob_done_fn(void *arg, const struct error *err);

/*
 * It is there whole, or as it was before; one that is there is replaced, for
 * it may be damaged. Borrows bytes until on_done.
 */
void blobs_put(struct blobs *b, const struct blob *blob, struct slice bytes,
	       blob_done_fn *on_done, void *arg);
/* Appends what is in it to out, borrowed until on_done, if it is whole. */
void blobs_get(struct blobs *b, const struct blob *blob, struct buf *out,
	       blob_done_fn *on_done, void *arg);
/* Gone is gone: no error where there is none. */
void blobs_remove(struct blobs *b, struct slice name, blob_done_fn *on_done,
		  void *arg);
/* Whether the place is there, and may be read. */
void blobs_try(struct blobs *b, blob_done_fn *on_done, void *arg);

#endif
