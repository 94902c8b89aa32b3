/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ARENA_H
#define TREADLE_ARENA_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Memory with one lifetime.
 *
 * A definition, an attempt, a command: each has many small pieces that all
 * end together. They are taken from an arena and never freed one by one.
 * Blocks double from 1 KiB to 64 KiB; a larger piece gets a block of its own.
 */
struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	size_t used, size;          /* of the newest block */
};

void arena_init(struct arena *a);
void arena_clear(struct arena *a); /* frees all; a may be used again */
void arena_reset(struct arena *a); /* as clear, but keeps one block */

void *arena_alloc(struct arena *a, size_t size); /* aligned, not cleared */
void *arena_calloc(struct arena *a, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *text);
struct slice arena_copy(struct arena *a, struct slice bytes); /* a NUL after */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

#endif
