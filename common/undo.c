/* SPDX-License-Identifier: MIT */
#include "undo.h"

#include <stdio.h>
#include <string.h>

#include "branch.h"
#include "params.h"

static const char *const end_names[] = {"failed", "cancelled"};

bool undo_is_name(struct slice name)
{
	size_t len = sizeof(UNDO_SUFFIX) - 1;

	return name.len > len &&
	       memcmp(name.data + name.len - len, UNDO_SUFFIX, len) == 0 &&
	       text_is_name(undo_cut(name));
}

struct slice undo_cut(struct slice name)
{
	size_t len = sizeof(UNDO_SUFFIX) - 1;

	must(name.len >= len);
	return (struct slice){name.data, name.len - len};
}

/* --- compensate ---------------------------------------------------------- */

static int check_keys(struct grammar *g, struct spot s, const char *what)
{
	static const char *const keys[] = {
		"unfinished",
		SETTINGS_KEYS,
#define STEP(kind, help) #kind,
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
	};

	return spot_check_keys(s, what, keys, countof(keys), g->err);
}

static int read_unfinished(struct grammar *g, struct spot s, const char *what,
			   bool *is_unfinished)
{
	struct spot member = spot_get(s, "unfinished");
	jv_kind kind = jv_get_kind(member.value);

	*is_unfinished = kind == JV_KIND_TRUE;
	if (kind == JV_KIND_INVALID || kind == JV_KIND_TRUE ||
	    kind == JV_KIND_FALSE)
		return 0;
	return spot_complain(member, g->err,
			     "%sunfinished must be true or false, is %s", what,
			     value_kind(member.value));
}

/* Parameters are checked as those of a step are. */
static int read_params(struct grammar *g, const char *what, struct spot s,
		       enum step_kind *kind, jv *params)
{
	if (grammar_read_kind(g, what, s, kind) != 0)
		return -1;
	struct spot written = spot_get(s, step_kind_text(*kind));
	if (*kind == STEP_workflow)
		return spot_complain(written, g->err,
				     "%scan't perform a workflow: use exec, "
				     "http, pass or wait",
				     what);
	if (params_read(*kind, written, what, params, g->err) != 0)
		return -1;
	return grammar_check_size(g, written, what, *params);
}

static jv print_undo(enum step_kind kind, const struct settings *settings,
		     const char *name, jv params, bool is_unfinished)
{
	jv needs = jv_array_append(jv_array(), jv_string(name));
	jv step = grammar_print_step(kind, settings, needs, params);

	step = jv_object_set(step, jv_string("when"),
			     jv_string(step_when_text(WHEN_UNDO)));
	if (is_unfinished)
		step = jv_object_set(step, jv_string("unfinished"), jv_true());
	return step;
}

/* It waits where the step has waited: who could do that can undo it. */
static struct settings settings_of(const struct grammar *g, struct spot step)
{
	struct settings settings = g->defaults;
	struct spot queue = spot_get(step, "queue");

	if (value_is_text(queue.value))
		settings.queue = jv_string_value(queue.value);
	return settings;
}

int undo_read(struct grammar *g, const char *name, struct spot step, jv *steps)
{
	struct spot s = spot_get(step, "compensate");
	struct settings settings = settings_of(g, step);
	char what[128], subject[128];
	bool is_unfinished;
	enum step_kind kind;
	jv params = jv_invalid();

	if (spot_is_absent(s))
		return 0;
	snprintf(what, sizeof(what), "step \"%s\": compensate: ", name);
	snprintf(subject, sizeof(subject), "step \"%s\": compensate ", name);
	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return spot_complain(s, g->err,
				     "%smust be a map with exec, http, pass or "
				     "wait, is %s",
				     subject, value_kind(s.value));
	if (check_keys(g, s, what) != 0 ||
	    read_unfinished(g, s, what, &is_unfinished) != 0 ||
	    settings_read(&settings, s, what, g->err) != 0)
		return -1;
	if (read_params(g, subject, s, &kind, &params) != 0) {
		jv_free(params);
		return -1;
	}
	*steps = jv_object_set(
		*steps, jv_string_fmt("%s" UNDO_SUFFIX, name),
		print_undo(kind, &settings, name, params, is_unfinished));
	return 0;
}

/* --- all steps together -------------------------------------------------- */

int undo_count(struct spot steps)
{
	struct members m;
	int count = 0;

	if (jv_get_kind(steps.value) != JV_KIND_OBJECT)
		return 0;
	members_init(&m, steps.value);
	for (size_t i = 0; i < m.count; i++)
		count += !spot_is_absent(spot_get(
			spot_get(steps, m.items[i].name.data), "compensate"));
	members_clear(&m);
	return count;
}

/* The places of members have a dot before their names: value.h. */
void undo_write(struct spot *steps)
{
	struct members m;

	members_init(&m, steps->value);
	for (size_t i = 0; i < m.count; i++) {
		const char *name = m.items[i].name.data;
		struct spot undo =
			spot_get(spot_get(*steps, name), "compensate");

		if (spot_is_absent(undo))
			continue;
		steps->value = jv_object_set(
			steps->value, jv_string_fmt("%s" UNDO_SUFFIX, name),
			jv_copy(undo.value));
		if (jv_is_valid(steps->place))
			steps->place = jv_object_set(
				steps->place,
				jv_string_fmt(".%s" UNDO_SUFFIX, name),
				jv_copy(undo.place));
	}
	members_clear(&m);
}

int undo_check(struct spot written, jv steps, struct error *err)
{
	struct spot all = {.value = steps, .place = jv_invalid()};
	struct members m;
	int result = 0;

	members_init(&m, steps);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		struct slice name = m.items[i].name;
		if (!undo_is_name(name))
			continue;
		char undone[72];
		snprintf(undone, sizeof(undone), "%.*s",
			 (int)undo_cut(name).len, name.data);
		if (!spot_is_absent(spot_get(spot_get(all, undone), "when")))
			result = spot_complain(
				spot_get(spot_get(written, undone),
					 "compensate"),
				err,
				"step \"%s\": compensate: it is performed at "
				"the end of the run, behind what is undone: "
				"remove compensate",
				undone);
	}
	members_clear(&m);
	return result;
}

/* --- compensate_on ------------------------------------------------------- */

static int find_end(jv value)
{
	for (size_t i = 0; i < countof(end_names); i++)
		if (value_is_text(value) &&
		    slice_is(value_text(value), end_names[i]))
			return (int)i;
	return -1;
}

static int read_end(struct grammar *g, struct spot s, jv *found)
{
	if (find_end(s.value) < 0)
		return spot_complain(s, g->err,
				     "compensate_on must be failed, cancelled "
				     "or a list of both");
	*found = jv_object_set(*found, jv_copy(s.value), jv_true());
	return 0;
}

int undo_ends(struct grammar *g, jv *ends)
{
	struct spot s = spot_get(g->root, "compensate_on");
	jv found = jv_object();
	int result = 0;

	*ends = jv_invalid();
	if (spot_is_absent(s)) {
		jv_free(found);
		return 0;
	}
	if (jv_get_kind(s.value) == JV_KIND_ARRAY) {
		int count = jv_array_length(jv_copy(s.value));
		for (int i = 0; i < count && result == 0; i++)
			result = read_end(g, spot_at(s, i), &found);
		if (count == 0)
			result = spot_complain(
				s, g->err,
				"compensate_on is empty: name failed, "
				"cancelled or both, or remove it");
	} else {
		result = read_end(g, s, &found);
	}
	if (result == 0)
		*ends = jv_keys(jv_copy(found));
	jv_free(found);
	return result;
}

int undo_parse_ends(struct workflow *w, struct spot s, struct error *err)
{
	bool is[countof(end_names)] = {false};
	int count = 0;

	if (jv_get_kind(s.value) == JV_KIND_ARRAY)
		count = jv_array_length(jv_copy(s.value));
	else if (!spot_is_absent(s))
		return error_set(err, ERR_INPUT,
				 "\"compensate_on\" is no list");
	for (int i = 0; i < count; i++) {
		int end = find_end(spot_at(s, i).value);
		if (end < 0)
			return error_set(err, ERR_INPUT,
					 "\"compensate_on\" is unsupported");
		is[end] = true;
	}
	w->is_undone_failed = spot_is_absent(s) || is[0];
	w->is_undone_cancelled = spot_is_absent(s) || is[1];
	return 0;
}
