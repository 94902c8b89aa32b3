/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_DIALOGUE_H
#define PRODUCER_DIALOGUE_H

#include <uv.h>

#include "treadle/arena.h"
#include "treadle/config.h"
#include "treadle/store.h"

/*
 * A conversation with Redis, one question after the other.
 *
 * A dialogue owns the loop and the store. Each function below runs the loop
 * until it has its answer, for redis.timeout at the most; so verbs read from
 * top to bottom. An interrupt (Ctrl-C, SIGTERM) ends the process as usual,
 * except between dialogue_hold() and dialogue_close(), when it is only noted.
 */
struct dialogue;

/*
 * NULL and err when the store can't be used. is_explained: Redis isn't
 * needed, and dialogue_ask() prints what it would ask. Borrows config.
 */
struct dialogue *dialogue_open(const struct config *config, bool is_explained,
			       struct error *err);
void dialogue_close(struct dialogue *d); /* may be NULL */

uv_loop_t *dialogue_loop(struct dialogue *d);
struct store *dialogue_store(struct dialogue *d);
int64_t dialogue_timeout_ms(const struct dialogue *d);
bool dialogue_is_explained(const struct dialogue *d);

/* Gives *answer. 0, -1 and err, or CALL_EXPLAINED without an answer. */
int dialogue_ask(struct dialogue *d, enum store_function f,
		 const struct slice *args, size_t count, jv *answer,
		 struct error *err);

/* Asks only to have it done; the answer is dropped. */
int dialogue_tell(struct dialogue *d, enum store_function f,
		  const struct slice *args, size_t count, struct error *err);

/*
 * The run of that id or unique beginning of one, at least four characters;
 * taken from the arena. ERR_ABSENT where there is none, ERR_CONFLICT where
 * there are several: the error lists them.
 */
int dialogue_find_run(struct dialogue *d, struct arena *arena,
		      const char *prefix, struct slice *run, struct error *err);

/* Gives the whole output of a finished run, however large; null for none. */
int dialogue_output(struct dialogue *d, struct slice run, jv *output,
		    struct error *err);

/* Where big values are, on the dialogue's loop; NULL if the options err. */
struct blobs *dialogue_blobs(struct dialogue *d, struct error *err);

/* From now on interrupts are noted: dialogue_is_interrupted(). */
void dialogue_hold(struct dialogue *d);
bool dialogue_is_interrupted(const struct dialogue *d);

/* Lets the loop run for so long; true if interrupted. */
bool dialogue_sleep(struct dialogue *d, int64_t ms);

#endif
