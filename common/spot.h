/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SPOT_H
#define TREADLE_SPOT_H

#include "treadle/value.h"

/*
 * A value of a document, with where it stands: for readers that complain.
 * All is borrowed from the trees of values and places, so a spot costs
 * nothing and needs no free, as long as the trees live and don't change.
 */
struct spot {
	jv value;         /* invalid: absent */
	jv place;         /* may be invalid: then messages name no line */
	const char *path; /* of the file; NULL where there is no place */
};

struct spot spot_get(struct spot object, const char *key);
struct spot spot_at(struct spot array, int index);
bool spot_is_absent(struct spot s);
/* Whether the value is of the kind; complains "what must be ..." if not. */
bool spot_is(struct spot s, jv_kind kind, const char *what, struct error *err);

/* "path:line: " and the text; returns -1. */
int spot_complain(struct spot s, struct error *err, const char *fmt, ...)
	PRINTF(3, 4);

/*
 * Complains of the first key of an object that is none of the known, naming
 * the nearest. what is put in front: "step \"a\": ".
 */
int spot_check_keys(struct spot object, const char *what,
		    const char *const *known, size_t count, struct error *err);

#endif
