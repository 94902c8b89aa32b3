/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_CACHE_H
#define TREADLE_STORE_CACHE_H

#include "treadle/store.h"

/*
 * The result cache: outputs kept for a time under a key that says what they
 * were made from. Rules of ownership and of replay are those of store.h.
 */
struct recollection {
	const char *run; /* who asks: a run may be submitted without cache */
	const char *key;
};
/*
 * For each, in kept[i].text, "<run>/<step> <output>": who made it, and the
 * msgpack; empty where there is none.
 */
typedef void store_recall_fn(void *arg, const struct reply *kept, size_t count,
			     const struct redis_failure *failure);
void store_recall(struct store *s, const struct recollection *asked,
		  size_t count, store_recall_fn *on_recalled, void *arg);

struct memory {
	const char *key;
	int64_t ttl_ms;
	const char *run, *step; /* who made it */
	struct slice output;    /* msgpack */
};
/* has_room: false where nothing was kept, as memory is short. */
typedef void store_remember_fn(void *arg, bool has_room,
			       const struct redis_failure *failure);
void store_remember(struct store *s, const struct memory *kept, size_t count,
		    store_remember_fn *on_kept, void *arg);

#endif
