/* SPDX-License-Identifier: MIT */
#include "params.h"

#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"

enum param_type { ANY, TEXT, TEXTS, MAP, NUMBERS, SIZE, DURATION, TIME, BOOL };
enum presence { OPTIONAL, REQUIRED };

struct param {
	const char *name;
	enum param_type type;
	enum presence presence;
};

#define STEP(kind, help) static const struct param params_of_##kind[] = {
#define PARAM(kind, name, type, presence, help) {#name, type, presence},
#define END(kind)                                                              \
	}                                                                      \
	;
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END

#define PARAMS_MAX 32

static const struct {
	const char *kind;
	const char *help;
	const struct param *params;
	size_t count;
} kinds[] = {
#define STEP(kind, help)                                                       \
	{#kind, help, params_of_##kind, countof(params_of_##kind)},
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
};

const char *step_kind_text(enum step_kind kind)
{
	must((size_t)kind < countof(kinds));
	return kinds[kind].kind;
}

const char *step_kind_help(enum step_kind kind)
{
	must((size_t)kind < countof(kinds));
	return kinds[kind].help;
}

bool params_is_dynamic(jv value)
{
	if (!value_is_text(value))
		return false;
	struct slice text = value_text(value);
	return memmem(text.data, text.len, "${", 2) != NULL;
}

/* --- one parameter ------------------------------------------------------- */

/*
 * Each reader checks a constant value and gives what is kept of it, or the
 * invalid jv after a complaint.
 */
static jv refuse(struct spot s, const char *what, const char *wanted,
		 struct error *err)
{
	if (value_is_text(s.value))
		spot_complain(s, err, "%s must be %s, is \"%.60s\"", what,
			      wanted, jv_string_value(s.value));
	else
		spot_complain(s, err, "%s must be %s, is %s", what, wanted,
			      value_kind(s.value));
	return jv_invalid();
}

static jv read_text(struct spot s, const char *what, struct error *err)
{
	switch (jv_get_kind(s.value)) {
	case JV_KIND_TRUE:
		return jv_string("true");
	case JV_KIND_FALSE:
		return jv_string("false");
	case JV_KIND_NUMBER:
		if (value_is_whole(s.value))
			return jv_string_fmt(
				"%lld", (long long)jv_number_value(s.value));
		spot_complain(s, err, "%s is a number: put it in quotes", what);
		return jv_invalid();
	case JV_KIND_STRING:
		break;
	default:
		return refuse(s, what, "a string", err);
	}
	struct slice text = value_text(s.value);
	if (!memchr(text.data, '\0', text.len))
		return jv_copy(s.value);
	spot_complain(s, err, "%s must not contain a NUL byte", what);
	return jv_invalid();
}

static jv read_whole(struct spot s, const char *what, struct error *err)
{
	if (value_is_whole(s.value) || params_is_dynamic(s.value))
		return jv_copy(s.value);
	return refuse(s, what, "a whole number", err);
}

static jv read_list(struct spot s, const char *what,
		    jv (*read_item)(struct spot, const char *, struct error *),
		    struct error *err)
{
	char item_what[160];

	if (jv_get_kind(s.value) != JV_KIND_ARRAY)
		return refuse(s, what, "a list: [a, b]", err);
	jv list = jv_array();
	int count = jv_array_length(jv_copy(s.value));
	for (int i = 0; i < count; i++) {
		snprintf(item_what, sizeof(item_what), "%s[%d]", what, i);
		jv item = read_item(spot_at(s, i), item_what, err);
		if (!jv_is_valid(item)) {
			jv_free(list);
			return item;
		}
		list = jv_array_append(list, item);
	}
	return list;
}

static jv read_map(struct spot s, const char *what, struct error *err)
{
	char member_what[160];
	struct members m;

	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return refuse(s, what, "a map: {name: value}", err);
	jv map = jv_object();
	members_init(&m, s.value);
	for (size_t i = 0; i < m.count && jv_is_valid(map); i++) {
		const char *name = m.items[i].name.data;
		struct spot member = spot_get(s, name);
		snprintf(member_what, sizeof(member_what), "%s.%s", what, name);
		jv text = jv_invalid();
		if (strlen(name) != m.items[i].name.len)
			spot_complain(s, err,
				      "a name in %s contains a NUL byte", what);
		else
			text = read_text(member, member_what, err);
		if (jv_is_valid(text)) {
			map = jv_object_set(map, jv_copy(m.items[i].key), text);
		} else {
			jv_free(map);
			map = text;
		}
	}
	members_clear(&m);
	return map;
}

static jv read_size(struct spot s, const char *what, struct error *err)
{
	int64_t bytes;
	bool is_text = value_is_text(s.value) &&
		       size_parse(value_text(s.value), &bytes) == 0;
	bool is_number =
		value_is_whole(s.value) && jv_number_value(s.value) >= 0;

	if (is_text || is_number)
		return jv_copy(s.value);
	return refuse(s, what, "a size such as \"4MiB\"", err);
}

static jv read_duration(struct spot s, const char *what, struct error *err)
{
	int64_t ms;

	if (value_is_text(s.value) &&
	    duration_parse(value_text(s.value), &ms) == 0)
		return jv_copy(s.value);
	return refuse(s, what,
		      "a duration with its unit, such as \"30s\" or \"1h30m\"",
		      err);
}

static jv read_time(struct spot s, const char *what, struct error *err)
{
	int64_t ms;

	if (value_is_text(s.value) &&
	    timestamp_parse(value_text(s.value), &ms) == 0)
		return jv_copy(s.value);
	return refuse(s, what, "a time such as \"2026-03-01T12:00:00Z\"", err);
}

static jv read_bool(struct spot s, const char *what, struct error *err)
{
	jv_kind kind = jv_get_kind(s.value);

	if (kind == JV_KIND_TRUE || kind == JV_KIND_FALSE)
		return jv_copy(s.value);
	return refuse(s, what, "true or false", err);
}

static jv read_param(enum param_type type, struct spot s, const char *what,
		     struct error *err)
{
	if (params_is_dynamic(s.value))
		return type == TEXT ? read_text(s, what, err)
				    : jv_copy(s.value);
	switch (type) {
	case ANY:
		return jv_copy(s.value);
	case TEXT:
		return read_text(s, what, err);
	case TEXTS:
		return read_list(s, what, read_text, err);
	case MAP:
		return read_map(s, what, err);
	case NUMBERS:
		return read_list(s, what, read_whole, err);
	case SIZE:
		return read_size(s, what, err);
	case DURATION:
		return read_duration(s, what, err);
	case TIME:
		return read_time(s, what, err);
	default:
		must(type == BOOL);
		return read_bool(s, what, err);
	}
}

/* --- all parameters of a kind -------------------------------------------- */

/* exec: ls -l, http: https://...: a short form that people try first. */
static int refuse_shape(enum step_kind kind, struct spot s, const char *what,
			struct error *err)
{
	static const char *const remedies[STEP_KIND_COUNT] = {
		[STEP_exec] = "exec: {command: [program, argument]}",
		[STEP_http] = "http: {url: \"https://...\"}",
		[STEP_pass] = "pass: {value: ...}",
		[STEP_wait] = "wait: {for: 5m}",
		[STEP_workflow] = "workflow: NAME",
	};

	return spot_complain(s, err, "%s%s must be a map, is %s: write %s",
			     what, step_kind_text(kind), value_kind(s.value),
			     remedies[kind]);
}

static int read_members(enum step_kind kind, struct spot written,
			const char *what, jv *params, struct error *err)
{
	char path[128];

	for (size_t i = 0; i < kinds[kind].count; i++) {
		const struct param *p = &kinds[kind].params[i];
		struct spot s = spot_get(written, p->name);
		if (spot_is_absent(s)) {
			if (p->presence == OPTIONAL)
				continue;
			return spot_complain(written, err, "%s%s needs \"%s\"",
					     what, kinds[kind].kind, p->name);
		}
		snprintf(path, sizeof(path), "%s%s.%s", what, kinds[kind].kind,
			 p->name);
		jv value = read_param(p->type, s, path, err);
		if (!jv_is_valid(value))
			return -1;
		*params = jv_object_set(*params, jv_string(p->name), value);
	}
	return 0;
}

static int check_names(enum step_kind kind, struct spot written,
		       const char *what, struct error *err)
{
	const char *names[PARAMS_MAX];
	char at[128];

	must(kinds[kind].count <= PARAMS_MAX);
	for (size_t i = 0; i < kinds[kind].count; i++)
		names[i] = kinds[kind].params[i].name;
	snprintf(at, sizeof(at), "%s%s: ", what, kinds[kind].kind);
	return spot_check_keys(written, at, names, kinds[kind].count, err);
}

int params_read(enum step_kind kind, struct spot written, const char *what,
		jv *params, struct error *err)
{
	*params = jv_object();
	if (kind == STEP_pass && jv_get_kind(written.value) == JV_KIND_NULL)
		return 0;
	int result = -1;
	if (jv_get_kind(written.value) != JV_KIND_OBJECT)
		refuse_shape(kind, written, what, err);
	else if (check_names(kind, written, what, err) == 0 &&
		 read_members(kind, written, what, params, err) == 0)
		result = params_check(kind, written, what, err);
	if (result != 0) {
		jv_free(*params);
		*params = jv_invalid();
	}
	return result;
}
