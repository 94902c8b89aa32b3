/* SPDX-License-Identifier: MIT */
#include "treadle/value.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

/*
 * YAML: one document, read by its events.
 *
 * What makes YAML dangerous is refused: aliases (bombs), tags (types that
 * others define), merge keys. What makes it surprising is not read: plain
 * scalars follow the core schema of YAML 1.2, where yes and on are texts, and
 * where even that could mislead (0644, numbers beyond 2^53) the user is asked
 * to say what is meant.
 */
#define TEXT_LEN_MAX ((size_t)1 << 20)
#define NODES_MAX 50000
#define NUMBER_LEN_MAX 64
#define WHOLE_LIMIT 9007199254740992.0 /* 2^53 */

struct reader {
	struct slice text;
	yaml_parser_t parser;
	yaml_event_t event; /* the current one, owned */
	int depth, nodes;
	bool has_places;
	struct error *err;
};

/* A node that has been read: what it is, and where. */
struct node {
	jv value, place;
};

static int read_node(struct reader *r, int line, struct node *node);

/* Events */

static int event_line(const struct reader *r)
{
	return (int)r->event.start_mark.line + 1;
}

static int fail(const struct reader *r, const char *what)
{
	return error_set(r->err, ERR_INPUT, "line %d: %s", event_line(r), what);
}

/* What libyaml has to say; of characters it knows the offset only. */
static int fail_parser(const struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line + 1;

	must_afford(p->error != YAML_MEMORY_ERROR);
	if (p->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->text.len;
		     i++)
			line += r->text.data[i] == '\n';
	}
	return error_set(r->err, ERR_INPUT, "line %zu: %s%s%s", line,
			 p->problem ? p->problem : "not YAML",
			 p->context ? " " : "", p->context ? p->context : "");
}

static int next_event(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return fail_parser(r);
	return 0;
}

/* Scalars */

static bool is_any_of(struct slice s, const char *const words[3])
{
	return slice_is(s, words[0]) || slice_is(s, words[1]) ||
	       slice_is(s, words[2]);
}

static size_t sign_len(struct slice s)
{
	return s.data[0] == '-' || s.data[0] == '+';
}

static size_t count_digits(const char *c)
{
	return strspn(c, "0123456789");
}

/* Behind an "e" or "E": the length of the exponent, 0 if there is none. */
static size_t exponent_len(const char *c)
{
	size_t sign = *c == '-' || *c == '+';
	size_t digits = count_digits(c + sign);

	return digits ? sign + digits : 0;
}

/* A sign, digits, a fraction, an exponent; a NUL stands behind s. */
static bool is_decimal(struct slice s, bool *is_whole)
{
	const char *c = s.data + sign_len(s);
	size_t before = count_digits(c), after = 0, exponent;

	c += before;
	*is_whole = true;
	if (*c == '.') {
		*is_whole = false;
		after = count_digits(++c);
		c += after;
	}
	if (!before && !after)
		return false;
	if (*c == 'e' || *c == 'E') {
		*is_whole = false;
		exponent = exponent_len(++c);
		if (!exponent)
			return false;
		c += exponent;
	}
	return c == s.data + s.len;
}

/* "0o17" or "0x1f": gives the base. */
static bool is_based(struct slice s, int *base)
{
	const char *digits = "01234567";

	*base = 8;
	if (slice_starts(s, "0x")) {
		digits = "0123456789abcdefABCDEF";
		*base = 16;
	} else if (!slice_starts(s, "0o")) {
		return false;
	}
	return s.len > 2 && 2 + strspn(s.data + 2, digits) == s.len;
}

static bool is_not_finite(struct slice s)
{
	static const char *const nan[] = {".nan", ".NaN", ".NAN"};
	static const char *const inf[] = {".inf", ".Inf", ".INF"};
	size_t sign = s.len ? sign_len(s) : 0;

	return is_any_of(s, nan) ||
	       is_any_of((struct slice){s.data + sign, s.len - sign}, inf);
}

static int read_number(const struct reader *r, struct slice s, bool is_whole,
		       double d, jv *v)
{
	const char *digits = s.data + sign_len(s);

	if (is_whole && digits[0] == '0' && count_digits(digits) > 1)
		return fail(r, "a number that begins with 0 may mean two "
			       "things: write 0o17 for octal, or put it in "
			       "quotes");
	if (s.len > NUMBER_LEN_MAX || !isfinite(d) ||
	    (is_whole && fabs(d) >= WHOLE_LIMIT))
		return fail(r, "a number too large to be kept exactly: put it "
			       "in quotes");
	*v = jv_number(d);
	return 0;
}

static int read_plain(const struct reader *r, struct slice s, jv *v)
{
	static const char *const null[] = {"null", "Null", "NULL"};
	static const char *const yes[] = {"true", "True", "TRUE"};
	static const char *const no[] = {"false", "False", "FALSE"};
	bool is_whole;
	int base;

	if (is_not_finite(s))
		return fail(r, "NaN and infinity are not allowed");
	if (is_decimal(s, &is_whole))
		return read_number(r, s, is_whole, strtod(s.data, NULL), v);
	if (is_based(s, &base))
		return read_number(r, s, true,
				   (double)strtoull(s.data + 2, NULL, base), v);
	if (!s.len || slice_is(s, "~") || is_any_of(s, null))
		*v = jv_null();
	else if (is_any_of(s, yes))
		*v = jv_true();
	else if (is_any_of(s, no))
		*v = jv_false();
	else
		*v = jv_string_sized(s.data, (int)s.len);
	return 0;
}

static struct slice scalar_text(const struct reader *r)
{
	return (struct slice){(const char *)r->event.data.scalar.value,
			      r->event.data.scalar.length};
}

static bool is_plain(const struct reader *r)
{
	return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int read_scalar(const struct reader *r, jv *v)
{
	struct slice s = scalar_text(r);

	if (is_plain(r))
		return read_plain(r, s, v);
	*v = jv_string_sized(s.data, (int)s.len);
	return 0;
}

/* Nodes */

static int refuse_anchor_and_tag(const struct reader *r, const void *anchor,
				 const void *tag)
{
	if (anchor)
		return fail(r, "anchors (&) are not allowed: write it out");
	if (tag)
		return fail(r, "tags (!) are not allowed");
	return 0;
}

/* The key at the current event; must be new to the object. */
static int read_key(struct reader *r, jv object, jv *key)
{
	struct slice s;

	if (r->event.type != YAML_SCALAR_EVENT)
		return fail(r, "a key must be a text");
	if (refuse_anchor_and_tag(r, r->event.data.scalar.anchor,
				  r->event.data.scalar.tag) < 0)
		return -1;
	s = scalar_text(r);
	if (is_plain(r) && slice_is(s, "<<"))
		return fail(r, "merge keys (<<) are not allowed: write it out");
	*key = jv_string_sized(s.data, (int)s.len);
	if (!jv_object_has(jv_copy(object), jv_copy(*key)))
		return 0;
	error_set(r->err, ERR_INPUT,
		  "line %d: \"%.64s\" stands there a second "
		  "time",
		  event_line(r), s.data);
	jv_free(*key);
	return -1;
}

static int read_member(struct reader *r, struct node *object)
{
	int line = event_line(r);
	struct node member;
	jv key;

	if (read_key(r, object->value, &key) < 0)
		return -1;
	if (next_event(r) < 0 || read_node(r, line, &member) < 0) {
		jv_free(key);
		return -1;
	}
	if (r->has_places)
		object->place = jv_object_set(
			object->place,
			jv_string_fmt(".%s", jv_string_value(key)),
			member.place);
	object->value = jv_object_set(object->value, key, member.value);
	return 0;
}

static int read_item(struct reader *r, struct node *array)
{
	struct node item;

	if (read_node(r, event_line(r), &item) < 0)
		return -1;
	if (r->has_places)
		array->place = jv_array_append(array->place, item.place);
	array->value = jv_array_append(array->value, item.value);
	return 0;
}

static int read_collection(struct reader *r, struct node *node,
			   yaml_event_type_t end,
			   int (*read)(struct reader *, struct node *))
{
	if (r->depth == VALUE_DEPTH_MAX) {
		fail(r, "nested too deeply");
		goto free_node;
	}
	r->depth++;
	for (;;) {
		if (next_event(r) < 0)
			goto free_node;
		if (r->event.type == end)
			break;
		if (read(r, node) < 0)
			goto free_node;
	}
	r->depth--;
	return 0;

free_node:
	jv_free(node->value);
	jv_free(node->place);
	return -1;
}

static int read_sequence(struct reader *r, int line, struct node *node)
{
	if (refuse_anchor_and_tag(r, r->event.data.sequence_start.anchor,
				  r->event.data.sequence_start.tag) < 0)
		return -1;
	node->value = jv_array();
	node->place = r->has_places ? JV_ARRAY(jv_number(line)) : jv_null();
	return read_collection(r, node, YAML_SEQUENCE_END_EVENT, read_item);
}

static int read_mapping(struct reader *r, int line, struct node *node)
{
	if (refuse_anchor_and_tag(r, r->event.data.mapping_start.anchor,
				  r->event.data.mapping_start.tag) < 0)
		return -1;
	node->value = jv_object();
	node->place = r->has_places ? JV_OBJECT(jv_string(""), jv_number(line))
				    : jv_null();
	return read_collection(r, node, YAML_MAPPING_END_EVENT, read_member);
}

/* The node at the current event, which counts as being on that line. */
static int read_node(struct reader *r, int line, struct node *node)
{
	if (++r->nodes > NODES_MAX)
		return fail(r, "more than 50000 values");
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		if (refuse_anchor_and_tag(r, r->event.data.scalar.anchor,
					  r->event.data.scalar.tag) < 0)
			return -1;
		node->place = jv_number(line);
		return read_scalar(r, &node->value);
	case YAML_SEQUENCE_START_EVENT:
		return read_sequence(r, line, node);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(r, line, node);
	default:
		must(r->event.type == YAML_ALIAS_EVENT);
		return fail(r, "aliases (*) are not allowed: write it out");
	}
}

/* Documents */

static int read_document(struct reader *r, struct node *node)
{
	if (r->event.type == YAML_STREAM_END_EVENT) {
		*node = (struct node){jv_null(), jv_number(1)};
		return 0;
	}
	if (next_event(r) < 0 || read_node(r, event_line(r), node) < 0)
		return -1;
	if (next_event(r) < 0 || next_event(r) < 0)
		goto free_node;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	fail(r, "a second document begins");

free_node:
	jv_free(node->value);
	jv_free(node->place);
	return -1;
}

static int check_text(struct slice text, struct error *err)
{
	if (text.len > TEXT_LEN_MAX)
		return error_set(err, ERR_INPUT, "more than 1 MiB of YAML");
	for (int line = 1; text.len; line++) {
		if (!text_is_utf8(slice_cut(&text, '\n')))
			return error_set(err, ERR_INPUT,
					 "line %d: not valid UTF-8", line);
	}
	return 0;
}

int yaml_parse(struct slice text, jv *v, jv *places, struct error *err)
{
	struct reader r = {.text = text, .has_places = places, .err = err};
	struct node node;
	int rc = -1;

	if (check_text(text, err) < 0)
		return -1;
	must_afford(yaml_parser_initialize(&r.parser));
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&r.parser, (const unsigned char *)text.data, text.len);
	/* The start of the stream, then of the document. */
	if (next_event(&r) == 0 && next_event(&r) == 0)
		rc = read_document(&r, &node);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (rc < 0)
		return -1;
	*v = node.value;
	if (places)
		*places = node.place;
	else
		jv_free(node.place);
	return 0;
}
