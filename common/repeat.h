/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REPEAT_H
#define TREADLE_REPEAT_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * Rounds: `repeat: {until: ${...}, every: 10s, max: 60}`.
 *
 * A step is performed again, as another round, until an expression over its
 * own output holds. How many rounds there may be must be said.
 */
#define ROUNDS_MAX 100000

struct repeat {
	jv until; /* a text that is one expression; invalid: performed once */
	int64_t every_ms; /* between the end of a round and the next */
	int64_t max;      /* rounds */
};

void repeat_init(struct repeat *r);
void repeat_clear(struct repeat *r);

/* What users write. what: "step \"a\": ". */
int repeat_read(struct repeat *r, enum step_kind kind, struct spot step,
		const char *what, struct error *err);

/* The stored form: a member where it says something. */
jv repeat_print(const struct repeat *r, jv step); /* owns and gives step */
int repeat_parse(struct repeat *r, jv step, struct error *err);

#endif
