/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "table.h"

static void add_row(struct table *t, jv queue)
{
	int64_t waiting = answer_int(queue, "waiting", 0);
	bool is_paused =
		jv_get_kind(answer_get(queue, "paused")) == JV_KIND_TRUE;

	table_cell(t, STYLE_BOLD, answer_text(queue, "queue"));
	table_number(t, STYLE_PLAIN, waiting);
	table_number(t, STYLE_PLAIN, answer_int(queue, "running", 0));
	table_span(t, answer_int(queue, "oldest_ms", -1));
	table_number(t, STYLE_PLAIN, answer_int(queue, "workers", 0));
	if (is_paused)
		table_cell(t, STYLE_LATE, SLICE("paused"));
	else if (waiting > 0 && answer_int(queue, "workers", 0) == 0)
		table_cell(t, STYLE_BAD, SLICE("no worker takes from it"));
	else
		table_cell(t, STYLE_PLAIN, SLICE(""));
}

static int run(struct call *c, struct error *err)
{
	static const char *const heads[] = {"QUEUE",   ">WAITING", ">RUNNING",
					    ">OLDEST", ">WORKERS", "NOTE",
					    NULL};
	struct dialogue *d = call_dialogue(c, err);
	struct table t;
	jv answer;

	int rc = d ? dialogue_ask(d, STORE_queues, NULL, 0, &answer, err) : -1;
	if (rc != 0)
		return rc;
	table_init(&t, &c->out, &c->arena, heads);
	for (int i = 0; i < answer_count(answer, "queues"); i++) {
		jv queue = answer_item(answer, "queues", i);
		if (c->is_json)
			output_json(&c->out, queue);
		else
			add_row(&t, queue);
	}
	if (table_rows(&t) > 0)
		table_print(&t);
	else if (!c->is_json)
		output_printf(&c->talk, "no queues yet\n");
	jv_free(answer);
	return 0;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_queues = {
	.name = "queues",
	.args = "",
	.args_max = 0,
	.summary = "list queues: what waits, what runs, for how long",
	.details = "OLDEST is the age of the step that has waited longest. "
		   "Steps that wait for a retry or a time are in no queue.",
	.options = options,
	.examples = "treadle queues\n"
		    "treadle queues --json | jq 'select(.waiting > 1000)'",
	.run = run,
};
