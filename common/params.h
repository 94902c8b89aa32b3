/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PARAMS_H
#define TREADLE_PARAMS_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * The parameters of steps, as steps.def declares them.
 *
 * What is constant is checked here, what holds an expression when the
 * attempt begins. what names the step in complaints: "step \"a\": ". Gives
 * *params, an object; whole numbers and booleans where texts are wanted have
 * become texts. Reading *params again gives the same.
 */
int params_read(enum step_kind kind, struct spot written, const char *what,
		jv *params, struct error *err);

/* What is more than types (params_check.c): part of params_read(). */
int params_check(enum step_kind kind, struct spot written, const char *what,
		 struct error *err);

/* Whether ${ } stands in a text: then it is known only at run time. */
bool params_is_dynamic(jv value);

#endif
