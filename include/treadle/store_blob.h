/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_BLOB_H
#define TREADLE_STORE_BLOB_H

#include "treadle/store_worker.h"

/*
 * Big values: the step's run holds the content with this SHA-256 from now on,
 * so that it may be written. name: of the blob; empty where the step is not
 * the worker's any more, as the end of its attempt will say.
 */
typedef void store_hold_fn(void *arg, struct slice name,
			   const struct redis_failure *failure);
void store_hold(struct store *s, const char *worker, const struct step_ref *ref,
		const char *sha256, store_hold_fn *on_held, void *arg);

#endif
