/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "link.h"
#include "source.h"

/* All are read before the first is applied: a bad one leaves all as it was. */
static int read_all(struct call *c, struct workflow **all, struct error *err)
{
	for (int i = 0; i < c->args_count; i++) {
		if (source_workflow(c->config, c->args[i], &all[i], err) != 0)
			return -1;
		for (int k = 0; k < i; k++)
			if (slice_is(slice_of(all[i]->name), all[k]->name))
				return error_set(
					err, ERR_INPUT,
					"%.200s and %.200s both name their "
					"workflow \"%s\": rename one",
					source_name(c->args[k]),
					source_name(c->args[i]), all[i]->name);
	}
	return 0;
}

/*
 * That all it performs can be linked is seen now; it is done when somebody
 * submits it, with what is applied then.
 */
static int check_link(struct call *c, struct workflow *const *all, int i,
		      struct error *err)
{
	struct workflow *linked;
	int rc = link_workflow(c, all[i], all, (size_t)c->args_count, &linked,
			       err);

	workflow_free(linked);
	return rc;
}

static int apply(struct call *c, struct dialogue *d, const struct workflow *w,
		 struct error *err)
{
	struct slice args[] = {slice_of(w->digest), w->canonical, w->graph};
	jv answer;
	int rc =
		dialogue_ask(d, STORE_apply, args, countof(args), &answer, err);

	if (rc != 0)
		return rc;
	if (c->is_json)
		output_json(&c->out, answer);
	else
		output_printf(&c->out, "%s: %s\n", w->name,
			      answer_text(answer, "change").data);
	jv_free(answer);
	return 0;
}

static int run(struct call *c, struct error *err)
{
	struct workflow **all = arena_calloc(&c->arena, (size_t)c->args_count,
					     sizeof(struct workflow *));
	int rc = read_all(c, all, err);
	struct dialogue *d = rc == 0 ? call_dialogue(c, err) : NULL;

	for (int i = 0; d && rc == 0 && i < c->args_count; i++)
		rc = check_link(c, all, i, err);
	for (int i = 0; d && rc == 0 && i < c->args_count; i++)
		rc = apply(c, d, all[i], err);
	for (int i = 0; i < c->args_count; i++)
		workflow_free(all[i]);
	return d ? rc : -1;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_apply = {
	.name = "apply",
	.args = "FILE|-...",
	.args_min = 1,
	.args_max = ARGS_ANY,
	.summary = "keep workflows in Redis, under their names",
	.details = "Checks each workflow and stores it under its name, so that "
		   "it can be submitted by that name from anywhere, and says "
		   "whether it was created, changed or unchanged. Runs that "
		   "there are go on with the definition that they began with. "
		   "If one file is not acceptable, none is applied.",
	.options = options,
	.examples = "treadle apply workflows/*.yaml\n"
		    "treadle diff book.yaml || treadle apply book.yaml",
	.run = run,
};
