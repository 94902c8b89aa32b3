/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "bulk.h"
#include "call.h"
#include "follow.h"
#include "input.h"
#include "link.h"
#include "named.h"
#include "report.h"
#include "source.h"
#include "submission.h"

/* "--wait --json": the id and what came of it, in one object. */
static void print_result(const struct call *c, jv run, jv output)
{
	jv shown = jv_object();
	static const char *const keys[] = {"run",         "state",
					   "workflow",    "submitted_at",
					   "finished_at", "reason"};

	for (size_t i = 0; i < countof(keys); i++) {
		if (answer_has(run, keys[i]))
			shown = jv_object_set(
				shown, jv_string(keys[i]),
				jv_copy(answer_get(run, keys[i])));
	}
	shown = jv_object_set(shown, jv_string("output"), jv_copy(output));
	output_json(&c->out, shown);
	jv_free(shown);
}

static void say_failure(const struct call *c, jv run)
{
	struct slice id = answer_text(run, "run");
	struct slice state = answer_text(run, "state");
	struct buf reason, line;

	buf_init(&reason, 1 << 16);
	buf_init(&line, 1 << 18);
	report_reason(&reason, answer_get(run, "reason"));
	buf_addf(&line, "treadle: run %.*s %s%.*s%s", (int)id.len, id.data,
		 slice_is(state, "cancelled") ? "was " : "", (int)state.len,
		 state.data, reason.len ? ": " : "");
	output_escape(&line, buf_slice(&reason));
	buf_addc(&line, '\n');
	output_write(&c->talk, buf_slice(&line));
	buf_clear(&reason);
	buf_clear(&line);
}

static int wait_for(struct call *c, struct dialogue *d, struct slice id,
		    struct error *err)
{
	bool is_watched = call_has(c, "--watch");
	jv run, output = jv_null();

	int rc = follow_run(d, id, &c->talk,
			    is_watched ? FOLLOW_SHOWN : FOLLOW_SILENT, &run,
			    err);
	if (rc == 0 && c->is_json) {
		jv_free(output);
		rc = dialogue_output(d, id, &output, err);
	}
	if ((rc == 0 || rc == 1) && c->is_json)
		print_result(c, run, output);
	if (rc == 1 && !is_watched)
		say_failure(c, run);
	jv_free(run);
	jv_free(output);
	return rc;
}

static void print_id(const struct call *c, const char *run, const char *name,
		     bool is_new)
{
	if (!c->is_json) {
		output_printf(&c->out, "%s\n", run);
	} else {
		jv shown = jv_object();
		shown = jv_object_set(shown, jv_string("run"), jv_string(run));
		shown = jv_object_set(shown, jv_string("workflow"),
				      jv_string(name));
		shown = jv_object_set(shown, jv_string("existed"),
				      jv_bool(!is_new));
		output_json(&c->out, shown);
		jv_free(shown);
	}
	fflush(c->out.file);
}

static int submit_one(struct call *c, const struct workflow *w,
		      struct slice input, struct error *err)
{
	char id[RUN_ID_LEN + 1], run[RUN_ID_LEN + 1];
	struct submission sub = {.run = id,
				 .digest = w->digest,
				 .input = input,
				 .key = call_text(c, "--key", ""),
				 .is_uncached = call_has(c, "--no-cache")};
	bool is_waiting = call_has(c, "--wait") || call_has(c, "--watch");
	bool is_new;

	if (call_duration(c, "--deadline", &sub.deadline_ms, err) != 0)
		return -1;
	struct dialogue *d = call_dialogue(c, err);
	if (!d)
		return -1;
	run_id_new(0, id);
	if (submission_send(d, w, &sub, run, &is_new, err) != 0)
		return -1;
	if (!is_new)
		output_printf(&c->talk,
			      "run %s has been submitted before, with this "
			      "key\n",
			      run);
	if (!is_waiting || !c->is_json)
		print_id(c, run, w->name, is_new);
	return is_waiting ? wait_for(c, d, slice_of(run), err) : 0;
}

/* --dry-run: all checks were made; says what would have been sent. */
static int print_dry(const struct call *c, const struct workflow *w, jv input)
{
	char steps[32];

	if (c->is_json) {
		jv shown = jv_object();
		shown = jv_object_set(shown, jv_string("workflow"),
				      jv_string(w->name));
		shown = jv_object_set(shown, jv_string("definition"),
				      jv_string(w->digest));
		shown = jv_object_set(shown, jv_string("input"),
				      jv_copy(input));
		output_json(&c->out, shown);
		jv_free(shown);
		return 0;
	}
	struct buf text;
	buf_init(&text, 8 << 20);
	json_pretty(input, &text);
	output_printf(&c->out, "would submit %s (%s) with the input\n", w->name,
		      source_steps_text(w, steps));
	output_write(&c->out, buf_slice(&text));
	output_write(&c->out, SLICE("\n"));
	buf_clear(&text);
	return 0;
}

static int run_one(struct call *c, const struct workflow *w, struct error *err)
{
	struct buf packed;
	jv input;

	if (input_collect(c, w, &input, err) != 0)
		return -1;
	buf_init(&packed, 2 * INPUT_SIZE_MAX);
	int rc = workflow_pack_input(w, &input, &packed, err);
	if (rc == 0 && call_has(c, "--dry-run"))
		rc = print_dry(c, w, input);
	else if (rc == 0)
		rc = submit_one(c, w, buf_slice(&packed), err);
	jv_free(input);
	buf_clear(&packed);
	return rc;
}

static int run_bulk(struct call *c, const struct workflow *w, const char *path,
		    struct error *err)
{
	struct dialogue *d = call_dialogue(c, err);

	return d ? bulk_submit(c, d, w, path, err) : -1;
}

static int check_flags(const struct call *c, struct error *err)
{
	static const char *const alone[] = {"--wait", "--watch", "--input",
					    "-i", "--dry-run"};
	static const char *const bulk[] = {"--key-field", "--quiet"};
	const char *key = call_text(c, "--key", NULL);

	if (key && submission_check_key(slice_of(key), err) != 0)
		return -1;
	if (call_has(c, "--bulk")) {
		for (size_t i = 0; i < countof(alone); i++) {
			if (call_has(c, alone[i]))
				return error_set(err, ERR_USAGE,
						 "--bulk and %s exclude each "
						 "other",
						 alone[i]);
		}
		if (key && call_has(c, "--key-field"))
			return error_set(err, ERR_USAGE,
					 "--key and --key-field exclude each "
					 "other");
		if (strcmp(c->args[0], "-") == 0 &&
		    strcmp(call_text(c, "--bulk", ""), "-") == 0)
			return error_set(err, ERR_USAGE,
					 "the workflow and the lines can't "
					 "both be standard input");
		return 0;
	}
	for (size_t i = 0; i < countof(bulk); i++) {
		if (call_has(c, bulk[i]))
			return error_set(err, ERR_USAGE, "%s needs --bulk",
					 bulk[i]);
	}
	return 0;
}

static int run(struct call *c, struct error *err)
{
	const char *path = call_text(c, "--bulk", NULL);
	struct workflow *written, *linked;

	if (check_flags(c, err) != 0 ||
	    named_or_file(c, c->args[0], &written, err) != 0)
		return -1;
	int rc = link_workflow(c, written, NULL, 0, &linked, err);
	const struct workflow *w = linked ? linked : written;
	if (rc == 0)
		rc = path ? run_bulk(c, w, path, err) : run_one(c, w, err);
	workflow_free(linked);
	workflow_free(written);
	return rc;
}

static const struct verb_option options[] = {
	{"-i", "KEY=VALUE", "one member of the input; may be repeated"},
	{"--input", "FILE", "the input as JSON; - is standard input"},
	{"--key", "KEY",
	 "submit at most once: the same key gives the same run"},
	{"--deadline", "SPAN", "end the run if it isn't done after so long"},
	{"--no-cache", NULL,
	 "perform every step, whatever the cache knows; keep what they give"},
	{"--wait", NULL, "wait for the end; exit with the run's result"},
	{"--watch", NULL, "the same, and show progress meanwhile"},
	{"--dry-run", NULL, "check everything, submit nothing"},
	{"--bulk", "FILE", "one run for each line, a JSON object: its input"},
	{"--key-field", "NAME", "with --bulk: the member that is the key"},
	{"--quiet", NULL, "with --bulk: print no ids"},
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_submit = {
	.name = "submit",
	.args = "FILE|-|NAME",
	.args_min = 1,
	.args_max = 1,
	.summary = "start a run of a workflow, or many",
	.details =
		"Reads and checks the workflow and its input, submits a run, "
		"and prints the run's id and nothing else. The workflow is a "
		"file, standard input (-), or a name: of a file NAME.yaml in "
		"the folders of producer.workflows, or else of an applied "
		"workflow (treadle apply). Values given with -i are read as the "
		"workflow's input schema says; where it says nothing, as JSON "
		"if they are JSON and as text if not.\n"
		"An interrupt while waiting leaves the run going. With --bulk "
		"each line is one input; --key K gives the run of line N the "
		"key K/N, so that the same file can be submitted again after "
		"a failure and no run is doubled. The first bad line ends the "
		"reading: what stood before it is submitted.",
	.options = options,
	.examples =
		"treadle submit book.yaml -i folder=/srv/pages --watch\n"
		"id=$(treadle submit thumbnails -i url=https://example.org/a.png)\n"
		"treadle submit resize.yaml --bulk images.ndjson --key batch-7",
	.run = run,
};
