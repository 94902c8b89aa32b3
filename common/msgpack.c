/* SPDX-License-Identifier: MIT */
#include "treadle/value.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <msgpack.h>

/*
 * msgpack, the form in which values are stored.
 *
 * It is written with msgpack-c. It is read here, straight from the bytes into
 * jv: msgpack-c would first build a tree of its own, and asks for as much
 * memory as a header claims, 96 GB for five bytes. Here all headers together
 * may not claim more items than there are bytes.
 */

/* Reading */

struct reader {
	const unsigned char *start, *at, *end;
	size_t claims_left;
	int depth;
	struct error *err;
};

static int read_value(struct reader *r, jv *v);

PRINTF(2, 3)
static int fail(const struct reader *r, const char *fmt, ...)
{
	char what[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return error_set(r->err, ERR_INPUT, "byte %td: %s", r->at - r->start,
			 what);
}

/* An unsigned number of `size` bytes, the most significant first. */
static int read_uint(struct reader *r, int size, uint64_t *n)
{
	*n = 0;
	if (r->end - r->at < size)
		return fail(r, "the bytes end too early");
	for (int i = 0; i < size; i++)
		*n = *n << 8 | *r->at++;
	return 0;
}

static int read_number(struct reader *r, int size, bool is_signed, jv *v)
{
	int shift = 64 - 8 * size;
	uint64_t n;

	if (read_uint(r, size, &n) < 0)
		return -1;
	*v = jv_number(is_signed ? (double)((int64_t)(n << shift) >> shift)
				 : (double)n);
	return 0;
}

static int read_float(struct reader *r, int size, jv *v)
{
	uint64_t n;
	uint32_t half;
	double d;
	float f;

	if (read_uint(r, size, &n) < 0)
		return -1;
	if (size == sizeof(f)) {
		half = (uint32_t)n;
		memcpy(&f, &half, sizeof(f));
		d = (double)f;
	} else {
		memcpy(&d, &n, sizeof(d));
	}
	if (!isfinite(d))
		return fail(r, "NaN and infinity are not allowed");
	*v = jv_number(d);
	return 0;
}

static int read_text(struct reader *r, uint64_t len, jv *v)
{
	struct slice text = {(const char *)r->at, len};

	if (len > (size_t)(r->end - r->at))
		return fail(r, "the bytes end too early");
	if (!text_is_utf8(text))
		return fail(r, "a text that is not valid UTF-8");
	*v = jv_string_sized(text.data, (int)text.len);
	r->at += len;
	return 0;
}

static int enter(struct reader *r, uint64_t claims)
{
	if (claims > r->claims_left)
		return fail(r, "more items claimed than there are bytes");
	if (r->depth == VALUE_DEPTH_MAX)
		return fail(r, "nested too deeply");
	r->claims_left -= claims;
	r->depth++;
	return 0;
}

static int read_array(struct reader *r, uint64_t count, jv *v)
{
	jv array, item;

	if (enter(r, count) < 0)
		return -1;
	array = count ? jv_array_sized((int)count) : jv_array();
	for (uint64_t i = 0; i < count; i++) {
		if (read_value(r, &item) < 0) {
			jv_free(array);
			return -1;
		}
		array = jv_array_append(array, item);
	}
	r->depth--;
	*v = array;
	return 0;
}

static int read_key(struct reader *r, jv object, jv *key)
{
	if (read_value(r, key) < 0)
		return -1;
	if (!value_is_text(*key))
		fail(r, "a key that is not text");
	else if (jv_object_has(jv_copy(object), jv_copy(*key)))
		fail(r, "a key a second time");
	else
		return 0;
	jv_free(*key);
	return -1;
}

static int read_map(struct reader *r, uint64_t count, jv *v)
{
	jv object, key, value;

	if (enter(r, 2 * count) < 0)
		return -1;
	object = jv_object();
	for (uint64_t i = 0; i < count; i++) {
		if (read_key(r, object, &key) < 0)
			goto free_object;
		if (read_value(r, &value) < 0) {
			jv_free(key);
			goto free_object;
		}
		object = jv_object_set(object, key, value);
	}
	r->depth--;
	*v = object;
	return 0;

free_object:
	jv_free(object);
	return -1;
}

/* A length of `size` bytes, then what `read` makes of it. */
static int read_long(struct reader *r, int size,
		     int (*read)(struct reader *, uint64_t, jv *), jv *v)
{
	uint64_t len;

	return read_uint(r, size, &len) < 0 ? -1 : read(r, len, v);
}

/* What begins with a byte that says no more than the type. */
static int read_typed(struct reader *r, int type, jv *v)
{
	switch (type) {
	case 0xc0:
		*v = jv_null();
		return 0;
	case 0xc2:
	case 0xc3:
		*v = jv_bool(type == 0xc3);
		return 0;
	case 0xc4 ... 0xc6: /* binary data */
		return read_long(r, 1 << (type - 0xc4), read_text, v);
	case 0xca:
		return read_float(r, 4, v);
	case 0xcb:
		return read_float(r, 8, v);
	case 0xcc ... 0xcf:
		return read_number(r, 1 << (type - 0xcc), false, v);
	case 0xd0 ... 0xd3:
		return read_number(r, 1 << (type - 0xd0), true, v);
	case 0xd9 ... 0xdb:
		return read_long(r, 1 << (type - 0xd9), read_text, v);
	case 0xdc:
	case 0xdd:
		return read_long(r, type == 0xdc ? 2 : 4, read_array, v);
	case 0xde:
	case 0xdf:
		return read_long(r, type == 0xde ? 2 : 4, read_map, v);
	default:
		return fail(r, "type 0x%02x is not allowed", type);
	}
}

static int read_value(struct reader *r, jv *v)
{
	int type;

	if (r->at == r->end)
		return fail(r, "the bytes end too early");
	type = *r->at++;
	if (type < 0x80) {
		*v = jv_number(type);
		return 0;
	}
	if (type >= 0xe0) {
		*v = jv_number(type - 0x100);
		return 0;
	}
	if (type < 0x90)
		return read_map(r, type & 0x0f, v);
	if (type < 0xa0)
		return read_array(r, type & 0x0f, v);
	if (type < 0xc0)
		return read_text(r, type & 0x1f, v);
	return read_typed(r, type, v);
}

int msgpack_parse(struct slice bytes, jv *v, struct error *err)
{
	const unsigned char *start = (const unsigned char *)bytes.data;
	struct reader r = {.start = start,
			   .at = start,
			   .end = start + bytes.len,
			   .claims_left = bytes.len,
			   .err = err};

	if (bytes.len > INT_MAX / 4)
		return error_set(err, ERR_INPUT,
				 "more than 512 MiB of msgpack");
	if (read_value(&r, v) < 0)
		return -1;
	if (r.at < r.end) {
		jv_free(*v);
		return fail(&r, "something follows behind the value");
	}
	return 0;
}

/* Writing */

static void pack(msgpack_packer *pk, jv v, int depth);

static int write_bytes(void *arg, const char *bytes, size_t len)
{
	return buf_add(arg, bytes, len);
}

static void pack_text(msgpack_packer *pk, struct slice text)
{
	msgpack_pack_str(pk, text.len);
	msgpack_pack_str_body(pk, text.data, text.len);
}

static void pack_number(msgpack_packer *pk, jv v)
{
	double d = jv_number_value(v);

	if (value_is_whole(v))
		msgpack_pack_int64(pk, (int64_t)d);
	else if (isnan(d))
		msgpack_pack_nil(pk);
	else if (isinf(d))
		msgpack_pack_double(pk, d > 0 ? DBL_MAX : -DBL_MAX);
	else
		msgpack_pack_double(pk, d);
}

static void pack_array(msgpack_packer *pk, jv v, int depth)
{
	int count = jv_array_length(jv_copy(v));

	msgpack_pack_array(pk, (size_t)count);
	for (int i = 0; i < count; i++) {
		jv item = jv_array_get(jv_copy(v), i);

		pack(pk, item, depth);
		jv_free(item);
	}
}

static void pack_object(msgpack_packer *pk, jv v, int depth)
{
	struct members m;

	members_init(&m, v);
	msgpack_pack_map(pk, m.count);
	for (size_t i = 0; i < m.count; i++) {
		pack_text(pk, m.items[i].name);
		pack(pk, m.items[i].value, depth);
	}
	members_clear(&m);
}

/* What is nested too deeply counts as what does not fit. */
static void pack(msgpack_packer *pk, jv v, int depth)
{
	jv_kind kind = jv_get_kind(v);
	struct buf *out = pk->data;

	if (kind >= JV_KIND_ARRAY && depth == VALUE_DEPTH_MAX)
		out->is_full = true;
	if (out->is_full)
		return;
	switch (kind) {
	case JV_KIND_NULL:
		msgpack_pack_nil(pk);
		break;
	case JV_KIND_FALSE:
		msgpack_pack_false(pk);
		break;
	case JV_KIND_TRUE:
		msgpack_pack_true(pk);
		break;
	case JV_KIND_NUMBER:
		pack_number(pk, v);
		break;
	case JV_KIND_STRING:
		pack_text(pk, value_text(v));
		break;
	case JV_KIND_ARRAY:
		pack_array(pk, v, depth + 1);
		break;
	case JV_KIND_OBJECT:
		pack_object(pk, v, depth + 1);
		break;
	case JV_KIND_INVALID:
		must(jv_is_valid(v));
	}
}

int msgpack_print(jv v, struct buf *out)
{
	size_t from = out->len;
	msgpack_packer pk;

	msgpack_packer_init(&pk, out, write_bytes);
	pack(&pk, v, 0);
	if (!out->is_full)
		return 0;
	buf_cut(out, from);
	return -1;
}
