/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_GZIP_H
#define TREADLE_TEST_GZIP_H

#include "treadle/text.h"

/* Nobody reads a bomb to its end, so its sum is not right. */
#define BOMB_SIZE (1LL << 30)

/* gzip of count times the letter a, by hand: one literal, then repeats */

struct bits {
	struct buf *out;
	uint32_t held;
	int count;
};

static inline void add_bits(struct bits *b, uint32_t value, int count)
{
	b->held |= value << b->count;
	for (b->count += count; b->count >= 8; b->count -= 8) {
		buf_addc(b->out, (char)(b->held & 0xff));
		b->held >>= 8;
	}
}

/* Huffman codes begin at their highest bit. */
static inline void add_code(struct bits *b, uint32_t code, int count)
{
	for (int i = count - 1; i >= 0; i--)
		add_bits(b, code >> i & 1, 1);
}

static inline uint32_t crc_of(long long count)
{
	uint32_t crc = ~0U;

	for (long long i = 0; i < count; i++) {
		crc ^= 'a';
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static inline void add_gzip(struct buf *out, long long count)
{
	static const char head[10] = {0x1f, (char)0x8b, 8, [9] = 3};
	struct bits b = {.out = out};
	uint32_t crc = count < BOMB_SIZE ? crc_of(count) : 0;
	uint32_t size = (uint32_t)count;

	buf_add(out, head, sizeof(head));
	add_bits(&b, 3, 3); /* the last block, fixed codes */
	while (count && count % 258) {
		add_code(&b, 0x30 + 'a', 8);
		count--;
	}
	if (count) {
		for (int i = 0; i < 258; i++)
			add_code(&b, 0x30 + 'a', 8);
		count -= 258;
	}
	for (; count > 0; count -= 258) {
		add_code(&b, 0xc5, 8); /* 258 bytes ... */
		add_code(&b, 0, 5);    /* ... from one byte back */
	}
	add_code(&b, 0, 7); /* the end */
	add_bits(&b, 0, 7);
	buf_add(out, &crc, 4);
	buf_add(out, &size, 4);
}

#endif
