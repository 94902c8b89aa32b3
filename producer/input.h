/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_INPUT_H
#define PRODUCER_INPUT_H

#include "treadle/workflow_link.h"

/*
 * The input of a run: from --input and -i. workflow_pack_input() completes,
 * checks and packs it.
 */
struct call;

/* Gives *input: --input's value, with the members that -i names put in. */
int input_collect(const struct call *c, const struct workflow *w, jv *input,
		  struct error *err);

#endif
