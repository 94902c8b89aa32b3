/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define OUTPUT_LINE_MAX (64 << 20)

static const char *const style_begin[] = {
	[STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",
	[STYLE_DIM] = "\033[2m",   [STYLE_GOOD] = "\033[32m",
	[STYLE_BAD] = "\033[31m",  [STYLE_BUSY] = "\033[36m",
	[STYLE_LATE] = "\033[33m",
};

void output_init(struct output *o, FILE *file)
{
	const char *term = getenv("TERM"), *plain = getenv("NO_COLOR");

	*o = (struct output){.file = file};
	o->is_terminal =
		isatty(fileno(file)) == 1 && term && strcmp(term, "dumb") != 0;
	o->has_color = o->is_terminal && (!plain || !*plain);
	o->has_unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	output_measure(o);
}

void output_measure(struct output *o)
{
	struct winsize size = {0};

	if (!o->is_terminal)
		return;
	o->width = 80;
	o->height = 24;
	if (ioctl(fileno(o->file), TIOCGWINSZ, &size) == 0 && size.ws_col) {
		o->width = size.ws_col;
		o->height = size.ws_row;
	}
}

enum style output_state_style(struct slice state)
{
	static const struct {
		const char *state;
		enum style style;
	} styles[] = {
		{"done", STYLE_GOOD},    {"failed", STYLE_BAD},
		{"dead", STYLE_BAD},     {"lost", STYLE_BAD},
		{"running", STYLE_BUSY}, {"spread", STYLE_BUSY},
		{"ready", STYLE_PLAIN},  {"delayed", STYLE_LATE},
		{"paused", STYLE_LATE},  {"parked", STYLE_LATE},
		{"waiting", STYLE_DIM},  {"cancelled", STYLE_DIM},
		{"skipped", STYLE_DIM},
	};

	for (size_t i = 0; i < countof(styles); i++) {
		if (slice_is(state, styles[i].state))
			return styles[i].style;
	}
	return STYLE_PLAIN;
}

void output_add(const struct output *o, struct buf *b, enum style style,
		struct slice text)
{
	bool is_styled = o->has_color && style != STYLE_PLAIN;

	if (is_styled)
		buf_adds(b, style_begin[style]);
	output_escape(b, text);
	if (is_styled)
		buf_adds(b, "\033[0m");
}

void output_addf(const struct output *o, struct buf *b, enum style style,
		 const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	output_add(o, b, style, slice_of(text));
}

/* One character off the front of *s; -1 for a byte that is not UTF-8. */
static int32_t next_character(struct slice *s, size_t *len)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)s->data[0];
	size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : 4;
	int32_t code = c < 0x80 ? c : c & (0xff >> (n + 1));

	*len = 1;
	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n > s->len)
		n = 0;
	for (size_t i = 1; i < n; i++) {
		unsigned char d = (unsigned char)s->data[i];
		if (d >> 6 != 2)
			n = 0;
		code = code << 6 | (d & 0x3f);
	}
	if (n == 0 || code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		code = -1;
	else
		*len = n;
	s->data += *len;
	s->len -= *len;
	return code;
}

/* Controls, and what reorders or hides text: bidi marks, zero widths. */
static bool is_shown(int32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code < 0xa0) &&
	       !(code >= 0x200b && code <= 0x200f) &&
	       !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2060 && code <= 0x206f) && code != 0xfeff;
}

static void escape(struct buf *b, struct slice text, bool keeps_lines)
{
	while (text.len) {
		const char *at = text.data;
		size_t len;
		int32_t code = next_character(&text, &len);

		if (is_shown(code) ||
		    (keeps_lines && (code == '\n' || code == '\t')))
			buf_add(b, at, len);
		else if (code == '\n')
			buf_adds(b, "\\n");
		else if (code == '\t')
			buf_adds(b, "\\t");
		else if (code < 0x80)
			buf_addf(b, "\\x%02x", (unsigned char)*at);
		else
			buf_addf(b, "\\u%04x", (unsigned)code);
	}
}

void output_escape(struct buf *b, struct slice text)
{
	escape(b, text, false);
}

void output_escape_lines(struct buf *b, struct slice text)
{
	escape(b, text, true);
}

static size_t width_of(const struct output *o, int32_t code)
{
	if (code < 0x80 || !o->has_unicode)
		return 1;
	int width = wcwidth((wchar_t)code);
	return width < 0 ? 1 : (size_t)width;
}

size_t output_columns(const struct output *o, struct slice text)
{
	size_t columns = 0, len;

	while (text.len)
		columns += width_of(o, next_character(&text, &len));
	return columns;
}

struct slice output_fit(const struct output *o, struct slice text,
			size_t columns)
{
	struct slice rest = text;
	size_t used = 0, len;

	while (rest.len) {
		const char *at = rest.data;
		used += width_of(o, next_character(&rest, &len));
		if (used > columns)
			return (struct slice){text.data,
					      (size_t)(at - text.data)};
	}
	return text;
}

int output_write(const struct output *o, struct slice text)
{
	fwrite(text.data, 1, text.len, o->file);
	return fflush(o->file) == 0 && !ferror(o->file) ? 0 : -1;
}

int output_printf(const struct output *o, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(o->file, fmt, args);
	va_end(args);
	return ferror(o->file) ? -1 : 0;
}

int output_json(const struct output *o, jv value)
{
	struct buf line;

	buf_init(&line, OUTPUT_LINE_MAX);
	json_print(value, &line);
	buf_addc(&line, '\n');
	fwrite(line.data, 1, line.len, o->file);
	buf_clear(&line);
	return ferror(o->file) ? -1 : 0;
}
