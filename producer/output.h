/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_OUTPUT_H
#define PRODUCER_OUTPUT_H

#include <stdio.h>

#include "treadle/base.h"
#include "treadle/text.h"
#include "treadle/value.h"

/*
 * Where a call writes, and what that place can show.
 *
 * Colour and redrawing are for terminals only. What came from outside (names,
 * details, logs) is escaped before people see it, so that no payload can play
 * with a terminal; JSON is printed as it is.
 */
struct output {
	FILE *file;
	bool is_terminal;
	bool has_color;    /* neither NO_COLOR nor TERM=dumb */
	bool has_unicode;  /* the locale's characters are UTF-8 */
	int width, height; /* of the terminal, else 0 */
};

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_BUSY,
	STYLE_LATE,
};

void output_init(struct output *o, FILE *file);
void output_measure(struct output *o); /* the terminal may have been resized */

/* How a state of a run or a step looks: "done" is good. */
enum style output_state_style(struct slice state);

/* Appends text, escaped, in a style. */
void output_add(const struct output *o, struct buf *b, enum style style,
		struct slice text);
void output_addf(const struct output *o, struct buf *b, enum style style,
		 const char *fmt, ...) PRINTF(4, 5);

/* Escapes control and direction characters and what is not UTF-8. */
void output_escape(struct buf *b, struct slice text);
/* The same, but line ends and tabs stay. */
void output_escape_lines(struct buf *b, struct slice text);

/* How many columns escaped text takes. */
size_t output_columns(const struct output *o, struct slice text);
/* The longest beginning of it that takes no more than so many. */
struct slice output_fit(const struct output *o, struct slice text,
			size_t columns);

/* Writes and flushes; 0, or -1 where nobody reads any more. */
int output_write(const struct output *o, struct slice text);
int output_printf(const struct output *o, const char *fmt, ...) PRINTF(2, 3);
int output_json(const struct output *o, jv value); /* one line; borrows */

#endif
