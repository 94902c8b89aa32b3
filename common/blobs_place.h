/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BLOBS_PLACE_H
#define TREADLE_BLOBS_PLACE_H

#include "treadle/blobs.h"

/*
 * The contract between blobs.c and the places. A place moves bytes; whether
 * those that it gives are the right ones is found by blobs.c.
 */
enum blob_verb { BLOB_PUT, BLOB_GET, BLOB_REMOVE, BLOB_TRY };

/* One thing that is done with one blob. */
struct blob_call {
	enum blob_verb verb;
	struct blob blob;   /* REMOVE: its name; TRY: nothing */
	struct slice bytes; /* PUT */
	struct buf *out;    /* GET: up to one byte too many may be added */
	size_t out_before;

	/* What became of it: kind NONE, or why not. */
	struct error err;

	uv_work_t work; /* for the place to use, too */
	void *place;    /* what open() gave */
	struct blobs *blobs;
	blob_done_fn *on_done;
	void *arg;
};

/* The place has done it, or has set c->err. From the loop. */
void blob_done(struct blob_call *c);

struct blob_place {
	/* NULL: nothing can be wrong. */
	int (*check)(const struct config *config, struct error *err);
	/* One allocation, which is freed when all calls are over. */
	void *(*open)(uv_loop_t *loop, const struct config *config);
	/* MUST lead to exactly one blob_done(), not before it returns. */
	void (*begin)(struct blob_call *c);
	/* MUST end what is in progress, soon; nothing is begun any more. */
	void (*stop)(void *place, void (*on_stopped)(void *arg), void *arg);
};

extern const struct blob_place place_folder, place_bucket;

#endif
