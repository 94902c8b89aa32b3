/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PARAMETERS_H
#define TREADLE_PARAMETERS_H

#include "treadle/workflow.h"

/*
 * Are expanded parameters what steps.def says? What was written with
 * expressions has a type only now.
 *
 * As when a workflow is read, whole numbers and booleans become texts where
 * texts are wanted. What is null, optional and not of type ANY is removed: an
 * expression that yields nothing leaves its parameter out. Owns the old
 * *params, gives the new; after an error it is still the caller's to free.
 * Messages show no values: they may be secret.
 */
int parameters_fit(enum step_kind kind, jv *params, struct error *err);

#endif
