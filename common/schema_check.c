/* SPDX-License-Identifier: MIT */
#include "treadle/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pattern.h"
#include "schema_words.h"
#include "spot.h"

/*
 * Is it a schema? What schema.c later applies has passed here, so that a
 * mistake is found when a workflow is read, not when it is first used.
 */
const char *const schema_types[SCHEMA_TYPE_COUNT] = {
	"null", "boolean", "integer", "number", "string", "array", "object",
};

int schema_type_find(jv name)
{
	for (int i = 0; i < SCHEMA_TYPE_COUNT; i++)
		if (value_is_text(name) &&
		    slice_is(value_text(name), schema_types[i]))
			return i;
	return -1;
}

/* at: where the schema is, "input.properties.name". */
static int check(struct spot s, const char *at, int depth, struct error *err);

static int check_type_name(struct spot s, const char *at, struct error *err)
{
	if (schema_type_find(s.value) >= 0)
		return 0;
	const char *nearest =
		value_is_text(s.value)
			? text_nearest(jv_string_value(s.value), schema_types,
				       SCHEMA_TYPE_COUNT)
			: NULL;
	if (nearest)
		return spot_complain(s, err,
				     "%s.type: \"%.64s\" is no type; did you "
				     "mean \"%s\"?",
				     at, jv_string_value(s.value), nearest);
	return spot_complain(s, err,
			     "%s.type must be null, boolean, integer, number, "
			     "string, array or object",
			     at);
}

static int check_type(struct spot s, const char *at, struct error *err)
{
	if (jv_get_kind(s.value) != JV_KIND_ARRAY)
		return check_type_name(s, at, err);
	int count = jv_array_length(jv_copy(s.value));
	if (!count)
		return spot_complain(s, err, "%s.type is empty", at);
	for (int i = 0; i < count; i++)
		if (check_type_name(spot_at(s, i), at, err) != 0)
			return -1;
	return 0;
}

static int check_properties(struct spot s, const char *at, int depth,
			    struct error *err)
{
	char inner[160];
	struct members m;
	int result = 0;

	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return spot_complain(s, err,
				     "%s.properties must be a map of schemas "
				     "by name, is %s",
				     at, value_kind(s.value));
	members_init(&m, s.value);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		const char *name = m.items[i].name.data;
		snprintf(inner, sizeof(inner), "%s.%s", at, name);
		result = check(spot_get(s, name), inner, depth + 1, err);
	}
	members_clear(&m);
	return result;
}

static int check_items(struct spot s, const char *at, int depth,
		       struct error *err)
{
	char inner[160];

	snprintf(inner, sizeof(inner), "%s[]", at);
	return check(s, inner, depth + 1, err);
}

static int check_required(struct spot s, const char *at, struct error *err)
{
	bool is_list = jv_get_kind(s.value) == JV_KIND_ARRAY;
	int count = is_list ? jv_array_length(jv_copy(s.value)) : 0;

	for (int i = 0; i < count; i++)
		is_list &= value_is_text(spot_at(s, i).value);
	if (is_list)
		return 0;
	return spot_complain(s, err,
			     "%s.required must be a list of names: "
			     "\"required: [folder]\" beside \"properties\"",
			     at);
}

static int check_enum(struct spot s, const char *at, struct error *err)
{
	if (jv_get_kind(s.value) == JV_KIND_ARRAY &&
	    jv_array_length(jv_copy(s.value)) > 0)
		return 0;
	return spot_complain(
		s, err, "%s.enum must be a list of the allowed values", at);
}

static int check_pattern(struct spot s, const char *at, struct error *err)
{
	struct error cause;

	if (!value_is_text(s.value))
		return spot_complain(s, err,
				     "%s.pattern must be a string, is %s", at,
				     value_kind(s.value));
	if (pattern_check(value_text(s.value), &cause) == 0)
		return 0;
	return spot_complain(s, err, "%s: %s", at, cause.text);
}

/* minLength 5 and maxLength 3 let nothing pass. */
static int check_bounds(struct spot schema, const char *at, const char *low,
			const char *high, bool is_count, struct error *err)
{
	const char *keys[] = {low, high};
	double bounds[] = {-INFINITY, INFINITY};

	for (int i = 0; i < 2; i++) {
		struct spot s = spot_get(schema, keys[i]);
		if (spot_is_absent(s))
			continue;
		bool is_number = jv_get_kind(s.value) == JV_KIND_NUMBER;
		if (!is_number || (is_count && !value_is_whole(s.value)) ||
		    (is_count && jv_number_value(s.value) < 0))
			return spot_complain(
				s, err, "%s.%s must be a %s", at, keys[i],
				is_count ? "whole number from 0" : "number");
		bounds[i] = jv_number_value(s.value);
	}
	if (bounds[0] <= bounds[1])
		return 0;
	return spot_complain(spot_get(schema, low), err,
			     "%s.%s is above %s: nothing can fit", at, low,
			     high);
}

static int check_all_bounds(struct spot s, const char *at, struct error *err)
{
	if (check_bounds(s, at, "minLength", "maxLength", true, err) != 0 ||
	    check_bounds(s, at, "minItems", "maxItems", true, err) != 0)
		return -1;
	return check_bounds(s, at, "minimum", "maximum", false, err);
}

static int check_texts(struct spot schema, const char *at, struct error *err)
{
	static const char *const keys[] = {"title", "description"};

	for (size_t i = 0; i < countof(keys); i++) {
		struct spot s = spot_get(schema, keys[i]);
		if (!spot_is_absent(s) && !value_is_text(s.value))
			return spot_complain(s, err,
					     "%s.%s must be a string, is %s",
					     at, keys[i], value_kind(s.value));
	}
	return 0;
}

static int check_extra(struct spot s, const char *at, struct error *err)
{
	jv_kind kind = jv_get_kind(s.value);

	if (kind == JV_KIND_TRUE || kind == JV_KIND_FALSE)
		return 0;
	return spot_complain(
		s, err, "%s.additionalProperties must be true or false", at);
}

/* A default must fit its own schema. */
static int check_default(struct spot schema, const char *at, struct error *err)
{
	struct spot s = spot_get(schema, "default");
	char where[192];
	struct error cause;

	if (spot_is_absent(s))
		return 0;
	snprintf(where, sizeof(where), "%s.default", at);
	jv value = jv_copy(s.value);
	int result = schema_apply_at(schema.value, &value, where, &cause);
	jv_free(value);
	return result == 0 ? 0 : spot_complain(s, err, "%s", cause.text);
}

static int check_words(struct spot s, const char *at, struct error *err)
{
	static const char *const keys[] = {
		"type",        "properties",
		"required",    "additionalProperties",
		"items",       "enum",
		"pattern",     "minLength",
		"maxLength",   "minItems",
		"maxItems",    "minimum",
		"maximum",     "default",
		"description", "title",
	};
	char where[192];

	snprintf(where, sizeof(where), "%s: ", at);
	return spot_check_keys(s, where, keys, countof(keys), err);
}

static int check(struct spot s, const char *at, int depth, struct error *err)
{
	struct spot type = spot_get(s, "type");
	struct spot properties = spot_get(s, "properties");
	struct spot items = spot_get(s, "items");
	struct spot required = spot_get(s, "required");
	struct spot choices = spot_get(s, "enum");
	struct spot pattern = spot_get(s, "pattern");
	struct spot extra = spot_get(s, "additionalProperties");

	if (depth > VALUE_DEPTH_MAX / 2)
		return spot_complain(s, err, "%s is nested too deeply", at);
	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return spot_complain(s, err,
				     "%s must be a schema such as {type: "
				     "string}, is %s",
				     at, value_kind(s.value));
	if (check_words(s, at, err) != 0 ||
	    (!spot_is_absent(type) && check_type(type, at, err) != 0) ||
	    (!spot_is_absent(properties) &&
	     check_properties(properties, at, depth, err) != 0) ||
	    (!spot_is_absent(items) &&
	     check_items(items, at, depth, err) != 0) ||
	    (!spot_is_absent(required) &&
	     check_required(required, at, err) != 0) ||
	    (!spot_is_absent(choices) && check_enum(choices, at, err) != 0) ||
	    (!spot_is_absent(pattern) &&
	     check_pattern(pattern, at, err) != 0) ||
	    (!spot_is_absent(extra) && check_extra(extra, at, err) != 0) ||
	    check_all_bounds(s, at, err) != 0 || check_texts(s, at, err) != 0)
		return -1;
	return check_default(s, at, err);
}

int schema_check(jv schema, jv places, const char *path, struct error *err)
{
	return check((struct spot){schema, places, path}, "input", 0, err);
}
