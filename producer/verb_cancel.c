/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"

static int cancel(struct call *c, struct dialogue *d, const char *prefix,
		  struct error *err)
{
	struct slice args[2];
	jv answer;

	args[1] = slice_of(call_text(c, "--reason", ""));
	if (dialogue_find_run(d, &c->arena, prefix, &args[0], err) != 0)
		return -1;
	int rc = dialogue_ask(d, STORE_cancel, args, 2, &answer, err);
	if (rc != 0)
		return rc;
	int64_t stopped = answer_int(answer, "stopped", 0);
	if (c->is_json)
		output_json(&c->out, answer);
	else if (slice_is(answer_text(answer, "state"), "running"))
		output_printf(&c->talk,
			      "run %s undoes and cleans up, and is "
			      "cancelled then; "
			      "%lld running step%s told to stop; cancel it "
			      "again to end it at once\n",
			      args[0].data, (long long)stopped,
			      stopped == 1 ? " was" : "s were");
	else
		output_printf(&c->talk,
			      "run %s is cancelled; %lld running "
			      "step%s told to stop\n",
			      args[0].data, (long long)stopped,
			      stopped == 1 ? " was" : "s were");
	jv_free(answer);
	return 0;
}

static int run(struct call *c, struct error *err)
{
	struct slice reason = slice_of(call_text(c, "--reason", ""));
	struct dialogue *d;
	int rc = 0;

	if (reason.len > 1024 || !text_is_utf8(reason))
		return error_set(err, ERR_INPUT,
				 "a reason has at most 1024 bytes of UTF-8");
	d = call_dialogue(c, err);
	if (!d)
		return -1;
	for (int i = 0; i < c->args_count && (rc == 0 || rc == CALL_EXPLAINED);
	     i++)
		rc = cancel(c, d, c->args[i], err);
	return rc;
}

static const struct verb_option options[] = {
	{"--reason", "TEXT", "why; kept with the run"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_cancel = {
	.name = "cancel",
	.args = "RUN...",
	.args_min = 1,
	.args_max = ARGS_ANY,
	.summary = "end runs now",
	.details = "No step of a cancelled run begins, running ones are told "
		   "to stop, and what they still bring is refused. A "
		   "workflow with steps that undo or clean up runs these "
		   "first; "
		   "cancel it again to end it at once. What was "
		   "done stays; treadle retry takes the run up again.",
	.options = options,
	.examples = "treadle cancel 01k4hq --reason 'wrong folder'\n"
		    "treadle list --state running --workflow book --json | "
		    "jq -r '.run // empty' | xargs treadle cancel",
	.run = run,
};
