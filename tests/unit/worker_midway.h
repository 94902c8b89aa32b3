/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_WORKER_MIDWAY_H
#define TREADLE_TEST_WORKER_MIDWAY_H

#include "worker_runs.h"

#include <ftw.h>

/*
 * Attempts in the middle of something, and the folder of big values.
 */
/* As if an earlier try of step `a` had left it; msgpack. */
static inline void leave_memo(struct plant *p, const char *run,
			      struct slice memo)
{
	char key[64], *record;
	struct answer a;

	snprintf(key, sizeof(key), "run:%s", run);
	look(p, &a, key, "step:a");
	record = xasprintf("%s more", a.text);
	write_field(p, "run", run, "step:a", slice_of(record));
	free(record);
	write_field(p, "out", run, ".memo:a", memo);
}

struct search {
	bool (*is_it)(const struct attempt *a);
	struct attempt *found;
};

static inline void on_candidate(struct attempt *a, void *arg)
{
	struct search *s = arg;

	if (s->is_it(a))
		s->found = a;
}

/* Waits until there is an attempt of which that holds. */
static inline struct attempt *until_attempt(
	struct plant *p, bool (*is_it)(const struct attempt *a))
{
	struct search s = {.is_it = is_it};

	run_until(p->shop.rig,
		  (table_each(&p->worker.table, on_candidate, &s), s.found));
	return s.found;
}

/* --- what it may be in the middle of ---------------------------------------
 */

static inline bool awaits_definition(const struct attempt *a)
{
	return a->state == ATTEMPT_PREPARING && a->work &&
	       !definition_is_fetched(a->definition);
}

static inline bool awaits_lists(const struct attempt *a)
{
	return a->state == ATTEMPT_PREPARING && a->work &&
	       definition_is_fetched(a->definition);
}

static inline bool awaits_blobs(const struct attempt *a)
{
	return a->state == ATTEMPT_PREPARING && a->transfer;
}

/* The evaluator is at its parameters, or at the key of the cache. */
static inline bool awaits_evaluator(const struct attempt *a)
{
	return a->state == ATTEMPT_PREPARING && !a->work && !a->transfer &&
	       !(a->recall && (a->recall->is_waiting || a->recall->is_asked));
}

static inline bool will_ask_cache(const struct attempt *a)
{
	return a->recall && a->recall->is_waiting;
}

static inline bool has_asked_cache(const struct attempt *a)
{
	return a->recall && a->recall->is_asked;
}

static inline bool awaits_until(const struct attempt *a)
{
	return a->state == ATTEMPT_ASKING;
}

static inline bool is_storing(const struct attempt *a)
{
	return a->state == ATTEMPT_STORING;
}

/* --- a folder for values of more than 1 KiB --------------------------------
 */

#define FOLDER "/tmp/treadle-blobs-XXXXXX"

static inline void folder_make(char *folder)
{
	assert_non_null(mkdtemp(folder));
	setenv("TREADLE_BLOBS_FOLDER", folder, 1);
	setenv("TREADLE_BLOBS_INLINE_MAX", "1KiB", 1);
}

static inline int remove_one(const char *path, const struct stat *about,
			     int type, struct FTW *place)
{
	(void)about;
	(void)type;
	return place->level ? remove(path) : 0;
}

/* Nothing is in it any more. */
static inline void folder_empty(const char *folder)
{
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void folder_forget(const char *folder)
{
	folder_empty(folder);
	assert_int_equal(rmdir(folder), 0);
	unsetenv("TREADLE_BLOBS_FOLDER");
	unsetenv("TREADLE_BLOBS_INLINE_MAX");
}

#endif
