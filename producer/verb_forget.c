/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "dialogue.h"

static int forget(struct call *c, struct dialogue *d, const char *prefix,
		  struct error *err)
{
	struct slice id;
	jv answer;

	if (dialogue_find_run(d, &c->arena, prefix, &id, err) != 0)
		return -1;
	int rc = dialogue_ask(d, STORE_forget, &id, 1, &answer, err);
	if (rc != 0)
		return rc;
	if (c->is_json)
		output_json(&c->out, answer);
	else
		output_printf(&c->talk, "run %s is forgotten\n", id.data);
	jv_free(answer);
	return 0;
}

static int run(struct call *c, struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	int rc = 0;

	if (!d)
		return -1;
	for (int i = 0; i < c->args_count && (rc == 0 || rc == CALL_EXPLAINED);
	     i++)
		rc = forget(c, d, c->args[i], err);
	return rc;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_forget = {
	.name = "forget",
	.args = "RUN...",
	.args_min = 1,
	.args_max = ARGS_ANY,
	.summary = "remove finished runs and all that is of them",
	.details = "Removes the input, the outputs, the logs, the dead letters "
		   "and the key of a finished run at once, instead of after "
		   "coordinator.retention. There is no way back. A run that "
		   "is running must be cancelled first.",
	.options = options,
	.examples = "treadle forget 01k4hq7c2v9m5x8n3b6t1r4y00\n"
		    "treadle list --state done --older 1d --json | "
		    "jq -r '.run // empty' | xargs treadle forget",
	.run = run,
};
