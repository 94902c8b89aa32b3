/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"

#define TABLE_GAP 2
#define TABLE_LAST_MIN 12 /* columns that the last one keeps */
#define TABLE_TEXT_MAX (64 << 20)

void table_init(struct table *t, const struct output *out, struct arena *arena,
		const char *const *heads)
{
	*t = (struct table){.out = out, .arena = arena, .heads = heads};
	while (heads[t->width])
		t->width++;
	must(t->width <= TABLE_COLUMNS_MAX);
}

void table_cell(struct table *t, enum style style, struct slice text)
{
	struct buf escaped;

	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 8 * t->width;
		struct table_cell *cells =
			arena_alloc(t->arena, cap * sizeof(*cells));
		if (t->count)
			memcpy(cells, t->cells, t->count * sizeof(*cells));
		t->cells = cells;
		t->cap = cap;
	}

	buf_init(&escaped, TABLE_TEXT_MAX);
	output_escape(&escaped, text);
	struct table_cell *cell = &t->cells[t->count++];
	cell->style = style;
	cell->text = arena_copy(t->arena, buf_slice(&escaped));
	cell->columns = output_columns(t->out, cell->text);
	buf_clear(&escaped);
}

void table_cellf(struct table *t, enum style style, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	table_cell(t, style, slice_of(text));
}

void table_number(struct table *t, enum style style, int64_t number)
{
	char text[32] = "";

	if (number >= 0)
		snprintf(text, sizeof(text), "%lld", (long long)number);
	table_cell(t, style, slice_of(text));
}

void table_span(struct table *t, int64_t ms)
{
	char text[DURATION_TEXT_MAX];

	table_cell(t, STYLE_PLAIN,
		   slice_of(ms < 0 ? "" : duration_human(ms, text)));
}

size_t table_rows(const struct table *t)
{
	return t->count / t->width;
}

static const char *head_text(const char *head)
{
	return head + (*head == '>');
}

/* The width of each column; 0 for one that holds nothing. */
static void measure(const struct table *t, size_t *widths)
{
	memset(widths, 0, TABLE_COLUMNS_MAX * sizeof(*widths));
	for (size_t i = 0; i < t->count; i++) {
		size_t *width = &widths[i % t->width];
		if (t->cells[i].columns > *width)
			*width = t->cells[i].columns;
	}
	for (size_t i = 0; i < t->width; i++) {
		size_t head = strlen(head_text(t->heads[i]));
		if (widths[i] > 0 && head > widths[i])
			widths[i] = head;
	}
}

static size_t last_column(const struct table *t, const size_t *widths)
{
	size_t last = t->width - 1;

	while (last > 0 && widths[last] == 0)
		last--;
	return last;
}

/* What is left of the terminal's width for the last column. */
static void cut_last(const struct table *t, size_t *widths, size_t last)
{
	size_t used = 0, room = (size_t)t->out->width;

	for (size_t i = 0; i < last; i++)
		used += widths[i] ? widths[i] + TABLE_GAP : 0;
	room = room > used + TABLE_LAST_MIN ? room - used : TABLE_LAST_MIN;
	if (widths[last] > room)
		widths[last] = room;
}

static void pad(struct buf *b, size_t columns)
{
	while (columns-- > 0)
		buf_addc(b, ' ');
}

static void draw_cell(const struct table *t, struct buf *b,
		      const struct table_cell *cell, size_t width,
		      bool is_right)
{
	struct slice text = cell->text;
	size_t columns = cell->columns;
	const char *dots = t->out->has_unicode ? "\u2026" : ".";

	if (is_right && columns < width)
		pad(b, width - columns);
	if (columns > width) {
		text = output_fit(t->out, text, width - 1);
		output_add(t->out, b, cell->style, text);
		buf_adds(b, dots);
	} else if (columns > 0) {
		output_add(t->out, b, cell->style, text);
	}
	if (!is_right && columns < width)
		pad(b, width - columns);
}

static void draw_row(const struct table *t, struct buf *b,
		     const struct table_cell *row, const size_t *widths,
		     size_t last)
{
	for (size_t i = 0; i <= last; i++) {
		if (widths[i] == 0)
			continue;
		draw_cell(t, b, &row[i], widths[i], t->heads[i][0] == '>');
		if (i < last)
			pad(b, TABLE_GAP);
	}
	while (b->len && b->data[b->len - 1] == ' ')
		b->len--;
	buf_addc(b, '\n');
}

void table_draw(const struct table *t, struct buf *b)
{
	size_t widths[TABLE_COLUMNS_MAX];
	struct table_cell heads[TABLE_COLUMNS_MAX];

	must(t->count % t->width == 0);
	measure(t, widths);
	size_t last = last_column(t, widths);
	if (t->out->is_terminal)
		cut_last(t, widths, last);

	for (size_t i = 0; i < t->width; i++) {
		heads[i].style = STYLE_DIM;
		heads[i].text = slice_of(head_text(t->heads[i]));
		heads[i].columns = heads[i].text.len;
	}
	draw_row(t, b, heads, widths, last);
	for (size_t i = 0; i < t->count; i += t->width)
		draw_row(t, b, &t->cells[i], widths, last);
}

int table_print(const struct table *t)
{
	struct buf b;

	buf_init(&b, TABLE_TEXT_MAX);
	table_draw(t, &b);
	int rc = output_write(t->out, buf_slice(&b));
	buf_clear(&b);
	return rc;
}
