/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_RESP_H
#define TREADLE_RESP_H

#include "treadle/redis.h"

/*
 * The wire format, RESP 2: replies read from bytes.
 *
 * hiredis' reader takes the bytes apart and fills an arena of ours, so that
 * no element of a reply costs an allocation. What comes is not trusted: a
 * reply is bounded, and what is not RESP 2 is an error, after which the
 * reader is good for nothing but resp_reader_free().
 */
#define RESP_TEXT_MAX ((size_t)512 << 20) /* of all texts of one reply */
#define RESP_ITEMS_MAX ((size_t)16 << 20) /* of all arrays of one reply */
#define RESP_LINE_MAX ((size_t)1 << 20)   /* of a status, error, integer */
#define RESP_DEPTH_MAX 7                  /* arrays within arrays */

/* Feed in pieces no larger, or the reader moves its bytes about too often. */
#define RESP_FEED_MAX ((size_t)16 << 10)

struct resp_reader;

struct resp_reader *resp_reader_new(void);
void resp_reader_free(struct resp_reader *r); /* r may be NULL */

/* Copies the bytes. Then call resp_reader_next() until it gives 0. */
void resp_reader_feed(struct resp_reader *r, struct slice bytes);

/*
 * 1: *reply is the next one, borrowed until the next call. 0: more bytes are
 * needed. -1: these bytes are not a reply that we accept; the error says why.
 */
int resp_reader_next(struct resp_reader *r, const struct reply **reply,
		     struct error *err);

#endif
