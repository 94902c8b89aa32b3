/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_VALUE_H
#define TREADLE_VALUE_H

#include <jv.h>

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Values: one tree for all data.
 *
 * libjq's jv is the one value type. All jv_* functions consume what they are
 * given, but for jv_copy; ours below borrow their jv arguments unless they
 * say "owns". YAML, JSON and msgpack are read into jv and written from it.
 * Every reader is bounded in depth and size, refuses invalid UTF-8, NaN and
 * trailing bytes, and says where it stopped.
 */
#define VALUE_DEPTH_MAX 64

/*
 * JSON (json.c): errors read "line 3, column 7: ...". Gives *v. Numbers are
 * doubles, as in jq: a whole number beyond 2^53 becomes the nearest one. Half
 * a surrogate pair (\ud83d alone) becomes U+FFFD.
 *
 * Printing fails, leaving out as it was, where v does not fit into it or is
 * nested deeper than VALUE_DEPTH_MAX. NaN is printed as null and an infinity
 * as the largest number, as jq does it.
 */
int json_parse(struct slice text, jv *v, struct error *err);
/* Compact, keys sorted; an array or object of JSON on one line. */
int json_print(jv v, struct buf *out);
/* Indented by two spaces, for people. */
int json_pretty(jv v, struct buf *out);
/* Appends text as a JSON string with its quotes; invalid UTF-8 replaced. */
int json_quote(struct buf *out, struct slice text);

/*
 * msgpack (msgpack.c), the stored form. Object keys are written in sorted
 * order, whole numbers up to 2^53 as integers: equal values give equal bytes.
 * Printing fails, and rounds NaN and infinity, as that of JSON.
 *
 * What others wrote is read as well: integers beyond 2^53 become the nearest
 * double, as they do in JSON; binary data that is UTF-8 becomes text, other
 * binary data and extension types are refused, and so are keys that are not
 * text. Errors read "byte 17: ...".
 */
int msgpack_print(jv v, struct buf *out);
int msgpack_parse(struct slice bytes, jv *v, struct error *err);

/*
 * YAML (yaml.c): one document, core schema; aliases, anchors, tags, merge
 * keys and duplicate keys are refused. Where places is not NULL, *places is
 * a tree of the same shape that knows the lines: a scalar's place is its line
 * number, an array's is [line, item places...], an object's is {"": line,
 * ".key": place...}. The line of a member is that of its key.
 */
int yaml_parse(struct slice text, jv *v, jv *places, struct error *err);

/* The members of an object in the order of their keys. Borrows object. */
struct member {
	struct slice name;
	jv key, value;
};

struct members {
	struct member *items, small[16];
	size_t count;
};

void members_init(struct members *m, jv object);
void members_clear(struct members *m);

/* Borrowed look-ups, for reading trees without counting references. */
/* The member of an object, or the invalid jv; the caller frees it. */
jv value_get(jv object, const char *key);
bool value_is_text(jv v);
struct slice value_text(jv v); /* must be a string; until v is freed */
bool value_is_whole(jv v);     /* a number without fraction, within 2^53 */
const char *value_kind(jv v);  /* "a string", "an object": for messages */

/* The number of the line of a place that yaml_parse() gave. */
int place_line(jv place);
jv place_get(jv place, const char *key); /* of a member; caller frees */
jv place_at(jv place, int index);        /* of an item; caller frees */

#endif
