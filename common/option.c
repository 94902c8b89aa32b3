/* SPDX-License-Identifier: MIT */
#include "option.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/url.h"

enum { W = CONFIG_WORKER, C = CONFIG_COORDINATOR, P = CONFIG_PRODUCER };

const struct option option_table[OPTION_COUNT] = {
#define SECTION(name, help)
#define OPTION(section, key, type, initial, min, max, readers, help)           \
	{#section, #key, OPTION_##type, initial,                               \
	 min,      max,  readers,       offsetof(struct config, section.key),  \
	 help},
#define END(name)
#include "treadle/options.def"
#undef SECTION
#undef OPTION
#undef END
};

const struct option_section option_sections[SECTION_COUNT] = {
#define SECTION(name, help) {#name, help},
#define OPTION(section, key, type, initial, min, max, readers, help)
#define END(name)
#include "treadle/options.def"
#undef SECTION
#undef OPTION
#undef END
};

/* Names */

const char *option_path(const struct option *o, char text[OPTION_NAME_MAX])
{
	snprintf(text, OPTION_NAME_MAX, "%s.%s", o->section, o->key);
	return text;
}

const char *option_flag(const struct option *o, char text[OPTION_NAME_MAX])
{
	snprintf(text, OPTION_NAME_MAX, "--%s-%s", o->section, o->key);
	for (char *c = text; *c; c++) {
		if (*c == '_')
			*c = '-';
	}
	return text;
}

const char *option_variable(const struct option *o, char text[OPTION_NAME_MAX])
{
	snprintf(text, OPTION_NAME_MAX, "TREADLE_%s_%s", o->section, o->key);
	for (char *c = text; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return text;
}

/* Reading */

static void *value_at(const struct option *o, const struct config *config)
{
	return (char *)config + o->offset;
}

static int parse_number(enum option_type type, struct slice text, int64_t *n)
{
	if (type == OPTION_SIZE)
		return size_parse(text, n);
	if (type == OPTION_DURATION)
		return duration_parse(text, n);
	return slice_int(text, INT64_MIN, INT64_MAX, n);
}

/* A bound as options.def writes it, or `none` where it says nothing. */
static int64_t bound(const struct option *o, const char *text, int64_t none)
{
	int64_t n = none;

	must(!text[0] || parse_number(o->type, slice_of(text), &n) == 0);
	return n;
}

static int read_number(const struct option *o, struct slice text,
		       int64_t *value, struct error *err)
{
	static const char *const examples[] = {
		[OPTION_INT] = "a whole number",
		[OPTION_SIZE] = "a size like 64KiB or 4MiB",
		[OPTION_DURATION] = "a duration like 30s or 1h30m",
	};
	int64_t n;

	if (parse_number(o->type, text, &n) < 0)
		return error_set(err, ERR_INPUT, "\"%.*s\" is not %s",
				 (int)text.len, text.data, examples[o->type]);
	if (n < bound(o, o->min, INT64_MIN) || n > bound(o, o->max, INT64_MAX))
		return error_set(err, ERR_INPUT, "%.*s is not within %s and %s",
				 (int)text.len, text.data, o->min, o->max);
	*value = n;
	return 0;
}

static int read_bool(struct slice text, bool *value, struct error *err)
{
	*value = slice_is(text, "true");
	if (!*value && !slice_is(text, "false"))
		return error_set(err, ERR_INPUT,
				 "\"%.*s\" is neither true nor false",
				 (int)text.len, text.data);
	return 0;
}

static int check_choice(const struct option *o, struct slice text,
			struct error *err)
{
	struct slice rest = slice_of(o->min);

	while (rest.len) {
		if (slice_equal(slice_cut(&rest, ' '), text))
			return 0;
	}
	return error_set(err, ERR_INPUT, "\"%.*s\" is none of: %s",
			 (int)text.len, text.data, o->min);
}

static int read_string(const struct option *o, struct slice text, char **value,
		       struct error *err)
{
	if (o->type == OPTION_CHOICE && check_choice(o, text, err) < 0)
		return -1;
	if (memchr(text.data, '\0', text.len))
		return error_set(err, ERR_INPUT, "it contains a NUL");
	free(*value);
	*value = xmemdup(text.data, text.len);
	return 0;
}

static void clear_list(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){0};
}

static void read_list(struct slice text, struct text_list *list)
{
	clear_list(list);
	while (text.len) {
		struct slice item = slice_trim(slice_cut(&text, ','));

		if (!item.len)
			continue;
		list->items = xrealloc(list->items,
				       (list->count + 1) * sizeof(char *));
		list->items[list->count++] = xmemdup(item.data, item.len);
	}
}

int option_read(const struct option *o, struct slice text,
		struct config *config, struct error *err)
{
	void *value = value_at(o, config);

	switch (o->type) {
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_CHOICE:
		return read_string(o, text, value, err);
	case OPTION_BOOL:
		return read_bool(text, value, err);
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		return read_number(o, text, value, err);
	case OPTION_LIST:
		read_list(text, value);
		return 0;
	}
	return 0;
}

void option_clear(const struct option *o, struct config *config)
{
	char **text = value_at(o, config);

	if (o->type == OPTION_LIST) {
		clear_list(value_at(o, config));
	} else if (o->type == OPTION_STRING || o->type == OPTION_SECRET ||
		   o->type == OPTION_CHOICE) {
		free(*text);
		*text = NULL;
	}
}

/* Printing */

/* Nothing of it, where it is no URL. */
static void print_secret(const char *text, struct buf *out)
{
	if (strstr(text, "://"))
		url_mask(text, out);
	else
		buf_adds(out, text[0] ? "***" : "");
}

static void print_list(const struct text_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++)
		buf_addf(out, "%s%s", i ? "," : "", list->items[i]);
}

static void print_number(enum option_type type, int64_t n, struct buf *out)
{
	char text[DURATION_TEXT_MAX];

	if (type == OPTION_SIZE)
		buf_adds(out, size_format(n, text));
	else if (type == OPTION_DURATION)
		buf_adds(out, duration_format(n, text));
	else
		buf_addf(out, "%" PRId64, n);
}

void option_print(const struct option *o, const struct config *config,
		  struct buf *out)
{
	const void *value = value_at(o, config);

	switch (o->type) {
	case OPTION_STRING:
	case OPTION_CHOICE:
		buf_adds(out, *(char *const *)value);
		break;
	case OPTION_SECRET:
		print_secret(*(char *const *)value, out);
		break;
	case OPTION_BOOL:
		buf_adds(out, *(const bool *)value ? "true" : "false");
		break;
	case OPTION_INT:
	case OPTION_SIZE:
	case OPTION_DURATION:
		print_number(o->type, *(const int64_t *)value, out);
		break;
	case OPTION_LIST:
		print_list(value, out);
		break;
	}
}
