/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "report.h"
#include "dialogue.h"

static int print_output(struct call *c, struct dialogue *d, jv run,
			struct error *err)
{
	struct slice state = answer_text(run, "state");
	struct slice id = answer_text(run, "run");
	jv output;

	if (!slice_is(state, "done"))
		return error_set(
			err, ERR_CONFLICT, "run %.*s has no output: it is %.*s",
			(int)id.len, id.data, (int)state.len, state.data);
	int rc = dialogue_output(d, id, &output, err);
	if (rc == 0)
		output_json(&c->out, output);
	jv_free(output);
	return rc;
}

static int run(struct call *c, struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	struct slice id;
	jv status;

	if (!d || dialogue_find_run(d, &c->arena, c->args[0], &id, err) != 0)
		return -1;
	int rc = dialogue_ask(d, STORE_status, &id, 1, &status, err);
	if (rc != 0)
		return rc;
	if (call_has(c, "--output"))
		rc = print_output(c, d, status, err);
	else if (c->is_json)
		output_json(&c->out, status);
	else
		report_print(&c->out, &c->arena, status);
	jv_free(status);
	return rc;
}

static const struct verb_option options[] = {
	{"--output", NULL, "print the output of the run, as JSON, and no more"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_status = {
	.name = "status",
	.args = "RUN",
	.args_min = 1,
	.args_max = 1,
	.summary = "show a run and its steps",
	.details =
		"Shows where a run is: each step in order of execution, how "
		"often it was tried, which worker has it or had it, how long "
		"it took, and why it failed or waits. LOST counts the tries "
		"that ended with their worker. RUN is an id, or the beginning "
		"of one, at least four characters.",
	.options = options,
	.examples = "treadle status 01k4hq\n"
		    "treadle status 01k4hq --output | jq .pages",
	.run = run,
};
