/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "call.h"
#include "difference.h"
#include "named.h"
#include "outline.h"
#include "source.h"

#define SHOWN_MAX (64 << 20)

struct report {
	struct call *call;
	int64_t count;
};

static void add_lines(const struct output *o, struct buf *b, enum style style,
		      const char *margin, jv value)
{
	struct buf lines;

	if (!jv_is_valid(value))
		return;
	buf_init(&lines, SHOWN_MAX);
	outline_value(value, margin, &lines);
	struct slice rest = buf_slice(&lines);
	while (rest.len) {
		output_add(o, b, style, slice_cut(&rest, '\n'));
		buf_addc(b, '\n');
	}
	buf_clear(&lines);
}

static void print_json(const struct call *c, const char *at, jv before,
		       jv after)
{
	jv shown = jv_object_set(jv_object(), jv_string("at"), jv_string(at));

	if (jv_is_valid(before))
		shown = jv_object_set(shown, jv_string("before"),
				      jv_copy(before));
	if (jv_is_valid(after))
		shown = jv_object_set(shown, jv_string("after"),
				      jv_copy(after));
	output_json(&c->out, shown);
	jv_free(shown);
}

static void on_key(void *arg, const char *at, jv before, jv after)
{
	struct report *r = arg;
	const struct output *o = &r->call->out;
	struct buf b;

	r->count++;
	if (r->call->is_json) {
		print_json(r->call, at, before, after);
		return;
	}
	buf_init(&b, SHOWN_MAX);
	buf_adds(&b, "  ");
	output_add(o, &b, STYLE_BOLD, slice_of(at));
	buf_addc(&b, '\n');
	add_lines(o, &b, STYLE_BAD, "-   ", before);
	add_lines(o, &b, STYLE_GOOD, "+   ", after);
	output_write(o, buf_slice(&b));
	buf_clear(&b);
}

/* A plain name is that of an applied workflow, all else a file. */
static int read_side(struct call *c, const char *what, struct workflow **w,
		     struct error *err)
{
	if (!text_is_name(slice_of(what)))
		return source_workflow(c->config, what, w, err);
	struct dialogue *d = call_dialogue(c, err);
	return d ? named_fetch(d, what, w, err) : -1;
}

static int compare(struct call *c, const struct workflow *before,
		   const struct workflow *after)
{
	struct report r = {.call = c};
	jv a = outline_of(before), b = outline_of(after);

	differences(a, b, on_key, &r);
	jv_free(a);
	jv_free(b);
	return r.count > 0;
}

static int run(struct call *c, struct error *err)
{
	struct workflow *before = NULL, *after = NULL;
	const char *last = c->args[c->args_count - 1];
	int rc = read_side(c, last, &after, err);

	if (rc == 0)
		rc = read_side(c, c->args_count > 1 ? c->args[0] : after->name,
			       &before, err);
	if (rc == 0)
		rc = compare(c, before, after);
	workflow_free(before);
	workflow_free(after);
	return rc;
}

static const struct verb_option options[] = {
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_diff = {
	.name = "diff",
	.args = "[NAME|FILE] FILE",
	.args_min = 1,
	.args_max = 2,
	.summary = "compare workflows: an applied one and a file, or two files",
	.details =
		"Shows each key that was removed (-), added (+) or changed "
		"(both), with all defaults filled in, so that order, comments "
		"and spelling don't matter. A plain name is that of an applied "
		"workflow, all else is a file, - is standard input. With one "
		"file, it is compared with what is applied under its name. "
		"Exits with 0 if nothing differs, with 1 if something does.",
	.options = options,
	.examples = "treadle diff book.yaml\n"
		    "git show HEAD~1:book.yaml | treadle diff - book.yaml",
	.run = run,
};
