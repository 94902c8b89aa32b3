/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core.h"
#include "parameters.h"

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

/* {NAME: {output: ...}} of the steps whose outputs the parameters read. */
static jv scope_steps(const struct attempt *a, const struct taken *t,
		      struct error *err)
{
	const struct workflow *w = a->definition->workflow;
	jv steps = jv_object();
	size_t count = a->step->reads_count;

	if (t->reads_count != count) {
		error_set(err, ERR_INPUT, "redis gave %zu of %zu outputs",
			  t->reads_count, count);
		jv_free(steps);
		return jv_invalid();
	}
	for (size_t i = 0; i < count; i++) {
		const char *name = w->steps[a->step->reads[i]].name;
		jv output = decode(t->reads[i].text, name, err);

		if (!jv_is_valid(output)) {
			jv_free(steps);
			return output;
		}
		steps = jv_object_set(steps, jv_string(name),
				      jv_object_set(jv_object(),
						    jv_string("output"),
						    output));
	}
	return steps;
}

static jv scope_run(const struct attempt *a)
{
	jv run = jv_object();

	run = jv_object_set(run, jv_string("id"), jv_string(a->run));
	run = jv_object_set(run, jv_string("workflow"),
			    jv_string(definition_name(a->definition)));
	run = jv_object_set(run, jv_string("step"), jv_string(a->name));
	return jv_object_set(run, jv_string("attempt"), jv_number(a->attempt));
}

static int make_scope(struct attempt *a, const struct taken *t,
		      struct error *err)
{
	jv input = decode(t->input, "input", err);
	jv steps = jv_is_valid(input) ? scope_steps(a, t, err) : jv_invalid();
	jv scope;

	if (!jv_is_valid(steps)) {
		jv_free(input);
		return -1;
	}
	scope = jv_object_set(jv_object(), jv_string("input"), input);
	scope = jv_object_set(scope, jv_string("steps"), steps);
	scope = jv_object_set(scope, jv_string("run"), scope_run(a));
	a->scope =
		jv_object_set(scope, jv_string("env"), jv_copy(a->worker->env));
	return 0;
}

/* params: owned. Types are checked before secrets are put in. */
static void check(struct attempt *a, jv params)
{
	struct error err;

	a->params = params;
	if (parameters_fit(a->step->kind, &a->params, &err) < 0 ||
	    (template_has_secrets(a->plan->params.template) &&
	     template_reveal(&a->params, worker_secret, a->worker, &err) < 0))
		attempt_prepared(a, &err);
	else
		attempt_prepared(a, NULL);
}

static void on_params(struct attempt *a, jv value, const struct error *err)
{
	if (err)
		attempt_prepared(a, err);
	else
		check(a, jv_copy(value));
}

void attempt_prepare(struct attempt *a, const struct taken *t)
{
	const struct plan *p = a->plan;
	bool is_constant = jv_is_valid(p->constant);
	struct error err;
	jv params;

	if (is_constant && !p->late.template) {
		if (template_has_secrets(p->params.template)) {
			check(a, jv_copy(p->constant));
			return;
		}
		a->params = jv_copy(p->constant);
		attempt_prepared(a, NULL);
		return;
	}
	if (make_scope(a, t, &err) < 0) {
		attempt_prepared(a, &err);
	} else if (!template_is_plain(p->params.template)) {
		attempt_evaluate(a, &p->params, NULL, jv_invalid(), on_params);
	} else if (template_expand(p->params.template, a->scope, &params,
				   &err) < 0) {
		attempt_prepared(a, &err);
	} else {
		check(a, params);
	}
}
