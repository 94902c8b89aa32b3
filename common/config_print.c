/* SPDX-License-Identifier: MIT */
#include "treadle/config.h"

#include <string.h>

#include "loaded.h"
#include "option.h"

/*
 * Options as text: for --help, for the annotated file, for the reference
 * page, and to explain where a value comes from.
 */
#define LINE_WIDTH 79
#define VALUE_WIDTH 32
#define TEXT_MAX 65536

static const struct {
	enum config_reader reader;
	const char *name;
} readers[] = {
	{CONFIG_WORKER, "worker"},
	{CONFIG_COORDINATOR, "coordinator"},
	{CONFIG_PRODUCER, "treadle"},
};

static const char *const type_names[] = {
	[OPTION_STRING] = "text",      [OPTION_SECRET] = "text, a secret",
	[OPTION_BOOL] = "true, false", [OPTION_INT] = "number",
	[OPTION_SIZE] = "size",        [OPTION_DURATION] = "duration",
	[OPTION_CHOICE] = "choice",    [OPTION_LIST] = "list",
};

static bool is_of(const struct option *o, const struct option_section *s)
{
	return strcmp(o->section, s->name) == 0;
}

static bool has_options(const struct option_section *s, int reader)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (is_of(&option_table[i], s) &&
		    (option_table[i].readers & reader))
			return true;
	}
	return false;
}

/* Words, from column `at` on, broken before LINE_WIDTH, indented alike. */
static void print_wrapped(FILE *out, const char *text, int at,
			  const char *margin)
{
	struct slice rest = slice_of(text);
	int column = at;

	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');

		if (column > at && column + 1 + (int)word.len > LINE_WIDTH) {
			fprintf(out, "\n%s%*s", margin,
				at - (int)strlen(margin), "");
			column = at;
		}
		column += fprintf(out, "%s%.*s", column > at ? " " : "",
				  (int)word.len, word.data);
	}
	fputc('\n', out);
}

/* "error, warn, info, debug", within quotes; "" where it is no choice. */
static void add_choices(struct buf *text, const struct option *o,
			const char *quote)
{
	struct slice rest = slice_of(o->min);

	while (o->type == OPTION_CHOICE && rest.len) {
		struct slice choice = slice_cut(&rest, ' ');

		buf_addf(text, "%s%.*s%s%s", quote, (int)choice.len,
			 choice.data, quote, rest.len ? ", " : "");
	}
}

/* What it means, and which choices there are. */
static void add_meaning(struct buf *text, const struct option *o)
{
	buf_adds(text, o->help);
	if (o->type == OPTION_CHOICE)
		buf_adds(text, ": ");
	add_choices(text, o, "");
}

/* --help */

static int flag_width(enum config_reader reader)
{
	char flag[OPTION_NAME_MAX];
	int width = 0;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		int len = (int)strlen(option_flag(&option_table[i], flag));

		if ((option_table[i].readers & (int)reader) && len > width)
			width = len;
	}
	return width;
}

static void print_help(FILE *out, const struct option *o, int width)
{
	char flag[OPTION_NAME_MAX];
	struct buf text;

	buf_init(&text, TEXT_MAX);
	add_meaning(&text, o);
	if (o->initial[0])
		buf_addf(&text, " [%s]", o->initial);
	fprintf(out, "  %-*s  ", width, option_flag(o, flag));
	print_wrapped(out, text.data, width + 4, "");
	buf_clear(&text);
}

void config_help(enum config_reader reader, FILE *out)
{
	int width = flag_width(reader);

	fputs("Options, each also an environment variable and a line of the "
	      "file\n",
	      out);
	fprintf(out, "  %-*s  ", width, "--config");
	print_wrapped(out, "the file [" CONFIG_FILE_DEFAULT ", if it exists]",
		      width + 4, "");
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		if (!has_options(&option_sections[s], (int)reader))
			continue;
		fprintf(out, "\n%s\n", option_sections[s].help);
		for (size_t i = 0; i < OPTION_COUNT; i++) {
			if (is_of(&option_table[i], &option_sections[s]) &&
			    (option_table[i].readers & (int)reader))
				print_help(out, &option_table[i], width);
		}
	}
}

/* config --explain */

void config_explain(const struct config *config, enum config_reader reader,
		    FILE *out)
{
	const struct loaded *l = (const struct loaded *)config;
	int width = flag_width(reader) - (int)strlen("--");
	char path[OPTION_NAME_MAX];
	struct buf value;

	buf_init(&value, TEXT_MAX);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!(option_table[i].readers & (int)reader))
			continue;
		buf_reset(&value);
		option_print(&option_table[i], config, &value);
		fprintf(out, "%-*s  %-*s  %s\n", width,
			option_path(&option_table[i], path), VALUE_WIDTH,
			value.len ? value.data : "(empty)",
			l->origins[i] ? l->origins[i] : "default");
	}
	buf_clear(&value);
}

/* config --defaults */

/* Whether YAML reads it as the text that it is, without quotes. */
static bool is_bare(const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_./:-";

	return text[0] && text[0] != '-' && strspn(text, safe) == strlen(text);
}

static void print_yaml(FILE *out, const struct option *o)
{
	struct slice rest = slice_of(o->initial);
	const char *separator = "[";

	if (o->type != OPTION_LIST) {
		fprintf(out, is_bare(o->initial) ? "%s\n" : "\"%s\"\n",
			o->initial);
		return;
	}
	while (rest.len) {
		struct slice item = slice_cut(&rest, ',');

		fprintf(out, "%s%.*s", separator, (int)item.len, item.data);
		separator = ", ";
	}
	fputs(*separator == '[' ? "[]\n" : "]\n", out);
}

static void print_commented(FILE *out, const struct option *o)
{
	struct buf text;

	buf_init(&text, TEXT_MAX);
	add_meaning(&text, o);
	if (o->max[0])
		buf_addf(&text, " (%s to %s)", o->min, o->max);
	fputs("  # ", out);
	print_wrapped(out, text.data, 4, "  # ");
	fprintf(out, "  %s: ", o->key);
	print_yaml(out, o);
	buf_clear(&text);
}

void config_defaults(FILE *out)
{
	fputs("# Treadle's configuration, with all its defaults. A program "
	      "reads the file that\n"
	      "# --config or TREADLE_CONFIG names, else " CONFIG_FILE_DEFAULT
	      ".\n"
	      "# redis.url is TREADLE_REDIS_URL in the environment and "
	      "--redis-url on the\n"
	      "# command line, which win over this file.\n",
	      out);
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		fprintf(out, "\n# %s\n%s:\n", option_sections[s].help,
			option_sections[s].name);
		for (size_t i = 0; i < OPTION_COUNT; i++) {
			if (is_of(&option_table[i], &option_sections[s]))
				print_commented(out, &option_table[i]);
		}
	}
}

/* docs/CONFIG.md */

static void print_range(FILE *out, const struct option *o)
{
	struct buf choices;

	buf_init(&choices, TEXT_MAX);
	add_choices(&choices, o, "`");
	fputs(choices.len ? choices.data : type_names[o->type], out);
	if (o->max[0])
		fprintf(out, ", %s to %s", o->min, o->max);
	buf_clear(&choices);
}

static void print_readers(FILE *out, const struct option *o)
{
	const char *separator = "";

	for (size_t i = 0; i < countof(readers); i++) {
		if (!(o->readers & (int)readers[i].reader))
			continue;
		fprintf(out, "%s%s", separator, readers[i].name);
		separator = ", ";
	}
}

static void print_row(FILE *out, const struct option *o)
{
	char path[OPTION_NAME_MAX];

	fprintf(out, "| `%s` | ", option_path(o, path));
	if (o->initial[0])
		fprintf(out, "`%s`", o->initial);
	fputs(" | ", out);
	print_range(out, o);
	fputs(" | ", out);
	print_readers(out, o);
	fprintf(out, " | %s |\n", o->help);
}

void config_reference(FILE *out)
{
	fputs("# Configuration\n\n"
	      "Default < file < environment < flag. `redis.url` in the file is "
	      "`TREADLE_REDIS_URL` in the\n"
	      "environment and `--redis-url` on the command line, and so are "
	      "all others. `--config` or\n"
	      "`TREADLE_CONFIG` name the file; without them "
	      "`" CONFIG_FILE_DEFAULT "` is read if it\n"
	      "exists. `treadle config --explain` shows each value and where "
	      "it comes from.\n\n"
	      "Durations are written `250ms`, `30s`, `1h30m`, `7d`; sizes "
	      "`4096`, `64KiB`, `4MiB`, `1GiB`; lists\n"
	      "as YAML lists, elsewhere with commas. A password in a URL is "
	      "never shown.\n",
	      out);
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		fprintf(out,
			"\n## %s\n\n%s.\n\n"
			"| Option | Default | Value | Read by | Meaning |\n"
			"|---|---|---|---|---|\n",
			option_sections[s].name, option_sections[s].help);
		for (size_t i = 0; i < OPTION_COUNT; i++) {
			if (is_of(&option_table[i], &option_sections[s]))
				print_row(out, &option_table[i]);
		}
	}
}
