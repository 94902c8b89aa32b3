/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"

/* Two verbs that are each other's opposite. */

static int set_paused(struct call *c, enum store_function f, const char *result,
		      struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	struct slice queue = slice_of(c->args[0]);
	jv answer;

	int rc = d ? dialogue_ask(d, f, &queue, 1, &answer, err) : -1;
	if (rc != 0)
		return rc;
	if (c->is_json)
		output_json(&c->out, answer);
	else
		output_printf(&c->talk, "queue %s is %s\n", c->args[0], result);
	jv_free(answer);
	return 0;
}

static int run_pause(struct call *c, struct error *err)
{
	return set_paused(c, STORE_pause, "paused", err);
}

static int run_resume(struct call *c, struct error *err)
{
	return set_paused(c, STORE_resume, "open again", err);
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_pause = {
	.name = "pause",
	.args = "QUEUE",
	.args_min = 1,
	.args_max = 1,
	.summary = "let no step of a queue begin",
	.details = "Steps of the queue that run go on; the others stay where "
		   "they are until treadle resume. Runs can be submitted "
		   "meanwhile.",
	.options = options,
	.examples = "treadle pause default\n"
		    "treadle pause images --explain",
	.run = run_pause,
};

const struct verb verb_resume = {
	.name = "resume",
	.args = "QUEUE",
	.args_min = 1,
	.args_max = 1,
	.summary = "end the pause of a queue",
	.details = "Workers take steps from the queue again. What waited keeps "
		   "its order.",
	.options = options,
	.examples = "treadle resume default\n"
		    "treadle resume images --json",
	.run = run_resume,
};
