/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SEGMENT_H
#define TREADLE_SEGMENT_H

#include "expression.h"
#include "path.h"
#include "reads.h"

/*
 * One text with ${ } in it, as a list of segments.
 */
enum segment_kind {
	SEGMENT_TEXT,
	SEGMENT_SECRET,
	SEGMENT_PATH,
	SEGMENT_PROGRAM,
};

struct segment {
	enum segment_kind kind;
	jv text; /* TEXT; SECRET: its mark; else invalid */
	struct path path;
	int program; /* its number among the expressions */
	const char *source;
	struct segment *next;
};

/* What the texts of one template bring to light, besides segments. */
struct findings {
	struct arena arena; /* of segments and sources */
	struct expressions *expressions;
	struct reads reads;
	bool has_secrets;
};

/*
 * Gives *segments, at least one if text is not empty. After an error they
 * are what was read so far, to be cleared as well.
 */
int segments_read(struct findings *f, struct slice text,
		  struct segment **segments, struct error *err);
void segments_clear(struct segment *segments);

/* Whether a text is one expression, and nothing around it. */
bool segment_is_alone(struct slice text);

/* Gives *value: that of the one segment, or the text that all make. */
int segments_expand(const struct segment *segments, struct expressions *e,
		    jv scope, jv *value, struct error *err);

#endif
