/* SPDX-License-Identifier: MIT */
#include "grammar_step.h"

#include <stdio.h>
#include <string.h>

#include "branch.h"
#include "form.h"
#include "undo.h"
#include "treadle/schema.h"

#define DESCRIPTION_MAX 1000
#define DEADLINE_MAX_MS (INT64_C(3650) * 24 * 3600 * 1000)

static int check_root_keys(struct grammar *g)
{
	static const char *const keys[] = {
		"name",  "description", "deadline", "input",        "defaults",
		"steps", "finally",     "output",   "compensate_on"};

	if (grammar_refuse_reserved(g, g->root, "") != 0)
		return -1;
	return spot_check_keys(g->root, "", keys, countof(keys), g->err);
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

/* The steps of g->steps, put to those that there are. */
static int read_steps(struct grammar *g, jv *steps)
{
	struct members m;
	int result = 0;

	members_init(&m, g->steps.value);
	for (size_t i = 0; i < m.count && result == 0; i++)
		result = check_step_name(g, m.items[i].name);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		const char *name = m.items[i].name.data;
		jv step = jv_null();
		result = grammar_step(g, name, spot_get(g->steps, name), &step);
		*steps = jv_object_set(*steps, jv_copy(m.items[i].key), step);
		if (result == 0)
			result = undo_read(g, name, spot_get(g->steps, name),
					   steps);
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
		return spot_complain(
			g->root, g->err,
			"the workflow has no \"steps\": add a map of steps by "
			"name");
	if (!spot_is(g->steps, JV_KIND_OBJECT, "steps", g->err))
		return -1;
	count = (size_t)(jv_object_length(jv_copy(g->steps.value)) +
			 undo_count(g->steps));
	if (!count)
		return spot_complain(g->steps, g->err,
				     "steps is empty: add a step");
	if (count + !spot_is_absent(g->output) > WORKFLOW_STEPS_MAX)
		return spot_complain(
			g->steps, g->err,
			"there are %zu steps%s, more than %d: "
			"split the workflow",
			count,
			spot_is_absent(g->output) ? "" : " and an output",
			WORKFLOW_STEPS_MAX);
	return 0;
}

/* The name of the signal that it waits for, or the invalid jv. */
static jv signal_of(jv step)
{
	jv params = value_get(step, "params");
	jv signal = value_get(params, "signal");

	jv_free(params);
	return signal;
}

/* A signal goes to one step, so that one says what becomes of it. */
static int check_signals(struct grammar *g, struct spot written, jv steps)
{
	jv owners = jv_object();
	struct members m;
	int result = 0;

	members_init(&m, steps);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		const char *name = m.items[i].name.data;
		struct spot wait = spot_get(spot_get(written, name), "wait");
		jv signal = signal_of(m.items[i].value), owner;
		if (!value_is_text(signal)) {
			jv_free(signal);
			continue;
		}
		owner = value_get(owners, jv_string_value(signal));
		if (value_is_text(owner))
			result = spot_complain(
				spot_get(wait, "signal"), g->err,
				"step \"%s\" waits for the signal \"%s\", as "
				"step \"%s\" does: give one another name",
				name, jv_string_value(signal),
				jv_string_value(owner));
		jv_free(owner);
		owners = jv_object_set(owners, signal, jv_copy(m.items[i].key));
	}
	members_clear(&m);
	jv_free(owners);
	return result;
}

/* --- output -------------------------------------------------------------- */

/* Whether it is performed only when a run has failed or was cancelled. */
static bool is_closing(jv step)
{
	jv when = value_get(step, "when");
	bool is = value_is_text(when) && !slice_is(value_text(when), "always");

	jv_free(when);
	return is;
}

/* The names of the steps that no other needs, in order. */
static jv find_last(jv steps, bool with_closing)
{
	jv last = jv_copy(steps);

	jv_object_foreach (steps, name, step) {
		if (undo_is_name(value_text(name)) ||
		    (is_closing(step) && !with_closing)) {
			last = jv_object_delete(last, name);
			jv_free(step);
			continue;
		}
		jv needs = value_get(step, "needs");
		jv_array_foreach (needs, i, need)
			last = jv_object_delete(last, need);
		jv_free(needs);
		jv_free(step);
		jv_free(name);
	}
	return jv_keys(last);
}

struct output_needs {
	jv steps, needs;
};

static void on_output_reads(void *arg, const char *name)
{
	struct output_needs *o = arg;
	jv step = name ? value_get(o->steps, name) : jv_invalid();
	bool is_new = jv_is_valid(step) && !is_closing(step);

	jv_free(step);
	jv_array_foreach (o->needs, i, need) {
		is_new = is_new && strcmp(jv_string_value(need), name) != 0;
		jv_free(need);
	}
	if (is_new)
		o->needs = jv_array_append(o->needs, jv_string(name));
}

static bool has_branches(jv steps) /* some step may be skipped */
{
	bool has = false;

	jv_object_foreach (steps, name, step) {
		has = has || jv_object_has(jv_copy(step), jv_string("if")) ||
		      jv_object_has(jv_copy(step), jv_string("on_error"));
		jv_free(name);
		jv_free(step);
	}
	return has;
}

/*
 * What the output needs, in order: the last steps. Where these may all be
 * skipped also what it reads: else it would be skipped with them.
 */
static jv find_output_needs(const struct grammar *g, jv steps)
{
	struct output_needs o = {steps, find_last(steps, false)};
	struct template *t =
		has_branches(steps) ? template_new(g->output.value, false, NULL)
				    : NULL;
	bool reads_input;

	if (!t)
		return o.needs;
	template_reads(t, on_output_reads, &o, &reads_input);
	template_free(t);
	return jv_sort(o.needs, jv_copy(o.needs));
}

/*
 * A run's output is the checkpoint of a last step. It waits where the first
 * of those before it waited: somebody takes steps from there.
 */
static int add_output(struct grammar *g, jv *steps)
{
	struct settings settings = g->defaults;
	jv needs = find_output_needs(g, *steps);
	jv name = jv_array_get(jv_copy(needs), 0);
	jv before = jv_is_valid(name)
			    ? jv_object_get(jv_copy(*steps), jv_copy(name))
			    : jv_null();
	jv queue = value_get(before, "queue");
	jv params = jv_object_set(jv_object(), jv_string("value"),
				  jv_copy(g->output.value));
	int result = grammar_check_size(g, g->output, "output: ", params);

	if (value_is_text(queue))
		settings.queue = jv_string_value(queue);
	*steps = jv_object_set(
		*steps, jv_string(OUTPUT_STEP),
		grammar_print_step(STEP_pass, &settings, needs, params));
	jv_free(queue);
	jv_free(before);
	jv_free(name);
	return result;
}

/* --- finally ------------------------------------------------------------- */

/* A step of `finally` that needs no other of them needs all the rest. */
static jv close_step(jv step, jv last)
{
	jv needs = value_get(step, "needs");

	if (jv_array_length(needs) == 0)
		step = jv_object_set(step, jv_string("needs"), jv_copy(last));
	step = jv_object_set(step, jv_string("final"), jv_true());
	if (jv_object_has(jv_copy(step), jv_string("when")))
		return step;
	return jv_object_set(step, jv_string("when"), jv_string("always"));
}

static int add_finally(struct grammar *g, jv *steps)
{
	struct spot ordinary = g->steps;
	jv last = find_last(*steps, true), closing = jv_object();
	int result;

	g->steps = g->finally;
	result = read_steps(g, &closing);
	g->steps = ordinary;
	jv_object_foreach (closing, name, step) {
		if (result == 0 &&
		    jv_object_has(jv_copy(*steps), jv_copy(name)))
			result = spot_complain(
				spot_get(g->finally, jv_string_value(name)),
				g->err,
				"finally: there is a step \"%s\" already: "
				"rename it",
				jv_string_value(name));
		if (result == 0)
			*steps = jv_object_set(*steps, jv_copy(name),
					       close_step(jv_copy(step), last));
		jv_free(name);
		jv_free(step);
	}
	jv_free(closing);
	jv_free(last);
	return result;
}

static int check_finally(struct grammar *g)
{
	g->finally = spot_get(g->root, "finally");
	if (spot_is_absent(g->finally))
		return 0;
	if (!spot_is(g->finally, JV_KIND_OBJECT, "finally", g->err))
		return -1;
	int count = jv_object_length(jv_copy(g->steps.value)) +
		    undo_count(g->steps) +
		    jv_object_length(jv_copy(g->finally.value));
	if (count < WORKFLOW_STEPS_MAX)
		return 0;
	return spot_complain(g->finally, g->err,
			     "there are %d steps, more than %d: split the "
			     "workflow",
			     count, WORKFLOW_STEPS_MAX - 1);
}

/* All steps as one map that was written: with those of `finally`, and with
 * what undoes them. Owned. */
static struct spot merge_steps(const struct grammar *g)
{
	struct spot all = g->steps;
	bool is_final = !spot_is_absent(g->finally);

	all.value = jv_copy(all.value);
	all.place = jv_copy(all.place);
	if (is_final)
		all.value =
			jv_object_merge(all.value, jv_copy(g->finally.value));
	if (is_final && jv_is_valid(all.place))
		all.place =
			jv_object_merge(all.place, jv_copy(g->finally.place));
	undo_write(&all);
	return all;
}

/* --- the document -------------------------------------------------------- */

static int read_name(struct grammar *g)
{
	struct spot s = spot_get(g->root, "name");

	if (spot_is_absent(s))
		return spot_complain(
			g->root, g->err,
			"the workflow has no \"name\": add one, such as "
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
	    spot_check_keys(s, "defaults: ", keys, countof(keys), g->err) != 0)
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

static jv print_document(struct grammar *g, int64_t deadline_ms, jv ends,
			 jv steps)
{
	jv document = jv_object();

	document = jv_object_set(document, jv_string("version"),
				 jv_number(GRAMMAR_VERSION));
	document = copy_member(document, g, "name");
	document = copy_member(document, g, "description");
	document = copy_member(document, g, "input");
	document = jv_object_set(document, jv_string("deadline"),
				 jv_number((double)deadline_ms));
	if (jv_is_valid(ends))
		document = jv_object_set(document, jv_string("compensate_on"),
					 ends);
	return jv_object_set(document, jv_string("steps"), steps);
}

static int read_root(struct grammar *g, jv *document)
{
	struct form f = {.map = g->root, .what = "", .err = g->err};
	int64_t deadline_ms = 0;
	jv steps, ends;

	*document = jv_invalid();
	if (jv_get_kind(g->root.value) != JV_KIND_OBJECT)
		return spot_complain(g->root, g->err,
				     "a workflow must be a map with name and "
				     "steps, is %s",
				     value_kind(g->root.value));
	if (check_root_keys(g) != 0 || read_name(g) != 0 ||
	    read_description(g) != 0 ||
	    form_duration(&f, "deadline", 1, DEADLINE_MAX_MS, &deadline_ms) !=
		    0 ||
	    read_input(g) != 0 || read_defaults(g) != 0 ||
	    check_steps(g) != 0 || check_finally(g) != 0 ||
	    undo_ends(g, &ends) != 0)
		return -1;

	steps = jv_object();
	struct spot written = merge_steps(g);
	int result = read_steps(g, &steps);
	if (result == 0 && !spot_is_absent(g->output))
		result = add_output(g, &steps);
	if (result == 0 && !spot_is_absent(g->finally))
		result = add_finally(g, &steps);
	if (result == 0)
		result = branches_check(written, steps, g->err);
	if (result == 0)
		result = undo_check(written, steps, g->err);
	if (result == 0)
		result = check_signals(g, written, steps);
	if (result == 0)
		result = references_check(written, g->output, steps, g->err);
	jv_free(written.value);
	jv_free(written.place);
	*document = print_document(g, deadline_ms, ends, steps);
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

int grammar_read(struct slice yaml, const char *path, jv *document, jv *lines,
		 struct error *err)
{
	jv value, places;
	struct error ignored;

	if (!err)
		err = &ignored;
	*document = *lines = jv_invalid();
	if (yaml.len > WORKFLOW_SIZE_MAX)
		return error_set(err, ERR_INPUT,
				 "%s: is larger than %d KiB: keep large data "
				 "in files",
				 path, WORKFLOW_SIZE_MAX >> 10);
	if (yaml_parse(yaml, &value, &places, err) != 0)
		return place_error(path, err);
	struct grammar g = {.root = {value, places, path},
			    .lines = jv_object(),
			    .err = err};
	int result = read_root(&g, document);
	jv_free(value);
	jv_free(places);
	*lines = g.lines;
	if (result == 0)
		return 0;
	jv_free(*document);
	jv_free(*lines);
	*lines = jv_invalid();
	*document = jv_invalid();
	return -1;
}
