/* SPDX-License-Identifier: MIT */
#include "grammar.h"

#include <stdio.h>
#include <string.h>

#include "graph.h"
#include "params.h"
#include "settings.h"
#include "treadle/schema.h"

#define DESCRIPTION_MAX 1000
#define PARAMS_SIZE_MAX (256 << 10)
#define DEADLINE_MAX_MS (INT64_C(3650) * 24 * 3600 * 1000)

/* What a reader of one document needs; all borrowed. */
struct grammar {
	struct spot root, steps, output;
	struct settings defaults;
	struct error *err;
};

int grammar_kind(const char *text)
{
	for (int i = 0; i < STEP_KIND_COUNT; i++)
		if (strcmp(text, step_kind_text((enum step_kind)i)) == 0)
			return i;
	return -1;
}

/* --- keys ---------------------------------------------------------------- */

/* Words that later versions will use; until then nobody else may. */
static int refuse_reserved(struct spot map, const char *at, struct error *err)
{
	static const char *const reserved[] = {
		"for_each",   "if",       "continue_on_error",
		"on_error",   "repeat",   "workflow",
		"compensate", "finally",  "cache",
		"signal",     "priority", "provider",
		"schedule",   "fallback", "budget",
	};

	for (size_t i = 0; i < countof(reserved); i++) {
		struct spot s = spot_get(map, reserved[i]);
		if (!spot_is_absent(s))
			return spot_complain(s, err,
					     "\"%s\"%s is reserved for a later "
					     "version: remove it",
					     reserved[i], at);
	}
	return 0;
}

static int check_root_keys(struct grammar *g)
{
	static const char *const keys[] = {"name",  "description", "deadline",
					   "input", "defaults",    "steps",
					   "output"};

	if (refuse_reserved(g->root, "", g->err) != 0)
		return -1;
	return spot_check_keys(g->root, "", keys, countof(keys), g->err);
}

static int check_step_keys(struct grammar *g, struct spot step, const char *at)
{
	static const char *const keys[] = {
		"needs",
		SETTINGS_KEYS,
#define STEP(kind, help) #kind,
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
	};

	if (refuse_reserved(step, at, g->err) != 0)
		return -1;
	return spot_check_keys(step, at, keys, countof(keys), g->err);
}

/* --- one step ------------------------------------------------------------ */

/* Finds the one key that is a kind. */
static int read_kind(struct grammar *g, const char *what, struct spot step,
		     enum step_kind *kind)
{
	int found = -1;

	for (int i = 0; i < STEP_KIND_COUNT; i++) {
		const char *text = step_kind_text((enum step_kind)i);
		struct spot s = spot_get(step, text);
		if (spot_is_absent(s))
			continue;
		if (found >= 0)
			return spot_complain(
				s, g->err,
				"%shas two kinds, \"%s\" and \"%s\": keep one",
				what, step_kind_text((enum step_kind)found),
				text);
		found = i;
	}
	if (found < 0)
		return spot_complain(step, g->err,
				     "%sdoes nothing: give it exec, http, "
				     "pass or wait",
				     what);
	*kind = (enum step_kind)found;
	return 0;
}

static int refuse_need(struct grammar *g, struct spot s, const char *what,
		       const char *need)
{
	const char *names[WORKFLOW_STEPS_MAX];
	struct members m;
	size_t count = 0;

	members_init(&m, g->steps.value);
	for (; count < m.count && count < countof(names); count++)
		names[count] = m.items[count].name.data;
	const char *nearest = text_nearest(need, names, count);
	int result = nearest ? spot_complain(s, g->err,
					     "%sneeds \"%.64s\", which does "
					     "not exist; did you mean \"%s\"?",
					     what, need, nearest)
			     : spot_complain(s, g->err,
					     "%sneeds \"%.64s\", which does "
					     "not exist: add that step or "
					     "remove the need",
					     what, need);
	members_clear(&m);
	return result;
}

/* Adds one need to a set (an object whose values don't matter). */
static int read_need(struct grammar *g, struct spot s, const char *what,
		     const char *name, jv *needs)
{
	if (!value_is_text(s.value))
		return spot_complain(s, g->err,
				     "%sneeds must be the name of a step or a "
				     "list of names, is %s",
				     what, value_kind(s.value));
	const char *need = jv_string_value(s.value);
	if (strcmp(need, name) == 0)
		return spot_complain(s, g->err,
				     "%sneeds itself: remove that need", what);
	if (!text_is_name(value_text(s.value)) ||
	    spot_is_absent(spot_get(g->steps, need)))
		return refuse_need(g, s, what, need);
	if (jv_object_has(jv_copy(*needs), jv_copy(s.value)))
		return spot_complain(s, g->err,
				     "%sneeds \"%s\" twice: once is enough",
				     what, need);
	*needs = jv_object_set(*needs, jv_copy(s.value), jv_true());
	return 0;
}

/* Gives the names in order. */
static int read_needs(struct grammar *g, struct spot step, const char *what,
		      const char *name, jv *needs)
{
	struct spot s = spot_get(step, "needs");
	jv set = jv_object();
	int result = 0;

	if (jv_get_kind(s.value) == JV_KIND_ARRAY) {
		int count = jv_array_length(jv_copy(s.value));
		for (int i = 0; i < count && result == 0; i++)
			result = read_need(g, spot_at(s, i), what, name, &set);
	} else if (!spot_is_absent(s)) {
		result = read_need(g, s, what, name, &set);
	}
	*needs = jv_keys(set);
	return result;
}

static int check_params_size(struct grammar *g, struct spot s, const char *what,
			     jv params)
{
	struct buf bytes;
	int result = 0;

	buf_init(&bytes, PARAMS_SIZE_MAX);
	if (msgpack_print(params, &bytes) != 0)
		result = spot_complain(s, g->err,
				       "%sits parameters are larger than %d "
				       "KiB: keep large data in files",
				       what, PARAMS_SIZE_MAX >> 10);
	buf_clear(&bytes);
	return result;
}

static jv print_step(enum step_kind kind, const struct settings *settings,
		     jv needs, jv params)
{
	jv step = jv_object();

	step = jv_object_set(step, jv_string("kind"),
			     jv_string(step_kind_text(kind)));
	step = jv_object_set(step, jv_string("needs"), needs);
	step = jv_object_set(step, jv_string("params"), params);
	return settings_print(settings, step);
}

/* Gives the normalised step. */
static int read_step(struct grammar *g, const char *name, struct spot s,
		     jv *step)
{
	struct settings settings = g->defaults;
	enum step_kind kind = STEP_exec;
	jv params, needs;
	char what[96], at[96];

	snprintf(what, sizeof(what), "step \"%s\": ", name);
	snprintf(at, sizeof(at), " in step \"%s\"", name);
	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return spot_complain(s, g->err,
				     "%smust be a map with exec, http, pass "
				     "or wait, is %s",
				     what, value_kind(s.value));
	snprintf(what, sizeof(what), "step \"%s\" ", name);
	if (check_step_keys(g, s, at) != 0 || read_kind(g, what, s, &kind) != 0)
		return -1;
	if (read_needs(g, s, what, name, &needs) != 0) {
		jv_free(needs);
		return -1;
	}
	snprintf(what, sizeof(what), "step \"%s\": ", name);
	struct spot written = spot_get(s, step_kind_text(kind));
	if (settings_read(&settings, s, what, g->err) != 0 ||
	    params_read(kind, written, what, &params, g->err) != 0) {
		jv_free(needs);
		return -1;
	}
	*step = print_step(kind, &settings, needs, jv_copy(params));
	int result = check_params_size(g, written, what, params);
	jv_free(params);
	return result;
}

/* --- all steps ----------------------------------------------------------- */

static int check_step_name(struct grammar *g, struct slice name)
{
	struct spot s = spot_get(g->steps, name.data);

	if (!text_is_name(name))
		return spot_complain(s, g->err,
				     "step \"%.64s\" has a bad name: use 1 to "
				     "64 of [a-z0-9_-], the first a letter or "
				     "digit",
				     name.data);
	if (slice_is(name, OUTPUT_STEP) && !spot_is_absent(g->output))
		return spot_complain(s, g->err,
				     "a step can't be called \"" OUTPUT_STEP
				     "\" where the workflow has \"output\": "
				     "rename it");
	return 0;
}

static int read_steps(struct grammar *g, jv *steps)
{
	struct members m;
	int result = 0;

	*steps = jv_object();
	members_init(&m, g->steps.value);
	for (size_t i = 0; i < m.count && result == 0; i++)
		result = check_step_name(g, m.items[i].name);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		const char *name = m.items[i].name.data;
		jv step = jv_null();
		result = read_step(g, name, spot_get(g->steps, name), &step);
		*steps = jv_object_set(*steps, jv_copy(m.items[i].key), step);
	}
	members_clear(&m);
	return result;
}

static int check_steps(struct grammar *g)
{
	size_t count;

	g->steps = spot_get(g->root, "steps");
	g->output = spot_get(g->root, "output");
	if (spot_is_absent(g->steps))
		return spot_complain(g->root, g->err,
				     "has no \"steps\": add a map of steps by "
				     "name");
	if (!spot_is(g->steps, JV_KIND_OBJECT, "steps", g->err))
		return -1;
	count = (size_t)jv_object_length(jv_copy(g->steps.value));
	if (!count)
		return spot_complain(g->steps, g->err,
				     "steps is empty: add a step");
	if (count + !spot_is_absent(g->output) > WORKFLOW_STEPS_MAX)
		return spot_complain(g->steps, g->err,
				     "there are %zu steps, more than %d: "
				     "split the workflow",
				     count, WORKFLOW_STEPS_MAX);
	return 0;
}

/* --- output -------------------------------------------------------------- */

/* The names of the steps that no other needs, in order. */
static jv find_last(jv steps)
{
	jv last = jv_copy(steps);

	jv_object_foreach (steps, name, step) {
		jv needs = value_get(step, "needs");
		jv_array_foreach (needs, i, need)
			last = jv_object_delete(last, need);
		jv_free(needs);
		jv_free(step);
		jv_free(name);
	}
	return jv_keys(last);
}

/*
 * A run's output is the checkpoint of a last step. It waits where the first
 * of those before it waited: somebody takes steps from there.
 */
static int add_output(struct grammar *g, jv *steps)
{
	struct settings settings = g->defaults;
	jv needs = find_last(*steps);
	jv name = jv_array_get(jv_copy(needs), 0);
	jv before = jv_is_valid(name)
			    ? jv_object_get(jv_copy(*steps), jv_copy(name))
			    : jv_null();
	jv queue = value_get(before, "queue");
	jv params = jv_object_set(jv_object(), jv_string("value"),
				  jv_copy(g->output.value));
	int result = check_params_size(g, g->output, "output: ", params);

	if (value_is_text(queue))
		settings.queue = jv_string_value(queue);
	*steps = jv_object_set(*steps, jv_string(OUTPUT_STEP),
			       print_step(STEP_pass, &settings, needs, params));
	jv_free(queue);
	jv_free(before);
	jv_free(name);
	return result;
}

/* --- the document -------------------------------------------------------- */

static int read_name(struct grammar *g)
{
	struct spot s = spot_get(g->root, "name");

	if (spot_is_absent(s))
		return spot_complain(g->root, g->err,
				     "has no \"name\": add one, such as "
				     "\"name: picture-book\"");
	if (value_is_text(s.value) && text_is_name(value_text(s.value)))
		return 0;
	return spot_complain(s, g->err,
			     "name must be 1 to 64 of [a-z0-9_-], the first a "
			     "letter or digit");
}

static int read_description(struct grammar *g)
{
	struct spot s = spot_get(g->root, "description");

	if (spot_is_absent(s))
		return 0;
	if (!spot_is(s, JV_KIND_STRING, "description", g->err))
		return -1;
	if (value_text(s.value).len > DESCRIPTION_MAX)
		return spot_complain(s, g->err,
				     "description is longer than %d bytes",
				     DESCRIPTION_MAX);
	return 0;
}

static int read_input(struct grammar *g)
{
	struct spot s = spot_get(g->root, "input");

	if (spot_is_absent(s))
		return 0;
	return schema_check(s.value, s.place, s.path, g->err);
}

static int read_defaults(struct grammar *g)
{
	static const char *const keys[] = {SETTINGS_KEYS};
	struct spot s = spot_get(g->root, "defaults");

	g->defaults = settings_default();
	if (spot_is_absent(s))
		return 0;
	if (!spot_is(s, JV_KIND_OBJECT, "defaults", g->err) ||
	    spot_check_keys(s, " in defaults", keys, countof(keys), g->err) !=
		    0)
		return -1;
	return settings_read(&g->defaults, s, "defaults: ", g->err);
}

/* Members of the root that are stored as they are written. */
static jv copy_member(jv document, struct grammar *g, const char *key)
{
	struct spot s = spot_get(g->root, key);

	if (spot_is_absent(s))
		return document;
	return jv_object_set(document, jv_string(key), jv_copy(s.value));
}

static jv print_document(struct grammar *g, int64_t deadline_ms, jv steps)
{
	jv document = jv_object();

	document = jv_object_set(document, jv_string("version"),
				 jv_number(GRAMMAR_VERSION));
	document = copy_member(document, g, "name");
	document = copy_member(document, g, "description");
	document = copy_member(document, g, "input");
	document = jv_object_set(document, jv_string("deadline"),
				 jv_number((double)deadline_ms));
	return jv_object_set(document, jv_string("steps"), steps);
}

static int read_root(struct grammar *g, jv *document)
{
	int64_t deadline_ms = 0;
	jv steps;

	if (jv_get_kind(g->root.value) != JV_KIND_OBJECT)
		return spot_complain(g->root, g->err,
				     "a workflow must be a map with name and "
				     "steps, is %s",
				     value_kind(g->root.value));
	if (check_root_keys(g) != 0 || read_name(g) != 0 ||
	    read_description(g) != 0 ||
	    settings_duration(spot_get(g->root, "deadline"), "", "deadline", 1,
			      DEADLINE_MAX_MS, &deadline_ms, g->err) != 0 ||
	    read_input(g) != 0 || read_defaults(g) != 0 || check_steps(g) != 0)
		return -1;

	int result = read_steps(g, &steps);
	if (result == 0 && !spot_is_absent(g->output))
		result = add_output(g, &steps);
	if (result == 0)
		result = references_check(g->steps, g->output, steps, g->err);
	*document = print_document(g, deadline_ms, steps);
	return result;
}

/* "line 7: ..." becomes "a.yaml:7: ...". */
static int place_error(const char *path, struct error *err)
{
	int line, used = 0;

	if (sscanf(err->text, "line %d: %n", &line, &used) != 1 || !used)
		return error_prefix(err, "%s: ", path);
	memmove(err->text, err->text + used, strlen(err->text + used) + 1);
	return error_prefix(err, "%s:%d: ", path, line);
}

int grammar_read(struct slice yaml, const char *path, jv *document,
		 struct error *err)
{
	jv value, places;
	struct error ignored;

	if (!err)
		err = &ignored;
	*document = jv_invalid();
	if (yaml.len > WORKFLOW_SIZE_MAX)
		return error_set(err, ERR_INPUT,
				 "%s: is larger than %d KiB: keep large data "
				 "in files",
				 path, WORKFLOW_SIZE_MAX >> 10);
	if (yaml_parse(yaml, &value, &places, err) != 0)
		return place_error(path, err);
	struct grammar g = {.root = {value, places, path}, .err = err};
	int result = read_root(&g, document);
	jv_free(value);
	jv_free(places);
	if (result == 0)
		return 0;
	jv_free(*document);
	*document = jv_invalid();
	return -1;
}
