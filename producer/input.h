/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_INPUT_H
#define PRODUCER_INPUT_H

#include "treadle/workflow.h"

/*
 * The input of a run: from --input and -i, or from a line of a bulk file;
 * completed and checked by the workflow's schema, packed for the store.
 */
#define INPUT_SIZE_MAX (1 << 20)

struct call;

/* Gives *input: --input's value, with the members that -i names put in. */
int input_collect(const struct call *c, const struct workflow *w, jv *input,
		  struct error *err);

/*
 * Fills in defaults, checks, and appends the packed form: nothing for an
 * empty object. Owns *input and gives the completed one; on failure it is
 * freed and *input invalid.
 */
int input_pack(const struct workflow *w, jv *input, struct buf *out,
	       struct error *err);

#endif
