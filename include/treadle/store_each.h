/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_EACH_H
#define TREADLE_STORE_EACH_H

#include "treadle/store_worker.h"

/*
 * What a worker says to the store about steps with for_each; the rules are
 * those of store_worker.h.
 */

/*
 * Keeps items of the list that a step is performed for, from number `first`
 * on; a first of 0 begins the list anew. Each is msgpack; items are cut from
 * bytes at ends[0], ends[1]... The attempt goes on.
 */
typedef void store_code_fn(void *arg, enum end_code code,
			   const struct redis_failure *failure);
void store_expand(struct store *s, const char *worker,
		  const struct step_ref *ref, size_t first, struct slice bytes,
		  const size_t *ends, size_t count, store_code_fn *on_kept,
		  void *arg);

/*
 * What came of the items of a step that is done, from number `first` on: at
 * least one, unless there are no more. Each is msgpack, and empty where the
 * item failed and that was tolerated.
 */
typedef void store_results_fn(void *arg, const struct reply *results,
			      size_t count,
			      const struct redis_failure *failure);
void store_results(struct store *s, const char *run, const char *step,
		   size_t first, store_results_fn *on_results, void *arg);

#endif
