/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "follow.h"

static int run(struct call *c, struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	struct slice id;
	jv last;

	if (!d || dialogue_find_run(d, &c->arena, c->args[0], &id, err) != 0)
		return -1;
	int rc =
		follow_run(d, id, &c->out,
			   c->is_json ? FOLLOW_JSON : FOLLOW_SHOWN, &last, err);
	jv_free(last);
	return rc;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_watch = {
	.name = "watch",
	.args = "RUN",
	.args_min = 1,
	.args_max = 1,
	.summary = "follow a run until it ends",
	.details = "Shows the steps of a run while they change: a picture "
		   "that is redrawn on a terminal, a line for each change "
		   "elsewhere. Ends with the run, with exit code 0 if it is "
		   "done and 1 if it failed or was cancelled. An interrupt "
		   "ends the watching; the run goes on.",
	.options = options,
	.examples = "treadle watch 01k4hq\n"
		    "treadle watch 01k4hq --json | jq -r .state",
	.run = run,
};
