/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_H
#define TREADLE_STORE_H

#include "treadle/config.h"
#include "treadle/redis.h"
#include "treadle/value.h"

/*
 * The library's C face: nobody else says FCALL.
 *
 * What a worker says is in store_worker.h: batches, with typed answers. All
 * else takes texts and answers in JSON: store_ask(). Every write is idempotent,
 * so all are replayed until they are answered (redis.h); a caller with a
 * deadline gives it. Pointers that are passed are borrowed only until the call
 * returns; answers live until the callback returns.
 */
struct store;

enum store_function {
#define FUNCTION(name, access, arguments, help) STORE_##name,
#include "treadle/functions.def"
#undef FUNCTION
	STORE_FUNCTION_COUNT
};

/*
 * Borrows c and loop. Connects, checks the server (Redis >= 7.0 or Valkey >=
 * 7.2, noeviction, not a replica) and the library: absent or older, it is
 * loaded; newer, on_open gets an error. on_open comes exactly once, unless
 * the store is stopped before: with NULL when the store can be used, or with
 * an error when trying is over (deadline_ms; -1 tries for ever, and only an
 * error that waiting can't mend is given).
 */
typedef void store_open_fn(void *arg, const struct error *err);
struct store *store_start(uv_loop_t *loop, const struct config *c,
			  const char *name, int64_t deadline_ms,
			  store_open_fn *on_open, void *arg);
void store_stop(struct store *s, void (*on_stopped)(void *arg), void *arg);

/*
 * Checks server and library once more, as after each reconnect; returns at
 * once. A policy that evicts is logged. If redis was given a newer library
 * than ours, on_outdated comes, at most once: what is begun may be ended, for
 * a library accepts what the one before it did, but nothing more should be.
 */
typedef void store_outdated_fn(void *arg, const struct error *err);
void store_on_outdated(struct store *s, store_outdated_fn *on_outdated,
		       void *arg);
void store_check(struct store *s);

/*
 * Opens a store on a loop of its own and closes it again, for --check: 0, or
 * why it can't be used within redis.timeout.
 */
int store_try(const struct config *c, const char *name, struct error *err);

struct redis *store_redis(struct store *s);    /* the talking connection */
const char *store_keys(const struct store *s); /* "treadle:{0}" */
/* "treadle:{0}:queue:NAME"; 0 if out is too small, else its length. */
size_t store_queue_key(const struct store *s, const char *queue, char *out,
		       size_t size);

typedef void store_done_fn(void *arg, const struct redis_failure *failure);

enum submit_code {
	SUBMIT_CREATED,
	SUBMIT_EXISTS,    /* by its key or id; run is the one there is */
	SUBMIT_CONFLICT,  /* the key belongs to a run of other content */
	SUBMIT_UNDEFINED, /* the definition is not stored: define, repeat */
};
struct submission {
	const char *run;
	const char *digest;
	struct slice input;  /* msgpack; empty for none */
	const char *key;     /* "" for none */
	int64_t deadline_ms; /* from now, 0: as the workflow says */
	bool is_uncached;    /* performed anew; the same for all of a call */
};
struct submitted {
	enum submit_code code;
	struct slice run; /* the one there is; empty if it was created */
};
typedef void store_submit_fn(void *arg, const struct submitted *answers,
			     size_t count, const struct redis_failure *failure);
void store_submit(struct store *s, const struct submission *subs, size_t count,
		  int64_t deadline_ms, store_submit_fn *on_submitted,
		  void *arg);
/* Stores w, and before it its parts. */
struct workflow;
void store_define(struct store *s, const struct workflow *w,
		  int64_t deadline_ms, store_done_fn *on_done, void *arg);
/* Gives the canonical form, or an empty slice where it is unknown. */
typedef void store_bytes_fn(void *arg, struct slice bytes,
			    const struct redis_failure *failure);
void store_definition(struct store *s, struct slice digest, int64_t deadline_ms,
		      store_bytes_fn *on_bytes, void *arg);

/*
 * answer is borrowed, and the invalid jv when err is not NULL. An error of
 * the library has the kind that its first word names: ABSENT, CONFLICT...
 */
typedef void store_answer_fn(void *arg, jv answer, const struct error *err);
void store_ask(struct store *s, enum store_function f, const struct slice *args,
	       size_t count, int64_t deadline_ms, store_answer_fn *on_answer,
	       void *arg);

/* The library that this program carries; the version that a text of it says,
 * or 0. */
struct slice store_library(void);
int64_t store_library_version(struct slice text);

/* The redis-cli line that a call stands for, quoted for a shell. */
void store_explain(const struct store *s, enum store_function f,
		   const struct slice *args, size_t count, struct buf *out);

#endif
