/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "treadle/crypto.h"

static void print_fork(const struct call *c, jv answer)
{
	struct slice id = answer_text(answer, "run");

	if (c->is_json)
		output_json(&c->out, answer);
	else
		output_printf(&c->out, "%.*s\n", (int)id.len, id.data);
}

static int run(struct call *c, struct error *err)
{
	const char *from = call_text(c, "--from", NULL);
	char id[RUN_ID_LEN + 1];
	struct slice args[3];
	jv answer;

	if (!from)
		return error_set(err, ERR_USAGE,
				 "treadle fork needs --from STEP: the first "
				 "step that is performed anew");
	struct dialogue *d = call_dialogue(c, err);
	if (!d ||
	    dialogue_find_run(d, &c->arena, c->args[0], &args[0], err) != 0)
		return -1;
	/* The id is ours: asked again, the library knows the run. */
	run_id_new(0, id);
	args[1] = slice_of(id);
	args[2] = slice_of(from);
	int rc = dialogue_ask(d, STORE_fork, args, countof(args), &answer, err);
	if (rc != 0)
		return rc;
	print_fork(c, answer);
	jv_free(answer);
	return 0;
}

static const struct verb_option options[] = {
	{"--from", "STEP", "the step to begin at; required"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_fork = {
	.name = "fork",
	.args = "RUN",
	.args_min = 1,
	.args_max = 1,
	.summary = "start a new run that goes on from another one's step",
	.details =
		"Submits a run of the same definition and input that has what "
		"the other one did before the step, and performs the step and "
		"all that follows it. What was finished beside the step is "
		"taken over as well; what was not, or was undone, is performed. "
		"Prints the new run's id. The other run may be running or "
		"finished; it stays as it is. The input can't be changed, as "
		"what is taken over was made of it: submit the workflow for "
		"that. What is taken over is not undone by the new run.",
	.options = options,
	.examples = "treadle fork 01k4hq --from assemble\n"
		    "treadle watch $(treadle fork 01k4hq --from publish)",
	.run = run,
};
