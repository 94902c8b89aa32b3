/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "table.h"

static void add_row(struct table *t, jv worker, int64_t now)
{
	struct slice state = answer_text(worker, "state");
	struct buf queues;

	buf_init(&queues, 1 << 16);
	answer_join(worker, "queues", &queues);
	table_cell(t, STYLE_BOLD, answer_text(worker, "worker"));
	table_cell(t, slice_is(state, "live") ? STYLE_GOOD : STYLE_BAD, state);
	table_cellf(t, STYLE_PLAIN, "%lld/%lld",
		    (long long)answer_int(worker, "busy", 0),
		    (long long)answer_int(worker, "slots", 0));
	table_cell(t, STYLE_PLAIN, answer_text(worker, "host"));
	table_number(t, STYLE_PLAIN, answer_int(worker, "pid", -1));
	table_cell(t, STYLE_PLAIN, answer_text(worker, "version"));
	table_span(t, now - answer_int(worker, "registered_at", now));
	table_cell(t, STYLE_PLAIN, buf_slice(&queues));
	buf_clear(&queues);
}

static int run(struct call *c, struct error *err)
{
	static const char *const heads[] = {"WORKER", "STATE",  ">BUSY",
					    "HOST",   ">PID",   "VERSION",
					    ">UP",    "QUEUES", NULL};
	struct dialogue *d = call_dialogue(c, err);
	struct table t;
	jv answer;

	int rc = d ? dialogue_ask(d, STORE_workers, NULL, 0, &answer, err) : -1;
	if (rc != 0)
		return rc;
	table_init(&t, &c->out, &c->arena, heads);
	for (int i = 0; i < answer_count(answer, "workers"); i++) {
		jv worker = answer_item(answer, "workers", i);
		if (c->is_json)
			output_json(&c->out, worker);
		else
			add_row(&t, worker, clock_wall_ms());
	}
	if (table_rows(&t) > 0)
		table_print(&t);
	else if (!c->is_json)
		output_printf(&c->talk, "no workers (start one with: "
					"treadle-worker)\n");
	jv_free(answer);
	return 0;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_workers = {
	.name = "workers",
	.args = "",
	.args_max = 0,
	.summary = "list workers: where they are, how busy",
	.details = "A worker is lost when its lease has run out; what it held "
		   "is then given to others by the coordinator.",
	.options = options,
	.examples = "treadle workers\n"
		    "treadle workers --json | jq -s 'map(.busy) | add'",
	.run = run,
};
