/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_EACH_H
#define TREADLE_EACH_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * `for_each`: a step that is performed for each item of a list.
 *
 * What users write is a step with one key more. What is stored is a step of
 * kind `each`, whose only parameter is the list, and in it, as `item`, what is
 * performed for each of its items: a kind and its parameters.
 */
#define EACH_KEYS "for_each", "max_parallel", "tolerate"
#define EACH_PARALLEL_MAX 1000

struct each_form {
	jv list; /* as written; invalid: the step is performed once */
	struct each each;
};

void each_init(struct each_form *e);
void each_clear(struct each_form *e);

/* What users write. what: "step \"a\": ". */
int each_read(struct each_form *e, struct spot step, const char *what,
	      struct error *err);

/* Sets what an item has of its step, and what no item has. */
void each_init_item(struct step *step);

/* Makes the stored form of the step that is performed for each item. */
jv each_print(const struct each_form *e, jv step); /* owns and gives step */
int each_parse(struct each *each, struct spot step, struct error *err);

#endif
