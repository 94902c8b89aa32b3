/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "source.h"

static void print_ok(const struct call *c, const char *path,
		     const struct workflow *w)
{
	char steps[32];

	if (!c->is_json) {
		output_printf(&c->out, "%s: ok, %s\n", source_name(path),
			      source_steps_text(w, steps));
		return;
	}
	jv shown = jv_object();
	shown = jv_object_set(shown, jv_string("file"), jv_string(path));
	shown = jv_object_set(shown, jv_string("ok"), jv_true());
	shown = jv_object_set(shown, jv_string("workflow"), jv_string(w->name));
	shown = jv_object_set(shown, jv_string("steps"),
			      jv_number((double)source_steps(w)));
	shown = jv_object_set(shown, jv_string("definition"),
			      jv_string(w->digest));
	output_json(&c->out, shown);
	jv_free(shown);
}

static void print_bad(const struct call *c, const char *path,
		      const struct error *err)
{
	if (!c->is_json) {
		output_printf(&c->talk, "treadle: %s\n", err->text);
		return;
	}
	jv shown = jv_object();
	shown = jv_object_set(shown, jv_string("file"), jv_string(path));
	shown = jv_object_set(shown, jv_string("ok"), jv_false());
	shown = jv_object_set(shown, jv_string("error"), jv_string(err->text));
	output_json(&c->out, shown);
	jv_free(shown);
}

static int run(struct call *c, struct error *err)
{
	int rc = 0;

	(void)err; /* each file has its own, said at once */
	for (int i = 0; i < c->args_count; i++) {
		struct error wrong = {0};
		struct workflow *w;

		if (source_workflow(c->config, c->args[i], &w, &wrong) == 0) {
			print_ok(c, c->args[i], w);
			workflow_free(w);
			continue;
		}
		print_bad(c, c->args[i], &wrong);
		if (rc == 0)
			rc = error_exit_code(wrong.kind);
	}
	return rc;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_validate = {
	.name = "validate",
	.args = "FILE|-|NAME...",
	.args_min = 1,
	.args_max = ARGS_ANY,
	.summary = "check workflows, without Redis",
	.details = "Reads each workflow as submit would, its expressions "
		   "included, and says what is wrong with it, where, and what "
		   "would help. Exits with 3 if any is not acceptable.",
	.options = options,
	.examples = "treadle validate workflows/*.yaml\n"
		    "git show HEAD:book.yaml | treadle validate -",
	.run = run,
};
