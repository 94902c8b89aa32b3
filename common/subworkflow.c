/* SPDX-License-Identifier: MIT */
#include "subworkflow.h"

#include <string.h>

#include "params.h"

void subworkflow_settings(struct settings *s)
{
	s->timeout_ms = 0;
	s->retry.attempts_max = 1;
}

int subworkflow_read(struct spot step, const char *own, const char *what,
		     jv *params, struct error *err)
{
	struct spot name = spot_get(step, "workflow");
	struct spot input = spot_get(step, "input");
	struct spot repeat = spot_get(step, "repeat");

	if (!value_is_text(name.value) || !text_is_name(value_text(name.value)))
		return spot_complain(
			name, err,
			"%sworkflow must be the name of a workflow, such as "
			"\"workflow: resize\"; its input stands beside it: "
			"\"input: {...}\"",
			what);
	if (slice_is(value_text(name.value), own))
		return spot_complain(name, err,
				     "%sworkflow \"%s\" would perform itself, "
				     "without end: name another",
				     what, own);
	if (!spot_is_absent(repeat))
		return spot_complain(repeat, err,
				     "%srepeat is not for steps that perform a "
				     "workflow: use it in that workflow",
				     what);
	*params = jv_object_set(jv_object(), jv_string("name"),
				jv_copy(name.value));
	if (!spot_is_absent(input))
		*params = jv_object_set(*params, jv_string("input"),
					jv_copy(input.value));
	return 0;
}

int subworkflow_refuse_input(struct spot step, const char *what,
			     struct error *err)
{
	struct spot input = spot_get(step, "input");

	if (spot_is_absent(input))
		return 0;
	return spot_complain(input, err,
			     "%sinput is for steps that perform a workflow: "
			     "remove it",
			     what);
}

int subworkflow_parse(struct step *step, struct spot s, struct arena *a,
		      struct error *err)
{
	struct spot definition = spot_get(s, "definition");
	struct step *performer = step->item ? step->item : step;
	struct spot params = {.value = performer->params,
			      .place = jv_invalid()};
	jv name = spot_get(params, "name").value;

	step->definition = performer->definition = "";
	if (performer->kind != STEP_workflow)
		return step->timeout_ms > 0
			       ? 0
			       : error_set(err, ERR_INPUT, "has no timeout");
	if (!value_is_text(name) || !text_is_name(value_text(name)))
		return error_set(err, ERR_INPUT, "performs no workflow");
	step->performs = arena_strdup(a, jv_string_value(name));
	if (value_is_text(definition.value))
		step->definition =
			arena_strdup(a, jv_string_value(definition.value));
	performer->performs = step->performs;
	performer->definition = step->definition;
	return 0;
}

void subworkflow_place(struct workflow *w, const char *path, jv lines)
{
	w->path = arena_strdup(&w->arena, path);
	for (size_t i = 0; i < w->steps_count; i++) {
		jv line = value_get(lines, w->steps[i].name);
		if (jv_get_kind(line) == JV_KIND_NUMBER)
			w->steps[i].line = (int)jv_number_value(jv_copy(line));
		jv_free(line);
	}
}
