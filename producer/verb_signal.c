/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "source.h"

/* As the library has it: signal.lua. */
#define DATA_MAX (256 << 10)

static int parse(struct slice text, const char *what, jv *data,
		 struct error *err)
{
	if (json_parse(text, data, err) == 0)
		return 0;
	return error_prefix(err,
			    "%.200s: must be JSON (a text is in double quotes: "
			    "'\"yes\"'): ",
			    what);
}

static int read_file(const char *path, jv *data, struct error *err)
{
	struct buf text;

	buf_init(&text, 4 * DATA_MAX);
	int rc = source_read(path, &text, err);
	if (rc == 0)
		rc = parse(buf_slice(&text), source_name(path), data, err);
	buf_clear(&text);
	return rc;
}

/* Gives the data as msgpack, in the call's arena. */
static int read_data(struct call *c, struct slice *packed, struct error *err)
{
	const char *text = call_text(c, "--data", NULL);
	const char *path = call_text(c, "--data-file", NULL);
	struct buf bytes;
	jv data = jv_null();
	int rc = 0;

	if (text && path)
		return error_set(err, ERR_USAGE,
				 "--data and --data-file say the same: give "
				 "one of them");
	if (text)
		rc = parse(slice_of(text), "--data", &data, err);
	else if (path)
		rc = read_file(path, &data, err);
	if (rc != 0)
		return rc;
	buf_init(&bytes, DATA_MAX);
	if (msgpack_print(data, &bytes) != 0)
		rc = error_set(err, ERR_INPUT,
			       "the data of a signal is larger than %d KiB: "
			       "put it into a file, and send where that is",
			       DATA_MAX >> 10);
	else
		*packed = arena_copy(&c->arena, buf_slice(&bytes));
	buf_clear(&bytes);
	jv_free(data);
	return rc;
}

static void print_sent(const struct call *c, jv answer)
{
	struct slice run = answer_text(answer, "run");
	struct slice step = answer_text(answer, "step");
	bool is_kept = jv_get_kind(answer_get(answer, "kept")) == JV_KIND_TRUE;

	if (c->is_json)
		output_json(&c->out, answer);
	else if (is_kept)
		output_printf(&c->talk,
			      "kept until step %.*s of run %.*s waits for it\n",
			      (int)step.len, step.data, (int)run.len, run.data);
	else
		output_printf(&c->talk, "step %.*s of run %.*s is done\n",
			      (int)step.len, step.data, (int)run.len, run.data);
}

static int run(struct call *c, struct error *err)
{
	struct slice args[3];
	struct dialogue *d;
	jv answer;

	args[1] = slice_of(c->args[1]);
	if (read_data(c, &args[2], err) != 0)
		return -1;
	d = call_dialogue(c, err);
	if (!d ||
	    dialogue_find_run(d, &c->arena, c->args[0], &args[0], err) != 0)
		return -1;
	int rc = dialogue_ask(d, STORE_signal, args, 3, &answer, err);
	if (rc != 0)
		return rc;
	print_sent(c, answer);
	jv_free(answer);
	return 0;
}

static const struct verb_option options[] = {
	{"--data", "JSON", "what the step yields; without it null"},
	{"--data-file", "FILE",
	 "the same from a file, or - for standard input"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_signal = {
	.name = "signal",
	.args = "RUN NAME",
	.args_min = 2,
	.args_max = 2,
	.summary = "give a step what it waits for",
	.details =
		"The step that waits for the signal of that name is done, and "
		"yields the data. A signal that comes before its step waits is "
		"kept for it; a second one is refused then, and so is one that "
		"the run knows nothing of, or that comes too late. What a run "
		"waits for, treadle status shows.",
	.options = options,
	.examples = "treadle signal 01k4hq approve --data true\n"
		    "treadle signal 01k4hq review --data-file answer.json",
	.run = run,
};
