/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_RETRY_H
#define TREADLE_RETRY_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Failures and what to do about them.
 *
 * An attempt that does not succeed yields a failure. The policy of its step
 * decides what follows: another attempt after a delay, or the dead letters.
 * Nothing here knows about Redis or time; both are given.
 */
enum failure_class {
#define FAILURE(name, text, is_retried, meaning) FAILURE_##name,
#include "treadle/failures.def"
#undef FAILURE
	FAILURE_COUNT
};

const char *failure_text(enum failure_class class);
const char *failure_meaning(enum failure_class class);
bool failure_is_retried(enum failure_class class); /* by default */
int failure_find(struct slice text);               /* the class, or -1 */

struct failure {
	enum failure_class class;
	int code;               /* exit status, HTTP status, or 0 */
	int64_t retry_after_ms; /* asked for by the other side, or -1 */
	struct slice detail;    /* for people; borrowed */
};

struct retry_policy {
	int attempts_max;
	int64_t delay_ms; /* before the second attempt */
	int64_t delay_max_ms;
	double factor;    /* each delay is this times the last */
	double jitter;    /* 0 to 1: the part of the delay that is drawn */
	uint32_t classes; /* bit per failure_class: these are tried again */
};

/* What a step has that says nothing: 3 attempts, 1s, factor 2, 5m, 0.5. */
struct retry_policy retry_default(void);

/*
 * Milliseconds to wait before the next attempt, or -1 if there shall be none.
 * attempt: the number of the one that failed, from 1. random: in [0, 1).
 * The delay is delay_ms * factor^(attempt-1), at most delay_max_ms, of which
 * the jitter part is multiplied by random; never less than what the other
 * side asked for.
 */
int64_t retry_delay_ms(const struct retry_policy *p, const struct failure *f,
		       int attempt, double random);

#endif
