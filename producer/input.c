/* SPDX-License-Identifier: MIT */
#include "input.h"

#include <string.h>

#include "treadle/schema.h"
#include "call.h"
#include "source.h"

static int read_whole(const char *path, jv *input, struct error *err)
{
	struct buf text;

	buf_init(&text, INPUT_SIZE_MAX);
	int rc = source_read(path, &text, err);
	if (rc == 0) {
		rc = json_parse(buf_slice(&text), input, err);
		if (rc != 0)
			error_prefix(err, "%.200s: ", source_name(path));
	}
	buf_clear(&text);
	return rc;
}

/*
 * A schema may let pass what it does not name; but what nearly is one of its
 * names was meant to be that.
 */
static int check_spelling(const struct workflow *w, const char *key,
			  struct error *err)
{
	const char *names[64], *nearest;
	size_t count = 0;
	bool is_known = false;

	int rc = 0;

	jv properties = value_get(w->input, "properties");
	if (jv_get_kind(properties) != JV_KIND_OBJECT) {
		jv_free(properties);
		return 0;
	}
	jv_object_foreach (properties, name, schema) {
		const char *text = jv_string_value(name);

		is_known |= strcmp(text, key) == 0;
		if (count < countof(names))
			names[count++] = text;
		jv_free(name); /* the properties hold it */
		jv_free(schema);
	}
	nearest = is_known ? NULL : text_nearest(key, names, count);
	if (nearest)
		rc = error_set(err, ERR_INPUT,
			       "-i %s: the input has no such member; did you "
			       "mean %s? (one that is really called so can be "
			       "given by --input)",
			       key, nearest);
	jv_free(properties);
	return rc;
}

/* Puts "key=value" into *input, an object. */
static int read_member(const struct workflow *w, const char *text, jv *input,
		       struct error *err)
{
	struct slice value = slice_of(text);
	struct slice name = slice_cut(&value, '=');
	char key[128];
	jv v;

	if (name.len == strlen(text))
		return error_set(err, ERR_USAGE, "-i %.64s: must be KEY=VALUE",
				 text);
	if (name.len == 0 || name.len >= sizeof(key))
		return error_set(err, ERR_USAGE,
				 "-i %.64s: the key is empty or too long",
				 text);
	memcpy(key, name.data, name.len);
	key[name.len] = '\0';
	if (!text_is_utf8(name) || !text_is_utf8(value))
		return error_set(err, ERR_INPUT, "-i: not UTF-8");
	if (check_spelling(w, key, err) != 0 ||
	    schema_read(w->input, key, value, &v, err) != 0)
		return -1;
	*input = jv_object_set(*input, jv_string(key), v);
	return 0;
}

int input_collect(const struct call *c, const struct workflow *w, jv *input,
		  struct error *err)
{
	const char *path = call_text(c, "--input", NULL);

	*input = jv_object();
	if (path) {
		jv_free(*input);
		*input = jv_invalid();
		if (read_whole(path, input, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < c->flags_count; i++) {
		if (strcmp(c->flags[i].option->name, "-i") != 0)
			continue;
		int rc = 0;
		if (jv_get_kind(*input) != JV_KIND_OBJECT)
			rc = error_set(err, ERR_INPUT,
				       "-i needs an object to add to, and "
				       "--input is %s",
				       value_kind(*input));
		else
			rc = read_member(w, c->flags[i].value, input, err);
		if (rc != 0) {
			jv_free(*input);
			*input = jv_invalid();
			return -1;
		}
	}
	return 0;
}
