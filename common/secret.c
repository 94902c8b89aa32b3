/* SPDX-License-Identifier: MIT */
#include "secret.h"

#include <stdlib.h>
#include <string.h>

#include "treadle/crypto.h"
#include "treadle/template.h"

/*
 * A mark is \x1f key ':' name \x1f. The key is random and never leaves our
 * processes, so a text that comes from outside cannot hold a mark.
 */
#define MARK_END '\x1f'
#define SECRET_NAME_MAX 64
#define REVEALED_MAX (64 << 20)

static char key[TEMPLATE_KEY_LEN + 1];

const char *template_key(void)
{
	unsigned char bytes[TEMPLATE_KEY_LEN / 2];

	if (!key[0]) {
		crypto_random(bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(key + 2 * i, 3, "%02x", bytes[i]);
	}
	return key;
}

void template_set_key(const char *new)
{
	must(strlen(new) == TEMPLATE_KEY_LEN);
	memcpy(key, new, sizeof(key));
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

struct slice secret_name(struct slice expression)
{
	struct slice name = slice_trim(expression);

	if (!slice_starts(name, "secret:"))
		return SLICE("");
	name = (struct slice){name.data + 7, name.len - 7};
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_byte(name.data[i]))
			return SLICE("");
	return name.len <= SECRET_NAME_MAX ? name : SLICE("");
}

jv secret_mark(struct slice name)
{
	return jv_string_fmt("%c%s:%.*s%c", MARK_END, template_key(),
			     (int)name.len, name.data, MARK_END);
}

/* --- revealing ----------------------------------------------------------- */

struct revealer {
	template_secret_fn *find;
	void *arg;
	struct error *err;
	char start[TEMPLATE_KEY_LEN + 3]; /* of every mark */
	size_t start_len;
};

/* The next mark in text, or NULL; name is what it stands for. */
static const char *find_mark(const struct revealer *r, struct slice text,
			     struct slice *name)
{
	const char *mark = memmem(text.data, text.len, r->start, r->start_len);

	if (!mark)
		return NULL;
	name->data = mark + r->start_len;
	name->len = 0;
	size_t left = text.len - (size_t)(name->data - text.data);
	while (name->len < left && is_name_byte(name->data[name->len]))
		name->len++;
	bool is_whole = name->len < left && name->data[name->len] == MARK_END;
	return is_whole && name->len <= SECRET_NAME_MAX ? mark : NULL;
}

static int add_secret(const struct revealer *r, struct buf *out,
		      struct slice name)
{
	char text[SECRET_NAME_MAX + 1];

	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	char *secret = r->find(r->arg, text, r->err);
	if (!secret)
		return -1;
	buf_adds(out, secret);
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return 0;
}

static jv reveal_text(const struct revealer *r, jv value)
{
	struct slice rest = value_text(value), name;
	const char *mark = find_mark(r, rest, &name);
	struct buf out;
	int result = 0;

	if (!mark)
		return value;
	buf_init(&out, REVEALED_MAX);
	for (; mark && result == 0; mark = find_mark(r, rest, &name)) {
		buf_add(&out, rest.data, (size_t)(mark - rest.data));
		result = add_secret(r, &out, name);
		size_t used = (size_t)(name.data + name.len + 1 - rest.data);
		rest = (struct slice){rest.data + used, rest.len - used};
	}
	buf_add(&out, rest.data, rest.len);
	if (result == 0 && out.is_full)
		result = error_set(r->err, ERR_INPUT,
				   "a text with secrets is "
				   "too large");
	jv_free(value);
	value = result == 0 ? jv_string_sized(out.data, (int)out.len)
			    : jv_invalid();
	explicit_bzero(out.data, out.len);
	buf_clear(&out);
	return value;
}

static jv reveal(const struct revealer *r, jv value);

static jv reveal_items(const struct revealer *r, jv array)
{
	int count = jv_array_length(jv_copy(array));

	for (int i = 0; i < count; i++) {
		jv item = reveal(r, jv_array_get(jv_copy(array), i));
		if (!jv_is_valid(item)) {
			jv_free(array);
			return item;
		}
		array = jv_array_set(array, i, item);
	}
	return array;
}

static jv reveal_members(const struct revealer *r, jv object)
{
	jv result = jv_copy(object);

	jv_object_foreach (object, name, value) {
		value = reveal(r, value);
		if (!jv_is_valid(value)) {
			jv_free(name);
			jv_free(result);
			jv_free(object);
			return value;
		}
		result = jv_object_set(result, name, value);
	}
	jv_free(object);
	return result;
}

static jv reveal(const struct revealer *r, jv value)
{
	switch (jv_get_kind(value)) {
	case JV_KIND_STRING:
		return reveal_text(r, value);
	case JV_KIND_ARRAY:
		return reveal_items(r, value);
	case JV_KIND_OBJECT:
		return reveal_members(r, value);
	default:
		return value;
	}
}

int template_reveal(jv *value, template_secret_fn *find, void *arg,
		    struct error *err)
{
	struct revealer r = {.find = find, .arg = arg, .err = err};

	r.start_len = (size_t)snprintf(r.start, sizeof(r.start),
				       "%c%s:", MARK_END, template_key());
	*value = reveal(&r, *value);
	if (jv_is_valid(*value))
		return 0;
	*value = jv_null();
	return -1;
}
