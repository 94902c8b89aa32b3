/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_FORM_H
#define TREADLE_FORM_H

#include "spot.h"

/*
 * A map whose members are read one by one. Each reader leaves its result as
 * it was where the member is absent, and complains where it makes no sense.
 */
struct form {
	struct spot map;
	const char *what; /* stands before keys: "step \"a\": retry." */
	struct error *err;
};

/* Written as text with units; a bare number is refused, but for 0. */
int form_duration(const struct form *f, const char *key, int64_t min_ms,
		  int64_t max_ms, int64_t *ms);
int form_number(const struct form *f, const char *key, double min, double max,
		double *number);
/* A number without fraction. */
int form_whole(const struct form *f, const char *key, int64_t min, int64_t max,
	       int64_t *whole);

#endif
