/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core.h"
#include "parameters.h"
#include "round.h"

/*
 * From what was taken to parameters that a kind can trust.
 *
 * Parameters that read nothing were made once, with the definition. Others
 * are expanded over the scope: here where they are plain paths, else by the
 * evaluator's child, which can be killed.
 */

static jv decode(struct slice bytes, const char *what, struct error *err)
{
	jv value;

	if (bytes.len == 0)
		return jv_null();
	if (msgpack_parse(bytes, &value, err) == 0)
		return value;
	error_prefix(err, "%s: ", what);
	return jv_invalid();
}

static jv scope_step(jv steps, const char *name, const char *member, jv value)
{
	jv step = value_get(steps, name);

	if (!jv_is_valid(step))
		step = jv_object();
	return jv_object_set(steps, jv_string(name),
			     jv_object_set(step, jv_string(member), value));
}

/*
 * {NAME: {output: ..., error: ...}} of the steps that are read: the outputs
 * come first, then the failures of those that may have failed instead; and
 * last, for what undoes a step, why the run has ended.
 */
static jv scope_steps(const struct attempt *a, const struct taken *t,
		      struct error *err)
{
	const struct workflow *w = a->definition->workflow;
	jv steps = jv_object();
	size_t outputs = a->step->reads_count;
	size_t count = outputs + a->step->errors_count;
	size_t told = count + (a->step->when == WHEN_UNDO) +
		      round_is_repeated(a) + (a->index >= 0);

	if (t->reads_count != told) {
		error_set(err, ERR_INPUT, "redis gave %zu of %zu outputs",
			  t->reads_count, told);
		jv_free(steps);
		return jv_invalid();
	}
	for (size_t i = 0; i < count; i++) {
		bool is_output = i < outputs;
		int which = is_output ? a->step->reads[i]
				      : a->step->errors[i - outputs];
		const char *name = w->steps[which].name;
		jv value = decode(t->reads[i].text, name, err);

		if (!jv_is_valid(value)) {
			jv_free(steps);
			return value;
		}
		steps = scope_step(steps, name, is_output ? "output" : "error",
				   value);
	}
	return steps;
}

static jv scope_run(const struct attempt *a, jv reason)
{
	jv run = jv_object();

	if (jv_is_valid(reason))
		run = jv_object_set(run, jv_string("reason"), reason);
	run = jv_object_set(run, jv_string("id"), jv_string(a->run));
	run = jv_object_set(run, jv_string("workflow"),
			    jv_string(definition_name(a->definition)));
	run = jv_object_set(run, jv_string("step"), jv_string(a->name));
	return jv_object_set(run, jv_string("attempt"), jv_number(a->attempt));
}

/* The item of a list that the attempt is about, behind all that is read. */
static int add_item(const struct attempt *a, const struct taken *t, jv *scope,
		    struct error *err)
{
	struct slice bytes = t->reads[t->reads_count - 1].text;
	jv item;

	if (bytes.len == 0)
		return error_set(err, ERR_INPUT, "redis gave no item");
	item = decode(bytes, "item", err);
	if (!jv_is_valid(item))
		return -1;
	*scope = jv_object_set(*scope, jv_string("item"), item);
	*scope = jv_object_set(*scope, jv_string("index"), jv_number(a->index));
	return 0;
}

static int make_scope(struct attempt *a, const struct taken *t,
		      struct error *err)
{
	jv input = decode(t->input, "input", err);
	jv steps = jv_is_valid(input) ? scope_steps(a, t, err) : jv_invalid();
	bool is_undo = a->step->when == WHEN_UNDO;
	jv scope, reason = jv_invalid();

	if (jv_is_valid(steps) && is_undo)
		reason = decode(t->reads[t->reads_count - 1].text, "reason",
				err);
	if (!jv_is_valid(steps) || (is_undo && !jv_is_valid(reason))) {
		jv_free(input);
		jv_free(steps);
		return -1;
	}
	scope = jv_object_set(jv_object(), jv_string("input"), input);
	scope = jv_object_set(scope, jv_string("steps"), steps);
	scope = jv_object_set(scope, jv_string("run"), scope_run(a, reason));
	scope = jv_object_set(scope, jv_string("env"), jv_copy(a->worker->env));
	if (a->index >= 0 && add_item(a, t, &scope, err) < 0) {
		jv_free(scope);
		return -1;
	}
	if (round_is_repeated(a))
		scope = round_begin(
			a, scope,
			t->reads[t->reads_count - 1 - (a->index >= 0)].text,
			err);
	a->scope = scope;
	return jv_is_valid(scope) ? 0 : -1;
}

void attempt_reveal(struct attempt *a)
{
	struct error err;

	if (template_has_secrets(a->plan->params.template) &&
	    template_reveal(&a->params, worker_secret, a->worker, &err) < 0)
		attempt_prepared(a, &err);
	else
		attempt_prepared(a, NULL);
}

/* params: owned. Types are checked before secrets are put in. */
static void check(struct attempt *a, jv params)
{
	struct error err;

	a->params = params;
	if (parameters_fit(a->step->kind, &a->params, &err) < 0)
		attempt_prepared(a, &err);
	else if (a->stop == STOP_NOT && a->step->cache_ms)
		recall_begin(a);
	else
		attempt_reveal(a);
}

static void on_params(struct attempt *a, jv value, const struct error *err)
{
	if (err)
		attempt_prepared(a, err);
	else
		check(a, jv_copy(value));
}

/* The scope is there, where anything is read. */
static void prepare_params(struct attempt *a)
{
	const struct plan *p = a->plan;
	struct error err;
	jv params;

	if (!template_is_plain(p->params.template)) {
		attempt_evaluate(a, &p->params, NULL, jv_invalid(), on_params);
	} else if (template_expand(p->params.template, a->scope, &params,
				   &err) < 0) {
		attempt_prepared(a, &err);
	} else {
		check(a, params);
	}
}

/* As jq sees it: null and false are no, all else is yes. */
static void on_condition(struct attempt *a, jv value, const struct error *err)
{
	jv_kind kind = jv_get_kind(value);

	if (err)
		attempt_prepared(a, err);
	else if (a->stop != STOP_NOT ||
		 (kind != JV_KIND_NULL && kind != JV_KIND_FALSE))
		prepare_params(a);
	else
		report_skipped(a);
}

static void prepare_conditionally(struct attempt *a)
{
	const struct formula *f = &a->plan->condition;
	struct error err;
	jv value;

	if (!template_is_plain(f->template)) {
		attempt_evaluate(a, f, NULL, jv_invalid(), on_condition);
	} else if (template_expand(f->template, a->scope, &value, &err) < 0) {
		attempt_prepared(a, &err);
	} else {
		on_condition(a, value, NULL);
		jv_free(value);
	}
}

void attempt_prepare(struct attempt *a, const struct taken *t)
{
	const struct plan *p = a->plan;
	bool is_constant = jv_is_valid(p->constant);
	struct error err;

	if (transfer_get(a, t))
		return;
	if (is_constant && !p->late.template && !p->condition.template &&
	    !round_is_repeated(a) && !p->step->cache_ms) {
		if (template_has_secrets(p->params.template)) {
			check(a, jv_copy(p->constant));
			return;
		}
		a->params = jv_copy(p->constant);
		attempt_prepared(a, NULL);
		return;
	}
	if (make_scope(a, t, &err) < 0)
		attempt_prepared(a, &err);
	else if (p->condition.template && a->round <= 1)
		prepare_conditionally(a);
	else
		prepare_params(a);
}
