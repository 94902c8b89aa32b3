/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BRANCH_H
#define TREADLE_BRANCH_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * Whether a step is performed at all, and what follows when it fails for good:
 * `if`, `continue_on_error`, `on_error`, and the steps of `finally`.
 */
#define BRANCH_KEYS "if", "continue_on_error", "on_error"
#define CATCHES_MAX 32

struct branch {
	enum step_when when;
	jv condition; /* a text that is one expression; invalid: none */
	bool is_tolerant;
	jv catches;    /* [{classes: [...], step: name}]; invalid: none */
	bool is_final; /* one of `finally` */
};

void branch_init(struct branch *b);
void branch_clear(struct branch *b);

/* What users write. what: "step \"a\": ". */
int branch_read(struct branch *b, struct spot step, const char *what,
		struct error *err);

/* The stored form: members where they say something. */
jv branch_print(const struct branch *b, jv step); /* owns and gives step */
int branch_parse(struct branch *b, jv step, struct error *err);

/*
 * What no step can tell alone, over the normalised steps: that a handler needs
 * the step whose failures it handles, and that nothing ordinary waits for a
 * step that may never be its turn. written: the steps as they were written.
 */
int branches_check(struct spot written, jv steps, struct error *err);

const char *step_when_text(enum step_when when);

#endif
