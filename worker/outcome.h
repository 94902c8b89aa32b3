/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_OUTCOME_H
#define TREADLE_OUTCOME_H

#include "report.h"

/*
 * One line of log for each end, once Redis has answered it: only then is it
 * true. And what the tally learns from it.
 */
const char *outcome_verb(enum verb verb); /* "complete" */

/* told: the bytes that went with it, the detail of a failure. */
void outcome_log(const struct attempt *a, enum verb verb, enum end_code code,
		 struct slice told);

#endif
