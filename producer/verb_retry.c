/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"

static void print_retried(const struct call *c, jv answer)
{
	struct buf steps, line;

	if (c->is_json) {
		output_json(&c->out, answer);
		return;
	}
	buf_init(&steps, 1 << 20);
	buf_init(&line, 1 << 21);
	answer_join(answer, "steps", &steps);
	struct slice id = answer_text(answer, "run");
	buf_addf(&line, "run %.*s is running again: ", (int)id.len, id.data);
	output_escape(&line, buf_slice(&steps));
	buf_addc(&line, '\n');
	output_write(&c->talk, buf_slice(&line));
	buf_clear(&steps);
	buf_clear(&line);
}

static int run(struct call *c, struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	const char *from = call_text(c, "--from", NULL);
	struct slice args[2];
	jv answer;

	if (!d ||
	    dialogue_find_run(d, &c->arena, c->args[0], &args[0], err) != 0)
		return -1;
	args[1] = slice_of(from);
	int rc = dialogue_ask(d, STORE_retry, args, from ? 2 : 1, &answer, err);
	if (rc != 0)
		return rc;
	print_retried(c, answer);
	jv_free(answer);
	return 0;
}

static const struct verb_option options[] = {
	{"--from", "STEP",
	 "this step and all behind it, even if they are done"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_retry = {
	.name = "retry",
	.args = "RUN",
	.args_min = 1,
	.args_max = 1,
	.summary = "take up a failed or cancelled run again",
	.details =
		"Tries again the steps that are not done, with all their "
		"attempts; what is done keeps its result and is not computed "
		"again. What was undone is done again, with what follows "
		"it; but as long as something could not be undone, a retry "
		"goes on with that instead, and the run ends as it did. "
		"With --from a step and all that follow it are done "
		"again, with new idempotency keys: their effects happen again.",
	.options = options,
	.examples = "treadle retry 01k4hq\n"
		    "treadle retry 01k4hq --from assemble",
	.run = run,
};
