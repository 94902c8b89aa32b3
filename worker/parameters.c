/* SPDX-License-Identifier: MIT */
#include "parameters.h"

#include <string.h>

#include "treadle/clock.h"

/*
 * A reader for each type: owns what it is given, gives what fits, or the
 * invalid jv.
 */

static jv misfit(jv v)
{
	jv_free(v);
	return jv_invalid();
}

static jv fit_any(jv v)
{
	return v;
}

static jv fit_text(jv v)
{
	struct slice text;

	if (value_is_whole(v))
		return jv_string_fmt("%lld", (long long)jv_number_value(v));
	switch (jv_get_kind(v)) {
	case JV_KIND_TRUE:
		return jv_string("true");
	case JV_KIND_FALSE:
		return jv_string("false");
	case JV_KIND_STRING:
		text = value_text(v);
		if (!memchr(text.data, '\0', text.len))
			return v;
		/* Programs and headers would see half of it. */
		return misfit(v);
	default:
		return misfit(v);
	}
}

static jv fit_whole(jv v)
{
	return value_is_whole(v) ? v : misfit(v);
}

static jv fit_list(jv v, jv (*fit_item)(jv v))
{
	jv out = jv_array();

	if (jv_get_kind(v) != JV_KIND_ARRAY) {
		jv_free(out);
		return misfit(v);
	}
	jv_array_foreach (v, i, item) {
		item = fit_item(item);
		if (!jv_is_valid(item)) {
			jv_free(out);
			return misfit(v);
		}
		out = jv_array_append(out, item);
	}
	jv_free(v);
	return out;
}

static jv fit_texts(jv v)
{
	return fit_list(v, fit_text);
}

static jv fit_numbers(jv v)
{
	return fit_list(v, fit_whole);
}

/* A member that is null is left out. */
static jv fit_map(jv v)
{
	jv out = jv_object();

	if (jv_get_kind(v) != JV_KIND_OBJECT) {
		jv_free(out);
		return misfit(v);
	}
	jv_object_foreach (v, name, value) {
		if (jv_get_kind(value) == JV_KIND_NULL) {
			jv_free(name);
			continue;
		}
		name = fit_text(name);
		value = fit_text(value);
		if (!jv_is_valid(name) || !jv_is_valid(value)) {
			jv_free(name);
			jv_free(value);
			jv_free(out);
			return misfit(v);
		}
		out = jv_object_set(out, name, value);
	}
	jv_free(v);
	return out;
}

/* A number that isn't negative, or a text that parse() can read. */
static jv fit_quantity(jv v, int (*parse)(struct slice text, int64_t *n))
{
	int64_t n;

	if (value_is_whole(v) && jv_number_value(jv_copy(v)) >= 0)
		return v;
	if (value_is_text(v) && parse(value_text(v), &n) == 0)
		return v;
	return misfit(v);
}

static jv fit_size(jv v)
{
	return fit_quantity(v, size_parse);
}

static jv fit_duration(jv v)
{
	return fit_quantity(v, duration_parse);
}

static jv fit_time(jv v)
{
	return fit_quantity(v, timestamp_parse);
}

static jv fit_bool(jv v)
{
	jv_kind kind = jv_get_kind(v);

	return kind == JV_KIND_TRUE || kind == JV_KIND_FALSE ? v : misfit(v);
}

enum type { ANY, TEXT, TEXTS, MAP, NUMBERS, SIZE, DURATION, TIME, BOOL };

static const struct {
	jv (*fit)(jv v);
	const char *wanted;
} types[] = {
	[ANY] = {fit_any, "anything"},
	[TEXT] = {fit_text, "a string"},
	[TEXTS] = {fit_texts, "a list of strings"},
	[MAP] = {fit_map, "a map of strings"},
	[NUMBERS] = {fit_numbers, "a list of whole numbers"},
	[SIZE] = {fit_size, "a size such as \"4MiB\""},
	[DURATION] = {fit_duration,
		      "a duration such as \"30s\", or milliseconds"},
	[TIME] = {fit_time, "a time such as \"2026-03-01T12:00:00Z\", or "
			    "milliseconds since 1970"},
	[BOOL] = {fit_bool, "true or false"},
};

enum { OPTIONAL, REQUIRED };

static const struct parameter {
	enum step_kind kind;
	const char *name;
	enum type type;
	bool is_required;
} parameters[] = {
#define STEP(kind, help)
#define PARAM(kind, name, type, presence, help)                                \
	{STEP_##kind, #name, type, presence == REQUIRED},
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
};

static int fit_one(const struct parameter *p, jv *params, struct error *err)
{
	jv value = value_get(*params, p->name);
	const char *kind;

	if (!jv_is_valid(value))
		return p->is_required ? error_set(err, ERR_INPUT,
						  "parameter \"%s\" is missing",
						  p->name)
				      : 0;
	kind = value_kind(value);
	if (jv_get_kind(value) == JV_KIND_NULL && !p->is_required) {
		*params = jv_object_delete(*params, jv_string(p->name));
		return 0;
	}
	value = types[p->type].fit(value);
	if (!jv_is_valid(value))
		return error_set(err, ERR_INPUT,
				 "parameter \"%s\" must be %s, is %s", p->name,
				 types[p->type].wanted, kind);
	*params = jv_object_set(*params, jv_string(p->name), value);
	return 0;
}

int parameters_fit(enum step_kind kind, jv *params, struct error *err)
{
	if (jv_get_kind(*params) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "parameters must be a map");
	for (size_t i = 0; i < countof(parameters); i++) {
		const struct parameter *p = &parameters[i];

		if (p->kind == kind && (p->type != ANY || p->is_required) &&
		    fit_one(p, params, err) < 0)
			return -1;
	}
	return 0;
}
