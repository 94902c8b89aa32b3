/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"
#include "answer.h"
#include "call.h"
#include "dialogue.h"
#include "named.h"
#include "outline.h"
#include "table.h"

#define SHOWN_MAX (64 << 20)
#define DIGEST_SHOWN 12

static void add_row(struct table *t, jv workflow, int64_t now)
{
	struct slice digest = answer_text(workflow, "definition");

	if (digest.len > DIGEST_SHOWN)
		digest.len = DIGEST_SHOWN;
	table_cell(t, STYLE_BOLD, answer_text(workflow, "workflow"));
	table_cell(t, STYLE_DIM, digest);
	table_number(t, STYLE_PLAIN, answer_int(workflow, "steps", -1));
	table_span(t, now - answer_int(workflow, "applied_at", now));
	table_cell(t, STYLE_PLAIN, answer_text(workflow, "last_run"));
	table_cell(t, STYLE_PLAIN, answer_text(workflow, "description"));
}

static int list_all(struct call *c, struct dialogue *d, struct error *err)
{
	static const char *const heads[] = {
		"WORKFLOW", "DEFINITION",  ">STEPS", ">APPLIED",
		"LAST RUN", "DESCRIPTION", NULL};
	int64_t now = clock_wall_ms();
	struct table t;
	jv answer;

	int rc = dialogue_ask(d, STORE_workflows, NULL, 0, &answer, err);
	if (rc != 0)
		return rc;
	table_init(&t, &c->out, &c->arena, heads);
	for (int i = 0; i < answer_count(answer, "workflows"); i++) {
		jv workflow = answer_item(answer, "workflows", i);
		if (c->is_json)
			output_json(&c->out, workflow);
		else
			add_row(&t, workflow, now);
	}
	if (table_rows(&t) > 0)
		table_print(&t);
	else if (!c->is_json)
		output_printf(&c->talk, "no workflows are applied\n");
	jv_free(answer);
	return 0;
}

static int show_one(struct call *c, struct dialogue *d, const char *name,
		    struct error *err)
{
	struct workflow *w;
	struct buf text, shown;
	int rc = named_fetch(d, name, &w, err);

	if (rc != 0)
		return rc;
	jv outline = outline_of(w);
	if (c->is_json) {
		output_json(&c->out, outline);
	} else {
		buf_init(&text, SHOWN_MAX);
		buf_init(&shown, SHOWN_MAX);
		outline_print(outline, &text);
		output_escape_lines(&shown, buf_slice(&text));
		output_write(&c->out, buf_slice(&shown));
		buf_clear(&text);
		buf_clear(&shown);
	}
	jv_free(outline);
	workflow_free(w);
	return 0;
}

static int remove_one(struct call *c, struct dialogue *d, const char *name,
		      struct error *err)
{
	struct slice arg = slice_of(name);
	jv answer;
	int rc = dialogue_ask(d, STORE_unapply, &arg, 1, &answer, err);

	if (rc != 0)
		return rc;
	if (c->is_json)
		output_json(&c->out, answer);
	else
		output_printf(&c->talk,
			      "%s is not applied any more; its runs go on\n",
			      name);
	jv_free(answer);
	return 0;
}

static int run(struct call *c, struct error *err)
{
	const char *removed = call_text(c, "--remove", NULL);
	const char *name = removed ? removed : c->args[0];

	if (removed && c->args_count > 0)
		return error_set(err, ERR_USAGE,
				 "--remove and a name exclude each other");
	if (name && !text_is_name(slice_of(name)))
		return error_set(err, ERR_INPUT,
				 "\"%.64s\" can't be the name of a workflow",
				 name);
	struct dialogue *d = call_dialogue(c, err);
	if (!d)
		return -1;
	if (removed)
		return remove_one(c, d, name, err);
	return name ? show_one(c, d, name, err) : list_all(c, d, err);
}

static const struct verb_option options[] = {
	{"--remove", "NAME", "let a name stand for nothing any more"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_workflows = {
	.name = "workflows",
	.args = "[NAME]",
	.args_max = 1,
	.summary = "list applied workflows, or show one",
	.details = "APPLIED is the time since a workflow was applied or "
		   "changed, LAST RUN the newest that was submitted. With a "
		   "name the definition is shown, all defaults filled in; as a "
		   "file it can be applied again. A name that is removed can't "
		   "be submitted any more; runs that there are go on.",
	.options = options,
	.examples = "treadle workflows\n"
		    "treadle workflows book >book.yaml",
	.run = run,
};
