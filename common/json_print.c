/* SPDX-License-Identifier: MIT */
#include "treadle/value.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * JSON, written. The reader is in json.c.
 *
 * Nobody looks at what the single buf_add() returns: a buf that is full says
 * so itself, and is asked once, at the end. What is nested too deeply counts
 * as what does not fit.
 */
#define COMPACT (-1)

struct printer {
	struct buf *out;
	int indent; /* of the line, in levels, or COMPACT */
	int depth;
};

static void print_value(struct printer *p, jv v);

static void print_whole(struct buf *out, int64_t n)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (n < 0)
		*--at = '-';
	buf_add(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* With the fewest digits that read back as the same number. */
static void print_number(struct buf *out, jv v)
{
	double d = jv_number_value(v);
	char text[32];

	if (value_is_whole(v)) {
		print_whole(out, (int64_t)d);
		return;
	}
	if (isnan(d)) {
		buf_adds(out, "null");
		return;
	}
	if (isinf(d))
		d = d > 0 ? DBL_MAX : -DBL_MAX;
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_adds(out, text);
}

static void escape(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		buf_adds(out, "\\\"");
		break;
	case '\\':
		buf_adds(out, "\\\\");
		break;
	case '\n':
		buf_adds(out, "\\n");
		break;
	case '\r':
		buf_adds(out, "\\r");
		break;
	case '\t':
		buf_adds(out, "\\t");
		break;
	default:
		buf_addf(out, "\\u%04x", c);
	}
}

static void print_text(struct buf *out, struct slice text)
{
	size_t from = 0;

	buf_addc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_add(out, text.data + from, i - from);
		escape(out, c);
		from = i + 1;
	}
	buf_add(out, text.data + from, text.len - from);
	buf_addc(out, '"');
}

static void print_line_end(struct printer *p)
{
	if (p->indent == COMPACT)
		return;
	buf_addc(p->out, '\n');
	for (int i = 0; i < p->indent; i++)
		buf_adds(p->out, "  ");
}

static bool enter(struct printer *p, char opening)
{
	if (p->depth == VALUE_DEPTH_MAX)
		p->out->is_full = true;
	if (p->out->is_full)
		return false;
	p->depth++;
	if (p->indent != COMPACT)
		p->indent++;
	buf_addc(p->out, opening);
	return true;
}

static void leave(struct printer *p, bool is_empty, char closing)
{
	p->depth--;
	if (p->indent != COMPACT)
		p->indent--;
	if (!is_empty)
		print_line_end(p);
	buf_addc(p->out, closing);
}

static void print_array(struct printer *p, jv v)
{
	int count = jv_array_length(jv_copy(v));

	if (!enter(p, '['))
		return;
	for (int i = 0; i < count && !p->out->is_full; i++) {
		jv item = jv_array_get(jv_copy(v), i);

		if (i)
			buf_addc(p->out, ',');
		print_line_end(p);
		print_value(p, item);
		jv_free(item);
	}
	leave(p, !count, ']');
}

static void print_object(struct printer *p, jv v)
{
	struct members m;

	if (!enter(p, '{'))
		return;
	members_init(&m, v);
	for (size_t i = 0; i < m.count && !p->out->is_full; i++) {
		if (i)
			buf_addc(p->out, ',');
		print_line_end(p);
		print_text(p->out, m.items[i].name);
		buf_adds(p->out, p->indent == COMPACT ? ":" : ": ");
		print_value(p, m.items[i].value);
	}
	leave(p, !m.count, '}');
	members_clear(&m);
}

static void print_value(struct printer *p, jv v)
{
	switch (jv_get_kind(v)) {
	case JV_KIND_NULL:
		buf_adds(p->out, "null");
		break;
	case JV_KIND_FALSE:
		buf_adds(p->out, "false");
		break;
	case JV_KIND_TRUE:
		buf_adds(p->out, "true");
		break;
	case JV_KIND_NUMBER:
		print_number(p->out, v);
		break;
	case JV_KIND_STRING:
		print_text(p->out, value_text(v));
		break;
	case JV_KIND_ARRAY:
		print_array(p, v);
		break;
	case JV_KIND_OBJECT:
		print_object(p, v);
		break;
	case JV_KIND_INVALID:
		must(jv_is_valid(v));
	}
}

/* All of what was begun at `from`, or nothing. */
static int finish(struct buf *out, size_t from)
{
	if (!out->is_full)
		return 0;
	buf_cut(out, from);
	return -1;
}

static int print(jv v, struct buf *out, int indent)
{
	struct printer p = {.out = out, .indent = indent};
	size_t from = out->len;

	print_value(&p, v);
	return finish(out, from);
}

int json_print(jv v, struct buf *out)
{
	return print(v, out, COMPACT);
}

int json_pretty(jv v, struct buf *out)
{
	return print(v, out, 0);
}

int json_quote(struct buf *out, struct slice text)
{
	size_t from = out->len;
	jv repaired;

	if (text_is_utf8(text)) {
		print_text(out, text);
		return finish(out, from);
	}
	repaired = jv_string_sized(text.data, (int)text.len);
	print_text(out, value_text(repaired));
	jv_free(repaired);
	return finish(out, from);
}
