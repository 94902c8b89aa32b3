/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_GRAMMAR_STEP_H
#define TREADLE_GRAMMAR_STEP_H

#include "grammar.h"
#include "settings.h"

/*
 * The half of the grammar that is about one step.
 */

/* What a reader of one document needs; borrowed, where nothing is said. */
struct grammar {
	struct spot root, steps, output, finally;
	struct settings defaults;
	jv lines; /* owned: of steps that perform workflows, by name */
	struct error *err;
};

/* Gives the normalised step. */
int grammar_step(struct grammar *g, const char *name, struct spot s, jv *step);

/* Finds the one key that is a kind. what: "step \"a\" ". */
int grammar_read_kind(struct grammar *g, const char *what, struct spot step,
		      enum step_kind *kind);

/* Owns needs and params. */
jv grammar_print_step(enum step_kind kind, const struct settings *settings,
		      jv needs, jv params);

/* what: "step \"a\": " or "output: ". */
int grammar_check_size(struct grammar *g, struct spot s, const char *what,
		       jv params);

/* Complains of words that later versions will use. */
int grammar_refuse_reserved(struct grammar *g, struct spot map,
			    const char *what);

#endif
