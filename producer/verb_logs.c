/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"
#include "answer.h"
#include "call.h"
#include "dialogue.h"

#define LOG_TEXT_MAX (16 << 20)

/* "--- ship, try 2, timeout: took longer than 30s" and what it wrote. */
static void print_attempt(const struct output *o, jv attempt)
{
	struct slice class = answer_text(attempt, "class");
	struct slice detail = answer_text(attempt, "detail");
	struct slice log = answer_text(attempt, "log");
	char stamp[TIMESTAMP_TEXT_MAX];
	int64_t at = answer_int(attempt, "at", 0);
	struct buf b;

	buf_init(&b, LOG_TEXT_MAX);
	buf_adds(&b,
		 o->has_unicode && o->is_terminal ? "\u2500\u2500 " : "--- ");
	output_add(o, &b, STYLE_BOLD, answer_text(attempt, "step"));
	buf_addf(&b, ", try %d", (int)answer_int(attempt, "attempt", 0));
	if (at > 0)
		buf_addf(&b, ", %s", timestamp_format(at, stamp));
	if (class.len) {
		buf_adds(&b, ", ");
		output_add(o, &b, STYLE_BAD, class);
		buf_adds(&b, detail.len ? ": " : "");
		output_escape(&b, slice_trim(detail));
	}
	buf_addc(&b, '\n');
	if (o->is_terminal)
		output_escape_lines(&b, log);
	else
		buf_add(&b, log.data, log.len);
	if (log.len && log.data[log.len - 1] != '\n')
		buf_addc(&b, '\n');
	output_write(o, buf_slice(&b));
	buf_clear(&b);
}

static void print_logs(const struct call *c, jv logs)
{
	int count = answer_count(logs, "attempts");

	for (int i = 0; i < count; i++) {
		jv attempt = answer_item(logs, "attempts", i);
		if (c->is_json)
			output_json(&c->out, attempt);
		else
			print_attempt(&c->out, attempt);
	}
	if (count == 0 && !c->is_json)
		output_printf(&c->talk,
			      "no attempt has written or failed so far\n");
	if (answer_has(logs, "truncated"))
		output_printf(&c->talk, "there is more than fits: ask for one "
					"step\n");
}

static int run(struct call *c, struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);
	struct slice args[2];
	jv logs;

	if (!d ||
	    dialogue_find_run(d, &c->arena, c->args[0], &args[0], err) != 0)
		return -1;
	if (c->args_count > 1)
		args[1] = slice_of(c->args[1]);
	int rc = dialogue_ask(d, STORE_logs, args, (size_t)c->args_count, &logs,
			      err);
	if (rc != 0)
		return rc;
	print_logs(c, logs);
	jv_free(logs);
	return 0;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_logs = {
	.name = "logs",
	.args = "RUN [STEP]",
	.args_min = 1,
	.args_max = 2,
	.summary = "show what attempts wrote, and how they failed",
	.details = "Prints, attempt by attempt in order of time, the last "
		   "64 KiB that each wrote to its standard error, and why it "
		   "failed if it did. On a terminal control characters are "
		   "shown, not obeyed.",
	.options = options,
	.examples = "treadle logs 01k4hq\n"
		    "treadle logs 01k4hq assemble --json | jq -r .log",
	.run = run,
};
