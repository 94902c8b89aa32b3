/* SPDX-License-Identifier: MIT */
#include "treadle/schema.h"

#include <stdio.h>
#include <string.h>

#include "pattern.h"
#include "schema_words.h"

/*
 * A schema applied to a value. The schema has passed schema_check(); should
 * a keyword be malformed all the same, it demands nothing.
 */
static int apply(jv schema, jv *value, const char *at, int depth,
		 struct error *err);

/* --- types --------------------------------------------------------------- */

unsigned schema_types_allowed(jv schema)
{
	jv type = value_get(schema, "type");
	unsigned allowed = 0;

	if (jv_get_kind(type) == JV_KIND_ARRAY) {
		jv_array_foreach (type, i, name) {
			int found = schema_type_find(name);
			if (found >= 0)
				allowed |= 1u << found;
			jv_free(name);
		}
	} else if (schema_type_find(type) >= 0) {
		allowed = 1u << schema_type_find(type);
	}
	jv_free(type);
	return allowed ? allowed : (1u << SCHEMA_TYPE_COUNT) - 1;
}

static unsigned types_of(jv value)
{
	switch (jv_get_kind(value)) {
	case JV_KIND_NULL:
		return 1u << SCHEMA_NULL;
	case JV_KIND_TRUE:
	case JV_KIND_FALSE:
		return 1u << SCHEMA_BOOLEAN;
	case JV_KIND_NUMBER:
		return 1u << SCHEMA_NUMBER | (unsigned)value_is_whole(value)
						     << SCHEMA_INTEGER;
	case JV_KIND_STRING:
		return 1u << SCHEMA_STRING;
	case JV_KIND_ARRAY:
		return 1u << SCHEMA_ARRAY;
	case JV_KIND_OBJECT:
		return 1u << SCHEMA_OBJECT;
	default:
		return 0;
	}
}

static int check_type(jv schema, jv value, const char *at, struct error *err)
{
	unsigned allowed = schema_types_allowed(schema);
	char names[96];
	size_t len = 0;

	if (allowed & types_of(value))
		return 0;
	for (int i = 0; i < SCHEMA_TYPE_COUNT; i++)
		if (allowed & 1u << i)
			len += (size_t)snprintf(
				names + len, sizeof(names) - len, "%s%s",
				len ? " or " : "", schema_types[i]);
	return error_set(err, ERR_INPUT, "%s: must be of type %s, is %s", at,
			 names, value_kind(value));
}

/* --- bounds -------------------------------------------------------------- */

static bool bound(jv schema, const char *key, double *number)
{
	jv value = value_get(schema, key);
	bool is_number = jv_get_kind(value) == JV_KIND_NUMBER;

	if (is_number)
		*number = jv_number_value(value);
	jv_free(value);
	return is_number;
}

static const char *plural(double n)
{
	return n == 1 ? "" : "s";
}

/* How many there may be, by which keywords, and what is counted. */
struct range {
	const char *least, *most, *noun;
};

static int check_count(jv schema, const struct range *r, double count,
		       const char *at, struct error *err)
{
	double limit;

	if (bound(schema, r->least, &limit) && count < limit)
		return error_set(err, ERR_INPUT,
				 "%s: must be at least %.0f %s%s long", at,
				 limit, r->noun, plural(limit));
	if (bound(schema, r->most, &limit) && count > limit)
		return error_set(err, ERR_INPUT,
				 "%s: must be at most %.0f %s%s long", at,
				 limit, r->noun, plural(limit));
	return 0;
}

static int check_number(jv schema, jv value, const char *at, struct error *err)
{
	double limit, number = jv_number_value(value);

	if (bound(schema, "minimum", &limit) && number < limit)
		return error_set(err, ERR_INPUT, "%s: must be at least %.15g",
				 at, limit);
	if (bound(schema, "maximum", &limit) && number > limit)
		return error_set(err, ERR_INPUT, "%s: must be at most %.15g",
				 at, limit);
	return 0;
}

static int check_text(jv schema, jv value, const char *at, struct error *err)
{
	static const struct range range = {"minLength", "maxLength",
					   "character"};
	int length = jv_string_length_codepoints(jv_copy(value));
	jv pattern = value_get(schema, "pattern");
	int result = check_count(schema, &range, length, at, err);

	if (result == 0 && value_is_text(pattern) &&
	    !pattern_matches(value_text(pattern), value_text(value)))
		result = error_set(err, ERR_INPUT,
				   "%s: must match the pattern %.100s", at,
				   jv_string_value(pattern));
	jv_free(pattern);
	return result;
}

static int check_enum(jv schema, jv value, const char *at, struct error *err)
{
	jv choices = value_get(schema, "enum");
	bool is_found = jv_get_kind(choices) != JV_KIND_ARRAY;
	struct buf text;

	for (int i = 0; !is_found && i < jv_array_length(jv_copy(choices)); i++)
		is_found = jv_equal(jv_copy(value),
				    jv_array_get(jv_copy(choices), i));
	if (!is_found) {
		buf_init(&text, 200);
		bool fits = json_print(choices, &text) == 0;
		error_set(err, ERR_INPUT, "%s: must be one of %s", at,
			  fits ? text.data : "the allowed values");
		buf_clear(&text);
	}
	jv_free(choices);
	return is_found ? 0 : -1;
}

/* --- arrays and objects -------------------------------------------------- */

static int apply_items(jv schema, jv *value, const char *at, int depth,
		       struct error *err)
{
	static const struct range range = {"minItems", "maxItems", "item"};
	int count = jv_array_length(jv_copy(*value)), result;
	jv items = value_get(schema, "items");
	char inner[200];

	result = check_count(schema, &range, count, at, err);
	for (int i = 0; i < count && result == 0 && jv_is_valid(items); i++) {
		jv item = jv_array_get(jv_copy(*value), i);
		snprintf(inner, sizeof(inner), "%s[%d]", at, i);
		result = apply(items, &item, inner, depth + 1, err);
		*value = jv_array_set(*value, i, item);
	}
	jv_free(items);
	return result;
}

/* Gives the member its default if it is missing, and applies its schema. */
static int apply_property(jv schema, const char *name, jv *value,
			  const char *at, int depth, struct error *err)
{
	jv member = value_get(*value, name);
	char inner[200];

	if (!jv_is_valid(member))
		member = value_get(schema, "default");
	if (!jv_is_valid(member))
		return 0;
	snprintf(inner, sizeof(inner), "%s.%s", at, name);
	int result = apply(schema, &member, inner, depth + 1, err);
	*value = jv_object_set(*value, jv_string(name), member);
	return result;
}

static int check_required(jv schema, jv value, const char *at,
			  struct error *err)
{
	jv required = value_get(schema, "required");
	int result = 0, count = 0;

	if (jv_get_kind(required) == JV_KIND_ARRAY)
		count = jv_array_length(jv_copy(required));
	for (int i = 0; i < count && result == 0; i++) {
		jv name = jv_array_get(jv_copy(required), i);
		if (value_is_text(name) &&
		    !jv_object_has(jv_copy(value), jv_copy(name)))
			result = error_set(err, ERR_INPUT,
					   "%s.%s: is required and missing", at,
					   jv_string_value(name));
		jv_free(name);
	}
	jv_free(required);
	return result;
}

static int refuse_extra(const struct members *known, const char *name,
			const char *at, struct error *err)
{
	const char *names[64];
	size_t count = 0;

	for (; count < known->count && count < countof(names); count++)
		names[count] = known->items[count].name.data;
	const char *nearest = text_nearest(name, names, count);
	return error_set(err, ERR_INPUT, "%s.%.64s: is not known%s%s%s", at,
			 name, nearest ? "; did you mean \"" : "",
			 nearest ? nearest : "", nearest ? "\"?" : "");
}

static int check_extra(jv schema, const struct members *known, jv value,
		       const char *at, struct error *err)
{
	jv extra = value_get(schema, "additionalProperties");
	bool is_closed = jv_get_kind(extra) == JV_KIND_FALSE;
	struct members m;
	int result = 0;

	jv_free(extra);
	if (!is_closed)
		return 0;
	members_init(&m, value);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		bool is_known = false;
		for (size_t k = 0; k < known->count && !is_known; k++)
			is_known = slice_equal(known->items[k].name,
					       m.items[i].name);
		if (!is_known)
			result = refuse_extra(known, m.items[i].name.data, at,
					      err);
	}
	members_clear(&m);
	return result;
}

static int apply_members(jv schema, jv *value, const char *at, int depth,
			 struct error *err)
{
	jv properties = value_get(schema, "properties");
	struct members known = {.count = 0};
	int result = 0;

	if (jv_get_kind(properties) != JV_KIND_OBJECT) {
		jv_free(properties);
		properties = jv_object();
	}
	members_init(&known, properties);
	for (size_t i = 0; i < known.count && result == 0; i++)
		result = apply_property(known.items[i].value,
					known.items[i].name.data, value, at,
					depth, err);
	if (result == 0)
		result = check_required(schema, *value, at, err);
	if (result == 0)
		result = check_extra(schema, &known, *value, at, err);
	members_clear(&known);
	jv_free(properties);
	return result;
}

static int apply(jv schema, jv *value, const char *at, int depth,
		 struct error *err)
{
	if (depth > VALUE_DEPTH_MAX)
		return error_set(err, ERR_INPUT, "%s: is nested too deeply",
				 at);
	if (check_type(schema, *value, at, err) != 0 ||
	    check_enum(schema, *value, at, err) != 0)
		return -1;
	switch (jv_get_kind(*value)) {
	case JV_KIND_NUMBER:
		return check_number(schema, *value, at, err);
	case JV_KIND_STRING:
		return check_text(schema, *value, at, err);
	case JV_KIND_ARRAY:
		return apply_items(schema, value, at, depth, err);
	case JV_KIND_OBJECT:
		return apply_members(schema, value, at, depth, err);
	default:
		return 0;
	}
}

int schema_apply_at(jv schema, jv *value, const char *at, struct error *err)
{
	return apply(schema, value, at, 0, err);
}

int schema_apply(jv schema, jv *value, struct error *err)
{
	return schema_apply_at(schema, value, "input", err);
}

/* --- texts from the command line ----------------------------------------- */

static int check_read(jv property, jv *value, const char *key,
		      struct error *err)
{
	char at[80];

	snprintf(at, sizeof(at), "input.%.64s", key);
	if (check_type(property, *value, at, err) == 0)
		return 0;
	jv_free(*value);
	*value = jv_invalid();
	return -1;
}

int schema_read(jv schema, const char *key, struct slice text, jv *value,
		struct error *err)
{
	jv properties = value_get(schema, "properties");
	jv property = value_get(properties, key);
	jv type = value_get(property, "type");
	bool says_type = jv_is_valid(type);
	bool takes_text = schema_types_allowed(property) & 1u << SCHEMA_STRING;
	struct error cause;
	int result = 0;

	if (says_type && takes_text)
		*value = jv_string_sized(text.data, (int)text.len);
	else if (json_parse(text, value, &cause) == 0)
		result = check_read(property, value, key, err);
	else if (!says_type)
		*value = jv_string_sized(text.data, (int)text.len);
	else
		result = error_set(err, ERR_INPUT,
				   "input.%.64s: \"%.*s\" is not JSON (%s), "
				   "and may not be a string",
				   key, text.len < 60 ? (int)text.len : 60,
				   text.data, cause.text);
	jv_free(type);
	jv_free(property);
	jv_free(properties);
	return result;
}
