/* SPDX-License-Identifier: MIT */
#include "grammar_step.h"

#include <stdio.h>
#include <string.h>

#include "branch.h"
#include "caching.h"
#include "each.h"
#include "params.h"
#include "repeat.h"
#include "subworkflow.h"

#define PARAMS_SIZE_MAX (256 << 10)

int grammar_kind(const char *text)
{
	for (int i = 0; i < STEP_KIND_COUNT; i++)
		if (strcmp(text, step_kind_text((enum step_kind)i)) == 0)
			return i;
	return -1;
}

/* --- keys ---------------------------------------------------------------- */

int grammar_refuse_reserved(struct grammar *g, struct spot map,
			    const char *what)
{
	static const char *const reserved[] = {
		"priority", "provider", "schedule", "fallback", "budget",
	};

	for (size_t i = 0; i < countof(reserved); i++) {
		struct spot s = spot_get(map, reserved[i]);
		if (!spot_is_absent(s))
			return spot_complain(s, g->err,
					     "%s\"%s\" is reserved for a later "
					     "version: remove it",
					     what, reserved[i]);
	}
	return 0;
}

static int check_step_keys(struct grammar *g, struct spot step,
			   const char *what)
{
	static const char *const keys[] = {
		"needs",     "compensate", "input",   "repeat",
		BRANCH_KEYS, CACHING_KEYS, EACH_KEYS, SETTINGS_KEYS,
#define STEP(kind, help) #kind,
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
	};

	if (grammar_refuse_reserved(g, step, what) != 0)
		return -1;
	return spot_check_keys(step, what, keys, countof(keys), g->err);
}

int grammar_read_kind(struct grammar *g, const char *what, struct spot step,
		      enum step_kind *kind)
{
	int found = -1;

	for (int i = 0; i < STEP_KIND_COUNT; i++) {
		const char *text = step_kind_text((enum step_kind)i);
		struct spot s = spot_get(step, text);
		if (spot_is_absent(s))
			continue;
		if (i == STEP_each)
			return spot_complain(s, g->err,
					     "%shas \"each\", which is "
					     "written as for_each beside exec, "
					     "http, pass or workflow",
					     what);
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
				     "pass, wait or workflow",
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

	if (!spot_is_absent(spot_get(spot_get(g->root, "steps"), need)))
		return spot_complain(s, g->err,
				     "%sneeds \"%s\", which has ended before "
				     "finally begins: remove that need",
				     what, need);
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

int grammar_check_size(struct grammar *g, struct spot s, const char *what,
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

jv grammar_print_step(enum step_kind kind, const struct settings *settings,
		      jv needs, jv params)
{
	jv step = jv_object();

	step = jv_object_set(step, jv_string("kind"),
			     jv_string(step_kind_text(kind)));
	step = jv_object_set(step, jv_string("needs"), needs);
	step = jv_object_set(step, jv_string("params"), params);
	return settings_print(settings, step);
}

/* What a step is made of. */
struct parts {
	enum step_kind kind;
	struct settings settings;
	struct branch branch;
	struct repeat repeat;
	struct caching caching;
	struct each_form each;
	jv needs, params;
};

static int read_params(struct grammar *g, struct spot s, const char *what,
		       struct parts *p)
{
	struct spot own = spot_get(g->root, "name");

	if (p->kind == STEP_workflow)
		return subworkflow_read(s, jv_string_value(own.value), what,
					&p->params, g->err);
	if (subworkflow_refuse_input(s, what, g->err) != 0)
		return -1;
	return params_read(p->kind, spot_get(s, step_kind_text(p->kind)), what,
			   &p->params, g->err);
}

static int read_parts(struct grammar *g, const char *name, struct spot s,
		      struct parts *p)
{
	char subject[96], what[96];

	snprintf(subject, sizeof(subject), "step \"%s\" ", name);
	snprintf(what, sizeof(what), "step \"%s\": ", name);
	if (jv_get_kind(s.value) != JV_KIND_OBJECT)
		return spot_complain(s, g->err,
				     "%smust be a map with exec, http, pass, "
				     "wait or workflow, is %s",
				     subject, value_kind(s.value));
	if (check_step_keys(g, s, what) != 0 ||
	    grammar_read_kind(g, subject, s, &p->kind) != 0 ||
	    read_needs(g, s, subject, name, &p->needs) != 0 ||
	    branch_read(&p->branch, s, what, g->err) != 0 ||
	    repeat_read(&p->repeat, p->kind, s, what, g->err) != 0 ||
	    caching_read(&p->caching, p->kind, s, what, g->err) != 0 ||
	    each_read(&p->each, s, what, g->err) != 0)
		return -1;
	if (p->kind == STEP_workflow)
		subworkflow_settings(&p->settings);
	if (settings_read(&p->settings, s, what, g->err) != 0 ||
	    read_params(g, s, what, p) != 0)
		return -1;
	return grammar_check_size(g, spot_get(s, step_kind_text(p->kind)), what,
				  p->params);
}

/* Whether there is such a workflow is seen later. */
static void keep_line(struct grammar *g, const char *name, struct spot s)
{
	g->lines = jv_object_set(g->lines, jv_string(name),
				 jv_number(place_line(s.place)));
}

int grammar_step(struct grammar *g, const char *name, struct spot s, jv *step)
{
	struct parts p = {
		.settings = g->defaults,
		.needs = jv_invalid(),
		.params = jv_invalid(),
	};

	int result;

	branch_init(&p.branch);
	repeat_init(&p.repeat);
	caching_init(&p.caching);
	each_init(&p.each);
	result = read_parts(g, name, s, &p);
	if (result != 0) {
		jv_free(p.needs);
		jv_free(p.params);
	} else {
		*step = grammar_print_step(p.kind, &p.settings, p.needs,
					   p.params);
		*step = branch_print(&p.branch, *step);
		*step = repeat_print(&p.repeat, *step);
		*step = caching_print(&p.caching, *step);
		*step = each_print(&p.each, *step);
		if (p.kind == STEP_workflow)
			keep_line(g, name, spot_get(s, "workflow"));
	}
	each_clear(&p.each);
	branch_clear(&p.branch);
	repeat_clear(&p.repeat);
	caching_clear(&p.caching);
	return result;
}
