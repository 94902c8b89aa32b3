/* SPDX-License-Identifier: MIT */
#include "treadle/value.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * JSON, read and written.
 *
 * libjq has a parser of its own, but that one accepts NaN, duplicate keys and
 * broken UTF-8, can't say where it stopped, and reads a byte at a time. Both
 * directions here recurse, at most VALUE_DEPTH_MAX deep.
 */
#define NUMBER_TEXT_MAX 1024

/* Reading */

struct parser {
	const char *start, *at, *end;
	int depth;
	struct buf scratch; /* for strings with escapes */
	struct error *err;
};

static int parse_value(struct parser *p, jv *v);

static int fail(const struct parser *p, const char *what)
{
	int line = 1, column = 1;

	for (const char *c = p->start; c < p->at; c++) {
		bool is_tail = ((unsigned char)*c & 0xc0) == 0x80;

		column += !is_tail;
		if (*c == '\n') {
			line++;
			column = 1;
		}
	}
	return error_set(p->err, ERR_INPUT, "line %d, column %d: %s", line,
			 column, p->at == p->end ? "the text ends here" : what);
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' ||
				  *p->at == '\t' || *p->at == '\r'))
		p->at++;
}

static int parse_word(struct parser *p, struct slice word, jv is, jv *v)
{
	if ((size_t)(p->end - p->at) < word.len ||
	    memcmp(p->at, word.data, word.len) != 0)
		return fail(p, "not a value (a text needs quotes)");
	p->at += word.len;
	*v = is;
	return 0;
}

static size_t count_digits(const char *at, const char *end)
{
	const char *c = at;

	while (c < end && *c >= '0' && *c <= '9')
		c++;
	return (size_t)(c - at);
}

/* The length of the number at p->at, or 0 if JSON does not allow it. */
static size_t number_len(const struct parser *p, bool *is_whole)
{
	const char *c = p->at + (*p->at == '-');
	size_t digits = count_digits(c, p->end);

	if (!digits || (digits > 1 && *c == '0'))
		return 0;
	c += digits;
	*is_whole = true;
	if (c < p->end && *c == '.') {
		*is_whole = false;
		digits = count_digits(++c, p->end);
		if (!digits)
			return 0;
		c += digits;
	}
	if (c < p->end && (*c == 'e' || *c == 'E')) {
		*is_whole = false;
		c++;
		if (c < p->end && (*c == '+' || *c == '-'))
			c++;
		digits = count_digits(c, p->end);
		if (!digits)
			return 0;
		c += digits;
	}
	return (size_t)(c - p->at);
}

static int parse_number(struct parser *p, jv *v)
{
	char text[NUMBER_TEXT_MAX];
	bool is_whole = false;
	size_t len = number_len(p, &is_whole);
	int64_t whole;
	double d;

	if (!len)
		return fail(p, "not a number as JSON writes it");
	if (is_whole && len <= 15) {
		must(slice_int((struct slice){p->at, len}, INT64_MIN, INT64_MAX,
			       &whole) == 0);
		*v = jv_number((double)whole);
		p->at += len;
		return 0;
	}
	if (len >= sizeof(text))
		return fail(p, "a number of more than 1023 characters");
	memcpy(text, p->at, len);
	text[len] = '\0';
	d = strtod(text, NULL);
	if (!isfinite(d))
		return fail(p, "a number too large for a double");
	*v = jv_number(d);
	p->at += len;
	return 0;
}

/* Four hexadecimal digits behind "\u", or -1. */
static int hex4(const struct parser *p, const char *at)
{
	int code = 0;

	if (p->end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];

		code *= 16;
		if (c >= '0' && c <= '9')
			code += c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			code += (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return code;
}

static void add_codepoint(struct buf *b, int code)
{
	if (code < 0x80) {
		buf_addc(b, (char)code);
		return;
	}
	if (code < 0x800) {
		buf_addc(b, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			buf_addc(b, (char)(0xe0 | code >> 12));
		} else {
			buf_addc(b, (char)(0xf0 | code >> 18));
			buf_addc(b, (char)(0x80 | (code >> 12 & 0x3f)));
		}
		buf_addc(b, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	buf_addc(b, (char)(0x80 | (code & 0x3f)));
}

/* p->at stands on the u of "\u"; a pair of them may make one character. */
static int unescape_code(struct parser *p)
{
	int code = hex4(p, p->at + 1), low;

	if (code < 0)
		return fail(p, "\\u needs four hexadecimal digits");
	p->at += 5;
	if (code < 0xd800 || code > 0xdfff) {
		add_codepoint(&p->scratch, code);
		return 0;
	}
	if (code < 0xdc00 && p->end - p->at >= 6 && p->at[0] == '\\' &&
	    p->at[1] == 'u') {
		low = hex4(p, p->at + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			p->at += 6;
			add_codepoint(&p->scratch,
				      0x10000 + ((code & 0x3ff) << 10) +
					      (low & 0x3ff));
			return 0;
		}
	}
	add_codepoint(&p->scratch, 0xfffd);
	return 0;
}

/* p->at stands behind a backslash. */
static int unescape(struct parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (p->at == p->end)
		return fail(p, "");
	if (*p->at == 'u')
		return unescape_code(p);
	found = *p->at ? strchr(from, *p->at) : NULL;
	if (!found)
		return fail(p, "no such escape: \\\\ stands for a backslash");
	buf_addc(&p->scratch, to[found - from]);
	p->at++;
	return 0;
}

/* Moves on to what is not a plain character of a string. */
static struct slice cut_plain(struct parser *p)
{
	const char *from = p->at;

	while (p->at < p->end && *p->at != '"' && *p->at != '\\' &&
	       (unsigned char)*p->at >= 0x20)
		p->at++;
	return (struct slice){from, (size_t)(p->at - from)};
}

/* The rest of a string in which there is a backslash at p->at. */
static int parse_escaped(struct parser *p, struct slice head)
{
	buf_reset(&p->scratch);
	buf_add(&p->scratch, head.data, head.len);
	while (p->at < p->end && *p->at == '\\') {
		struct slice plain;

		p->at++;
		if (unescape(p) < 0)
			return -1;
		plain = cut_plain(p);
		buf_add(&p->scratch, plain.data, plain.len);
	}
	return 0;
}

static int parse_string(struct parser *p, jv *v)
{
	const char *opening = p->at++;
	struct slice text = cut_plain(p);

	if (p->at < p->end && *p->at == '\\') {
		if (parse_escaped(p, text) < 0)
			return -1;
		text = buf_slice(&p->scratch);
	}
	if (p->at == p->end || *p->at != '"')
		return fail(p, "a control character in a string: write \\n, "
			       "\\t or \\u00XX");
	if (!text_is_utf8(text)) {
		p->at = opening;
		return fail(p, "this string is not valid UTF-8");
	}
	p->at++;
	*v = jv_string_sized(text.data, (int)text.len);
	return 0;
}

static int enter(struct parser *p)
{
	if (p->depth == VALUE_DEPTH_MAX)
		return fail(p, "nested too deeply");
	p->depth++;
	p->at++;
	skip_blanks(p);
	return 0;
}

/* True behind the last item; else p->at stands on the next one. */
static int parse_separator(struct parser *p, char closing, bool *is_last)
{
	skip_blanks(p);
	if (p->at < p->end && *p->at == closing) {
		p->at++;
		p->depth--;
		*is_last = true;
		return 0;
	}
	if (p->at == p->end || *p->at != ',')
		return fail(p, closing == ']' ? "expected , or ]"
					      : "expected , or }");
	p->at++;
	skip_blanks(p);
	*is_last = false;
	return 0;
}

static bool leave_empty(struct parser *p, char closing)
{
	if (p->at == p->end || *p->at != closing)
		return false;
	p->at++;
	p->depth--;
	return true;
}

static int parse_array(struct parser *p, jv *v)
{
	jv array, item;
	bool is_last = false;

	if (enter(p) < 0)
		return -1;
	array = jv_array();
	if (leave_empty(p, ']'))
		is_last = true;
	while (!is_last) {
		if (parse_value(p, &item) < 0)
			goto free_array;
		array = jv_array_append(array, item);
		if (parse_separator(p, ']', &is_last) < 0)
			goto free_array;
	}
	*v = array;
	return 0;

free_array:
	jv_free(array);
	return -1;
}

/* The key, which must be new to the object, and the colon behind it. */
static int parse_key(struct parser *p, jv object, jv *key)
{
	const char *at = p->at;

	if (p->at == p->end || *p->at != '"')
		return fail(p, "expected a key in double quotes");
	if (parse_string(p, key) < 0)
		return -1;
	if (jv_object_has(jv_copy(object), jv_copy(*key))) {
		p->at = at;
		fail(p, "this key stands there a second time");
		goto free_key;
	}
	skip_blanks(p);
	if (p->at == p->end || *p->at != ':') {
		fail(p, "expected : behind the key");
		goto free_key;
	}
	p->at++;
	skip_blanks(p);
	return 0;

free_key:
	jv_free(*key);
	return -1;
}

static int parse_object(struct parser *p, jv *v)
{
	jv object, key, value;
	bool is_last = false;

	if (enter(p) < 0)
		return -1;
	object = jv_object();
	if (leave_empty(p, '}'))
		is_last = true;
	while (!is_last) {
		if (parse_key(p, object, &key) < 0)
			goto free_object;
		if (parse_value(p, &value) < 0) {
			jv_free(key);
			goto free_object;
		}
		object = jv_object_set(object, key, value);
		if (parse_separator(p, '}', &is_last) < 0)
			goto free_object;
	}
	*v = object;
	return 0;

free_object:
	jv_free(object);
	return -1;
}

static int parse_value(struct parser *p, jv *v)
{
	switch (p->at < p->end ? *p->at : '\0') {
	case '{':
		return parse_object(p, v);
	case '[':
		return parse_array(p, v);
	case '"':
		return parse_string(p, v);
	case 't':
		return parse_word(p, SLICE("true"), jv_true(), v);
	case 'f':
		return parse_word(p, SLICE("false"), jv_false(), v);
	case 'n':
		return parse_word(p, SLICE("null"), jv_null(), v);
	case '-':
	case '0' ... '9':
		return parse_number(p, v);
	default:
		return fail(p, "not a value (a text needs quotes)");
	}
}

int json_parse(struct slice text, jv *v, struct error *err)
{
	struct parser p = {.start = text.data,
			   .at = text.data,
			   .end = text.data + text.len,
			   .err = err};
	int rc;

	if (text.len > INT_MAX / 4)
		return error_set(err, ERR_INPUT, "more than 512 MiB of JSON");
	buf_init(&p.scratch, text.len);
	skip_blanks(&p);
	rc = parse_value(&p, v);
	if (rc == 0) {
		skip_blanks(&p);
		if (p.at < p.end) {
			jv_free(*v);
			rc = fail(&p, "something follows behind the value");
		}
	}
	buf_clear(&p.scratch);
	return rc;
}
