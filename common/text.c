/* SPDX-License-Identifier: MIT */
#include "treadle/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MIN 64
#define NAME_MAX_LEN 64

/* Slices */

struct slice slice_of(const char *text)
{
	if (!text)
		return SLICE("");
	return (struct slice){text, strlen(text)};
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

bool slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

bool slice_starts(struct slice s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.data, prefix, len) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.len && is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

struct slice slice_cut(struct slice *s, char separator)
{
	struct slice head = *s;
	const char *found = memchr(s->data, separator, s->len);

	if (!found) {
		s->data += s->len;
		s->len = 0;
		return head;
	}
	head.len = (size_t)(found - s->data);
	s->data += head.len + 1;
	s->len -= head.len + 1;
	return head;
}

int slice_int(struct slice s, int64_t min, int64_t max, int64_t *value)
{
	bool is_negative = s.len && s.data[0] == '-';
	int64_t n = 0; /* kept negative: there is one more of those */

	if (s.len == (size_t)is_negative)
		return -1;
	for (size_t i = is_negative; i < s.len; i++) {
		int digit = s.data[i] - '0';

		if (digit < 0 || digit > 9 ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_sub_overflow(n, digit, &n))
			return -1;
	}
	if (!is_negative && __builtin_sub_overflow(0, n, &n))
		return -1;
	if (n < min || n > max)
		return -1;
	*value = n;
	return 0;
}

/* Buffers */

void buf_init(struct buf *b, size_t max)
{
	/* The "" is never written to: cap says that there is no room. */
	*b = (struct buf){.data = (char *)"", .max = max};
}

void buf_clear(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->is_full = false;
	if (b->cap)
		b->data[0] = '\0';
}

static void grow(struct buf *b, size_t cap)
{
	size_t doubled = b->cap ? b->cap * 2 : BUF_MIN;

	if (cap < doubled)
		cap = doubled;
	if (cap > b->max)
		cap = b->max + 1;
	b->data = xrealloc(b->cap ? b->data : NULL, cap);
	b->cap = cap;
}

char *buf_room(struct buf *b, size_t len)
{
	must(b->len <= b->max && b->max < SIZE_MAX / 2);
	if (len > b->max - b->len) {
		b->is_full = true;
		return NULL;
	}
	if (b->len + len >= b->cap)
		grow(b, b->len + len + 1);
	b->data[b->len + len] = '\0';
	return b->data + b->len;
}

int buf_add(struct buf *b, const void *bytes, size_t len)
{
	char *room = buf_room(b, len);

	if (!room)
		return -1;
	if (len)
		memcpy(room, bytes, len);
	b->len += len;
	return 0;
}

int buf_adds(struct buf *b, const char *text)
{
	return buf_add(b, text, strlen(text));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args, again;
	char *room;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	must(len >= 0);
	room = buf_room(b, (size_t)len);
	if (room) {
		vsnprintf(room, (size_t)len + 1, fmt, again);
		b->len += (size_t)len;
	}
	va_end(again);
	return room ? 0 : -1;
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->data, b->len};
}

void buf_drop(struct buf *b, size_t len)
{
	must(len <= b->len);
	if (!len)
		return;
	b->len -= len;
	memmove(b->data, b->data + len, b->len + 1);
}

void buf_cut(struct buf *b, size_t len)
{
	must(len <= b->len);
	b->len = len;
	if (b->cap)
		b->data[len] = '\0';
}

/* UTF-8 */

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the character that s begins with, 0 if it is malformed. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || len < 2 || !is_tail(s[1]))
		return 0;
	if (s[0] < 0xe0)
		return 2;
	if (len < 3 || !is_tail(s[2]))
		return 0;
	if (s[0] < 0xf0) {
		bool is_overlong = s[0] == 0xe0 && s[1] < 0xa0;
		bool is_surrogate = s[0] == 0xed && s[1] >= 0xa0;

		return is_overlong || is_surrogate ? 0 : 3;
	}
	if (s[0] > 0xf4 || len < 4 || !is_tail(s[3]))
		return 0;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return 4;
}

/* How many bytes at the start of s are plain ASCII, in steps of eight. */
static size_t ascii_len(const char *s, size_t len)
{
	size_t i = 0;

	while (len - i >= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, s + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
		i += sizeof(word);
	}
	return i;
}

bool text_is_utf8(struct slice s)
{
	size_t i = ascii_len(s.data, s.len);

	while (i < s.len) {
		size_t len =
			utf8_len((const unsigned char *)s.data + i, s.len - i);

		if (!len)
			return false;
		i += len;
		if (len == 1)
			i += ascii_len(s.data + i, s.len - i);
	}
	return true;
}

/* Names */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * The edit distance of a and b, where two letters that changed places count
 * as one edit; both at most NAME_MAX_LEN long. Three rows of the table will
 * do: this one and the two before.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NAME_MAX_LEN + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(change, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

const char *text_nearest(const char *wrong, const char *const *names,
			 size_t count)
{
	size_t wrong_len = strlen(wrong);
	size_t best = (wrong_len + 2) / 3 + 1;
	const char *nearest = NULL;

	if (wrong_len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names[i]), d;

		if (len > NAME_MAX_LEN)
			continue;
		d = distance(wrong, wrong_len, names[i], len);
		if (d < best) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_name(struct slice s)
{
	if (!s.len || s.len > NAME_MAX_LEN || !is_name_start(s.data[0]))
		return false;
	for (size_t i = 1; i < s.len; i++) {
		if (!is_name_start(s.data[i]) && s.data[i] != '_' &&
		    s.data[i] != '-')
			return false;
	}
	return true;
}

/* Escaping */

static void escape_byte(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_adds(b, "\\\"");
		break;
	case '\\':
		buf_adds(b, "\\\\");
		break;
	case '\n':
		buf_adds(b, "\\n");
		break;
	case '\r':
		buf_adds(b, "\\r");
		break;
	case '\t':
		buf_adds(b, "\\t");
		break;
	default:
		buf_addf(b, "\\x%02x", c);
	}
}

/*
 * Whether a character of that length may stand in a line as it is. U+0080 to
 * U+009F are control characters too: some terminals obey them.
 */
static bool is_plain(const unsigned char *s, size_t len)
{
	if (len == 1)
		return s[0] >= 0x20 && s[0] != 0x7f && s[0] != '"' &&
		       s[0] != '\\';
	return len > 2 || (len == 2 && !(s[0] == 0xc2 && s[1] < 0xa0));
}

void text_escape(struct buf *b, struct slice s)
{
	const unsigned char *bytes = (const unsigned char *)s.data;
	size_t from = 0, i = 0;

	while (i < s.len) {
		size_t len = utf8_len(bytes + i, s.len - i);

		if (is_plain(bytes + i, len)) {
			i += len;
			continue;
		}
		buf_add(b, s.data + from, i - from);
		for (from = i + (len ? len : 1); i < from; i++)
			escape_byte(b, bytes[i]);
	}
	buf_add(b, s.data + from, i - from);
}
