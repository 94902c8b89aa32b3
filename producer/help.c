/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "treadle/config.h"
#include "treadle/retry.h"
#include "treadle/workflow.h"

#define WIDTH_MAX 80

static void styled(const struct output *o, enum style style, const char *text)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	output_add(o, &b, style, slice_of(text));
	fwrite(b.data, 1, b.len, o->file);
	buf_clear(&b);
}

/* Prints a paragraph; the cursor stands in column `at`, lines begin there. */
static void wrap(const struct output *o, struct slice text, size_t at)
{
	size_t width = WIDTH_MAX, used = at;
	bool is_first = true;

	if (o->width > 40 && o->width < WIDTH_MAX)
		width = (size_t)o->width;
	while (text.len) {
		struct slice word = slice_cut(&text, ' ');
		if (!is_first && used + 1 + word.len > width) {
			fprintf(o->file, "\n%*s", (int)at, "");
			used = at;
		} else if (!is_first) {
			fputc(' ', o->file);
			used++;
		}
		fwrite(word.data, 1, word.len, o->file);
		used += word.len;
		is_first = false;
	}
	fputc('\n', o->file);
}

/* "  name   what it means", the meaning from column `at` on. */
void help_entry(const struct output *o, const char *name, size_t at,
		const char *help)
{
	fputs("  ", o->file);
	styled(o, STYLE_BOLD, name);
	fprintf(o->file, "%*s", (int)(at - 2 - strlen(name)), "");
	wrap(o, slice_of(help), at);
}

void help_overview(const struct output *o)
{
	styled(o, STYLE_BOLD, "treadle");
	fputs(" - workflows of steps on Redis streams\n\n"
	      "usage: treadle VERB [options]\n",
	      o->file);
#define GROUP(title)                                                           \
	fputc('\n', o->file);                                                  \
	styled(o, STYLE_DIM, title);                                           \
	fputc('\n', o->file);
#define VERB(verb) help_entry(o, verb_##verb.name, 13, verb_##verb.summary);
#include "verbs.def"
#undef GROUP
#undef VERB
	fputs("\nMore: treadle help VERB. And treadle help options (of every "
	      "verb), steps (kinds\nof steps), failures (their classes), "
	      "codes (exit codes).\n",
	      o->file);
}

static void print_options(const struct output *o, const struct verb *v)
{
	char names[16][48];
	size_t at = 0, count = 0;

	for (const struct verb_option *p = v->options; p->name; p++, count++) {
		must(count < countof(names));
		snprintf(names[count], sizeof(names[count]), "%s%s%s", p->name,
			 p->value ? " " : "", p->value ? p->value : "");
		if (strlen(names[count]) > at)
			at = strlen(names[count]);
	}
	fputs("\noptions:\n", o->file);
	for (size_t i = 0; i < count; i++)
		help_entry(o, names[i], at + 4, v->options[i].help);
}

static void print_examples(const struct output *o, const char *examples)
{
	struct slice rest = slice_of(examples);

	fputs("\nexamples:\n", o->file);
	while (rest.len) {
		struct slice line = slice_cut(&rest, '\n');
		fprintf(o->file, "  %.*s\n", (int)line.len, line.data);
	}
}

void help_verb(const struct output *o, const struct verb *v)
{
	struct slice rest = slice_of(v->details);

	styled(o, STYLE_BOLD, "treadle ");
	styled(o, STYLE_BOLD, v->name);
	fprintf(o->file, " - %s\n\nusage: treadle %s%s%s%s%s\n", v->summary,
		v->name, *v->args ? " " : "", v->args,
		v->options ? " [options]" : "",
		v->takes_command ? " [-- COMMAND...]" : "");
	while (rest.len) {
		fputc('\n', o->file);
		wrap(o, slice_cut(&rest, '\n'), 0);
	}
	if (v->options)
		print_options(o, v);
	print_examples(o, v->examples);
}

/* --- topics ------------------------------------------------------------------
 */

static void topic_options(const struct output *o)
{
	fputs("Options that stand with every verb, anywhere; treadle help "
	      "config says which\nvalue wins.\n\n",
	      o->file);
	config_help(CONFIG_PRODUCER, o->file);
}

static void print_param(const struct output *o, const char *name,
			const char *type, bool is_required, const char *help)
{
	char text[512];

	snprintf(text, sizeof(text), "%s (%s%s)", help, type,
		 is_required ? ", required" : "");
	for (char *c = strrchr(text, '('); *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	help_entry(o, name, 15, text);
}

static void topic_steps(const struct output *o)
{
	enum { OPTIONAL, REQUIRED };

	fputs("Kinds of steps and their parameters, as they stand in a "
	      "workflow.\n",
	      o->file);
#define STEP(kind, help)                                                       \
	fputc('\n', o->file);                                                  \
	styled(o, STYLE_BOLD, #kind);                                          \
	fputs(": " help "\n", o->file);
#define PARAM(kind, name, type, presence, help)                                \
	print_param(o, #name, #type, presence == REQUIRED, help);
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
}

static void topic_failures(const struct output *o)
{
	fputs("Classes of failures, as they stand in retry.on, in dead "
	      "letters and in metrics.\nThose marked * are tried again where "
	      "a step doesn't say otherwise.\n\n",
	      o->file);
	for (int i = 0; i < FAILURE_COUNT; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s%s", failure_text(i),
			 failure_is_retried(i) ? " *" : "");
		help_entry(o, name, 18, failure_meaning(i));
	}
}

static void topic_codes(const struct output *o)
{
	static const struct {
		int code;
		const char *meaning;
	} codes[] = {
		{1,
		 "the run failed or was cancelled; the doctor found something"},
		{130, "interrupted; what was submitted goes on"},
#define ERROR(name, exit_code, http_status, meaning) {exit_code, meaning},
#include "treadle/errors.def"
#undef ERROR
	};

	fputs("Exit codes of treadle.\n\n", o->file);
	for (int code = 0; code < 256; code++) {
		for (size_t i = 0; i < countof(codes); i++) {
			char text[16];
			snprintf(text, sizeof(text), "%d", code);
			if (codes[i].code == code)
				help_entry(o, text, 8, codes[i].meaning);
		}
	}
}

static const struct {
	const char *name;
	void (*print)(const struct output *o);
} topics[] = {
	{"options", topic_options},
	{"steps", topic_steps},
	{"failures", topic_failures},
	{"codes", topic_codes},
};

bool help_topic(const struct output *o, const char *name)
{
	for (size_t i = 0; i < countof(topics); i++) {
		if (strcmp(topics[i].name, name) == 0) {
			topics[i].print(o);
			return true;
		}
	}
	return false;
}
