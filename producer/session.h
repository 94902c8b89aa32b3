/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_SESSION_H
#define PRODUCER_SESSION_H

#include <uv.h>

#include "treadle/arena.h"
#include "treadle/config.h"
#include "treadle/store.h"

/*
 * A conversation with Redis, one question after the other.
 *
 * A session owns the loop and the store. Each function below runs the loop
 * until it has its answer, for redis.timeout at the most; so verbs read from
 * top to bottom. An interrupt (Ctrl-C, SIGTERM) ends the process as usual,
 * except between session_hold() and session_close(), when it is only noted.
 */
struct session;

/*
 * NULL and err when the store can't be used. is_explained: Redis isn't
 * needed, and session_ask() prints what it would ask. Borrows config.
 */
struct session *session_open(const struct config *config, bool is_explained,
			     struct error *err);
void session_close(struct session *s); /* may be NULL */

uv_loop_t *session_loop(struct session *s);
struct store *session_store(struct session *s);
int64_t session_timeout_ms(const struct session *s);
bool session_is_explained(const struct session *s);

/* Gives *answer. 0, -1 and err, or CALL_EXPLAINED without an answer. */
int session_ask(struct session *s, enum store_function f,
		const struct slice *args, size_t count, jv *answer,
		struct error *err);

/* Asks only to have it done; the answer is dropped. */
int session_tell(struct session *s, enum store_function f,
		 const struct slice *args, size_t count, struct error *err);

/*
 * The run of that id or unique beginning of one, at least four characters;
 * taken from the arena. ERR_ABSENT where there is none, ERR_CONFLICT where
 * there are several: the error lists them.
 */
int session_find_run(struct session *s, struct arena *arena, const char *prefix,
		     struct slice *run, struct error *err);

/* Gives the whole output of a finished run, however large; null for none. */
int session_output(struct session *s, struct slice run, jv *output,
		   struct error *err);

/* From now on interrupts are noted: session_is_interrupted(). */
void session_hold(struct session *s);
bool session_is_interrupted(const struct session *s);

/* Lets the loop run for so long; true if interrupted. */
bool session_sleep(struct session *s, int64_t ms);

#endif
