/* SPDX-License-Identifier: MIT */
#include "named.h"

#include <string.h>

#include "answer.h"
#include "dialogue.h"
#include "source.h"

#define NAMES_MAX 1000 /* named.lua */

/* "..., and none of that name is applied; did you mean \"b\"?" */
static int refuse_name(struct dialogue *d, const char *name, struct error *err)
{
	const char *names[NAMES_MAX], *nearest;
	size_t count = 0;
	jv all;

	if (dialogue_ask(d, STORE_workflows, NULL, 0, &all, err) != 0)
		return -1;
	int found = answer_count(all, "workflows");
	for (int i = 0; i < found && count < countof(names); i++)
		names[count++] = answer_text(answer_item(all, "workflows", i),
					     "workflow")
					 .data;
	nearest = text_nearest(name, names, count);
	error_set(err, ERR_ABSENT, "no workflow \"%.64s\" is applied%s%s%s",
		  name, nearest ? "; did you mean \"" : "",
		  nearest ? nearest : " (see: treadle workflows)",
		  nearest ? "\"?" : "");
	jv_free(all);
	return -1;
}

struct fetch {
	bool is_answered;
	struct workflow *workflow;
	struct error error;
};

static void on_definition(void *arg, struct slice bytes,
			  const struct redis_failure *failure)
{
	struct fetch *f = arg;

	f->is_answered = true;
	if (failure)
		f->error = failure->error;
	else if (!bytes.len)
		error_set(&f->error, ERR_ABSENT,
			  "its definition is gone: apply it once more");
	else
		workflow_decode(bytes, &f->workflow, &f->error);
}

static int fetch(struct dialogue *d, struct slice digest, struct workflow **w,
		 struct error *err)
{
	struct fetch f = {.is_answered = false};

	store_definition(dialogue_store(d), digest, dialogue_timeout_ms(d),
			 on_definition, &f);
	while (!f.is_answered)
		uv_run(dialogue_loop(d), UV_RUN_ONCE);
	*w = f.workflow;
	return f.workflow ? 0
			  : error_set(err, f.error.kind, "%s", f.error.text);
}

int named_fetch(struct dialogue *d, const char *name, struct workflow **w,
		struct error *err)
{
	struct slice arg = slice_of(name);
	jv answer;
	int rc = dialogue_ask(d, STORE_workflows, &arg, 1, &answer, err);

	if (rc != 0)
		return rc;
	if (answer_count(answer, "workflows") == 0) {
		rc = refuse_name(d, name, err);
	} else {
		jv found = answer_item(answer, "workflows", 0);
		rc = fetch(d, answer_text(found, "definition"), w, err);
		if (rc != 0)
			error_prefix(err, "workflow \"%.64s\": ", name);
	}
	jv_free(answer);
	return rc;
}

int named_or_file(struct call *c, const char *what, struct workflow **w,
		  struct error *err)
{
	struct error absent;

	if (!text_is_name(slice_of(what)))
		return source_workflow(c->config, what, w, err);
	if (source_workflow(c->config, what, w, &absent) == 0)
		return 0;
	if (absent.kind != ERR_ABSENT)
		return error_set(err, absent.kind, "%s", absent.text);

	struct dialogue *d = call_dialogue(c, err);
	if (!d)
		return error_prefix(
			err, "%s; asking for an applied one: ", absent.text);
	if (named_fetch(d, what, w, err) == 0)
		return 0;
	if (err->kind == ERR_ABSENT)
		error_prefix(err, "%s, and ", absent.text);
	return -1;
}
