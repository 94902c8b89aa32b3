/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_READER_H
#define PRODUCER_READER_H

#include <uv.h>

#include "treadle/arena.h"
#include "treadle/config.h"
#include "treadle/redis.h"

/*
 * Reading Redis with its own plain commands, for the doctor.
 *
 * A reader is not a store: it loads no library and refuses no server, for
 * what is wrong with those is to be found out and told. It owns its loop and
 * its connection.
 *
 * A look is a group of reads that are answered as of one instant
 * (MULTI ... EXEC). Looks are sent without waiting for the ones before;
 * reader_room() bounds how many are on their way.
 */
struct reader;

/* NULL and err where Redis can't be reached within redis.timeout. */
struct reader *reader_open(const struct config *config, struct error *err);
void reader_close(struct reader *r); /* may be NULL; looks are dropped */

/*
 * One command, and its answer, which is copied into the arena; an answer of
 * type REPLY_ERROR is what the server refused. NULL when there will be no
 * answer any more: reader_error() says why.
 */
const struct reply *reader_ask(struct reader *r, struct arena *arena,
			       const struct slice *words, size_t count);
#define ASK(reader, arena, ...)                                                \
	reader_ask(reader, arena, (const struct slice[]){__VA_ARGS__},         \
		   countof(((const struct slice[]){__VA_ARGS__})))

/*
 * The answers of a look, in order, those that were refused as REPLY_ERROR; or
 * NULL, after which reader_error() is set. Borrowed.
 */
typedef void look_fn(void *arg, const struct reply *answers);

/*
 * Begins a look, adds to it, sends it. Nothing else may be asked in between;
 * on_answer comes exactly once, later, and may begin another look.
 */
void look_begin(struct reader *r);
void look_add(struct reader *r, const struct slice *words, size_t count);
#define LOOK(reader, ...)                                                      \
	look_add(reader, (const struct slice[]){__VA_ARGS__},                  \
		 countof(((const struct slice[]){__VA_ARGS__})))
void look_end(struct reader *r, look_fn *on_answer, void *arg);

/* Waits until another look may be sent, or until all are answered. */
void reader_room(struct reader *r);
void reader_drain(struct reader *r);

/* Why reading is over, or NULL. */
const struct error *reader_error(const struct reader *r);

/*
 * Of an answer [name, value...], as XINFO and entries of streams have it: the
 * value of that name, or NULL; its text, or an empty one.
 */
const struct reply *pair_find(const struct reply *pairs, const char *name);
struct slice pair_text(const struct reply *pairs, const char *name);

#endif
