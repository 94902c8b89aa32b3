/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PARAM_H
#define TREADLE_PARAM_H

#include "worker.h"

/*
 * One parameter of an attempt, for its kind. Types are as steps.def says
 * (parameters.h has seen to that), and all parameters live as long as the
 * attempt, so what is borrowed here stays.
 */
jv param_get(const struct attempt *a, const char *name); /* caller frees */
const char *param_text(const struct attempt *a, const char *name); /* or NULL */
int64_t param_size(const struct attempt *a, const char *name, int64_t initial);

#endif
