/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "treadle/clock.h"
#include "answer.h"
#include "call.h"
#include "pages.h"
#include "report.h"
#include "table.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 1000000

struct listing {
	struct call *call;
	struct table table;
	int64_t now;
};

static int on_run(void *arg, jv run)
{
	struct listing *l = arg;
	struct table *t = &l->table;
	struct slice state = answer_text(run, "state");
	int64_t total = answer_int(run, "total", 0);
	struct buf reason;

	if (l->call->is_json) {
		output_json(&l->call->out, run);
		return 0;
	}
	table_cell(t, STYLE_BOLD, answer_text(run, "run"));
	table_cell(t, STYLE_PLAIN, answer_text(run, "workflow"));
	table_cell(t, output_state_style(state), state);
	table_cellf(t, STYLE_PLAIN, "%lld/%lld",
		    (long long)(total - answer_int(run, "left", 0)),
		    (long long)total);
	table_span(t, l->now - answer_int(run, "submitted_at", l->now));
	table_span(t, report_span_ms(run, l->now));
	table_cell(t, STYLE_DIM, answer_text(run, "parent"));
	buf_init(&reason, 1 << 16);
	report_reason(&reason, answer_get(run, "reason"));
	table_cell(t, STYLE_PLAIN, buf_slice(&reason));
	buf_clear(&reason);
	return 0;
}

/* A duration, given on to the library in milliseconds. */
static int read_age(struct call *c, const char *name, struct slice *ms,
		    struct error *err)
{
	int64_t age;

	*ms = SLICE("");
	if (!call_has(c, name))
		return 0;
	if (call_duration(c, name, &age, err) != 0)
		return -1;
	*ms = slice_of(arena_printf(&c->arena, "%lld", (long long)age));
	return 0;
}

static int check_state(const struct call *c, struct error *err)
{
	static const char *const states[] = {"running", "done", "failed",
					     "cancelled"};
	const char *state = call_text(c, "--state", "");

	for (size_t i = 0; i < countof(states); i++) {
		if (slice_is(slice_of(state), states[i]))
			return 0;
	}
	if (!call_has(c, "--state"))
		return 0;
	const char *nearest = text_nearest(state, states, countof(states));
	return error_set(err, ERR_USAGE,
			 "--state %.64s: must be running, done, failed or "
			 "cancelled%s%s",
			 state, nearest ? "; did you mean " : "",
			 nearest ? nearest : "");
}

static int print_runs(struct call *c, struct pages *p, int64_t limit,
		      struct error *err)
{
	static const char *const heads[] = {"RUN",    "WORKFLOW", "STATE",
					    ">STEPS", ">AGE",     ">TOOK",
					    "PARENT", "REASON",   NULL};
	struct listing l = {.call = c, .now = clock_wall_ms()};

	table_init(&l.table, &c->out, &c->arena, heads);
	int rc = pages_each(p, limit, on_run, &l, err);
	if (rc != 0)
		return rc;
	if (table_rows(&l.table) > 0)
		table_print(&l.table);
	else if (!c->is_json)
		output_printf(&c->talk, "no runs\n");
	pages_end(p, c, "treadle list");
	return 0;
}

static int run(struct call *c, struct error *err)
{
	struct pages p = {.function = STORE_list,
			  .member = "runs",
			  .args_count = 6,
			  .cursor = 1,
			  .limit = 2};
	int64_t limit = LIMIT_DEFAULT;

	p.args[0] = slice_of(call_text(c, "--state", ""));
	p.args[3] = slice_of(call_text(c, "--workflow", ""));
	if (check_state(c, err) != 0 || pages_begin(&p, c, err) != 0 ||
	    call_int(c, "--limit", LIMIT_MAX, &limit, err) != 0 ||
	    read_age(c, "--older", &p.args[4], err) != 0 ||
	    read_age(c, "--newer", &p.args[5], err) != 0)
		return -1;
	p.dialogue = call_dialogue(c, err);
	return p.dialogue ? print_runs(c, &p, limit, err) : -1;
}

static const struct verb_option options[] = {
	{"--state", "STATE", "running, done, failed or cancelled"},
	{"--workflow", "NAME", "runs of one workflow"},
	{"--older", "SPAN", "submitted longer ago than this"},
	{"--newer", "SPAN", "submitted within so long"},
	{"--limit", "N", "so many at the most (20)"},
	{"--cursor", "CURSOR", "go on where a list ended"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_list = {
	.name = "list",
	.args = "",
	.args_max = 0,
	.summary = "list runs, the newest first",
	.details = "AGE is the time since the run was submitted, TOOK how "
		   "long it was under way. --older and --newer go by the time "
		   "in the ids, by which runs are sorted: that of whoever "
		   "submitted them. Where there may be more, the last line "
		   "says how to go on; with --json it is an object with the "
		   "cursor alone.",
	.options = options,
	.examples = "treadle list --state failed --newer 24h\n"
		    "treadle list --workflow book --limit 1000 --json",
	.run = run,
};
