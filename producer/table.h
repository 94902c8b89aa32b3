/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_TABLE_H
#define PRODUCER_TABLE_H

#include "treadle/arena.h"
#include "output.h"

/*
 * Aligned tables.
 *
 *   static const char *const heads[] = {"RUN", ">STEPS", "NOTE", NULL};
 *
 * A head that begins with ">" makes its column flush right. Cells are given
 * row by row; what they are given is copied and escaped. On a terminal the
 * last column is cut so that no line wraps. A column without any text is left
 * out.
 */
#define TABLE_COLUMNS_MAX 12

struct table_cell {
	enum style style;
	struct slice text;
	size_t columns;
};

struct table {
	const struct output *out;
	struct arena *arena;
	const char *const *heads;
	size_t width; /* columns */
	struct table_cell *cells;
	size_t count, cap; /* of cells */
};

void table_init(struct table *t, const struct output *out, struct arena *arena,
		const char *const *heads);
void table_cell(struct table *t, enum style style, struct slice text);
void table_cellf(struct table *t, enum style style, const char *fmt, ...)
	PRINTF(3, 4);
/* A number; an empty cell where it is negative. */
void table_number(struct table *t, enum style style, int64_t number);
/* Milliseconds, for people; an empty cell where ms is negative. */
void table_span(struct table *t, int64_t ms);
size_t table_rows(const struct table *t);

/* Appends the table, its heads first, to b; and writes it to its output. */
void table_draw(const struct table *t, struct buf *b);
int table_print(const struct table *t);

#endif
