/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEXT_H
#define TREADLE_TEXT_H

#include "treadle/base.h"

/*
 * Bytes: borrowed (slice) and growing (buf).
 *
 * A slice is a view of bytes that somebody else owns; it may hold NULs and
 * need not end in one. A buf owns its bytes and is born with a maximum, so
 * that nothing in the house grows without a bound.
 */
struct slice {
	const char *data; /* never NULL, also when len is 0 */
	size_t len;
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

struct slice slice_of(const char *text); /* NULL gives the empty slice */
bool slice_equal(struct slice a, struct slice b);
bool slice_is(struct slice s, const char *text);
bool slice_starts(struct slice s, const char *prefix);
struct slice slice_trim(struct slice s); /* blanks and line ends */

/* Takes s up to the first `separator` off s; all of s where there is none. */
struct slice slice_cut(struct slice *s, char separator);

/* A decimal integer, the whole slice, within [min, max]; -1 otherwise. */
int slice_int(struct slice s, int64_t min, int64_t max, int64_t *value);

struct buf {
	char *data; /* a NUL follows the bytes; "" before the first */
	size_t len, cap, max;
	bool is_full; /* something did not fit and was left out whole */
};

void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf *b); /* frees the bytes; b may be used again */
void buf_reset(struct buf *b); /* empties, keeps the memory */

/* Each appends, or sets is_full and returns -1, leaving b as it was. */
int buf_add(struct buf *b, const void *bytes, size_t len);
int buf_adds(struct buf *b, const char *text);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/*
 * Room for len bytes more behind b->len, or NULL; then count them in len. A
 * NUL stands behind the room.
 */
char *buf_room(struct buf *b, size_t len);

struct slice buf_slice(const struct buf *b); /* until b changes */
void buf_drop(struct buf *b, size_t len);    /* the first len bytes go */
void buf_cut(struct buf *b, size_t len);     /* all but the first len go */

/* True for well-formed UTF-8 (no surrogates, nothing over U+10FFFF). */
bool text_is_utf8(struct slice s);

/*
 * The one of count names nearest to `wrong` by edit distance, or NULL if none
 * is near enough to be worth proposing. names[i] are borrowed.
 */
const char *text_nearest(const char *wrong, const char *const *names,
			 size_t count);

/*
 * Names of workflows, steps, queues and inputs: 1 to 64 of [a-z0-9_-], the
 * first a letter or digit. They become parts of keys, so nothing else may.
 */
bool text_is_name(struct slice s);

/* Appends s with control bytes, backslashes and quotes escaped, for logs. */
void text_escape(struct buf *b, struct slice s);

#endif
