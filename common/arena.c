/* SPDX-License-Identifier: MIT */
#include "treadle/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN ((size_t)1 << 10)
#define BLOCK_MAX ((size_t)1 << 16)
#define ALIGN alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

static void free_blocks(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void arena_clear(struct arena *a)
{
	free_blocks(a->blocks);
	arena_init(a);
}

void arena_reset(struct arena *a)
{
	if (!a->blocks)
		return;
	free_blocks(a->blocks->next);
	a->blocks->next = NULL;
	a->used = 0;
}

static struct arena_block *block_new(size_t size)
{
	struct arena_block *b;

	must(size < SIZE_MAX / 2);
	b = xmalloc(sizeof(*b) + size);
	b->next = NULL;
	b->size = size;
	return b;
}

/* A block of its own stands second, so that the first is filled further. */
static void *alloc_alone(struct arena *a, size_t size)
{
	struct arena_block *b = block_new(size);

	b->next = a->blocks->next;
	a->blocks->next = b;
	return b->data;
}

static void add_block(struct arena *a)
{
	size_t size = a->size ? a->size * 2 : BLOCK_MIN;
	struct arena_block *b = block_new(size < BLOCK_MAX ? size : BLOCK_MAX);

	b->next = a->blocks;
	a->blocks = b;
	a->size = b->size;
	a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	char *piece;

	must(size < SIZE_MAX / 2);
	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (!a->blocks)
		add_block(a);
	if (size > BLOCK_MAX / 4 && size > a->size - a->used)
		return alloc_alone(a, size);
	while (size > a->size - a->used)
		add_block(a);
	piece = a->blocks->data + a->used;
	a->used += size;
	return piece;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	void *piece;

	must(!size || count < SIZE_MAX / 2 / size);
	piece = arena_alloc(a, count * size);
	memset(piece, 0, count * size);
	return piece;
}

char *arena_strdup(struct arena *a, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_alloc(a, size), text, size);
}

struct slice arena_copy(struct arena *a, struct slice bytes)
{
	char *copy = arena_alloc(a, bytes.len + 1);

	memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = '\0';
	return (struct slice){copy, bytes.len};
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args, again;
	char *text;
	int len;

	must(fmt);
	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	must(len >= 0);
	text = arena_alloc(a, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, fmt, again);
	va_end(again);
	return text;
}
