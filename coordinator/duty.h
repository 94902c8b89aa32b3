/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_DUTY_H
#define TREADLE_DUTY_H

#include <uv.h>

#include "treadle/store.h"

/*
 * A duty: one function of the library, called again and again, at its time.
 *
 * The library lets one coordinator lead each duty, for lead_ms from its last
 * call; the others are on standby and ask again when that lead may have
 * ended. A leader calls at least twice in that time, so that it keeps the
 * lead. At most one call of a duty is under way. What fails is tried again
 * each second, and said once for each outage.
 */
struct coordinator;
struct duty;

#define DUTY_LATER INT64_MAX /* nothing is due: to keep the lead is enough */
#define DUTY_MORE_MAX 2

struct duty_kind {
	const char *name; /* of the role, as in the key `lead:<role>` */
	enum store_function function;
	int limit; /* how much one call may do */
	/*
	 * What the duty does when its time has come. MUST lead to one
	 * duty_call() or duty_wait(). NULL: duty_call().
	 */
	void (*begin)(struct duty *d);
	/*
	 * The answer to a leader. Gives the ms until there is more to do; 0
	 * for at once.
	 */
	int64_t (*on_answer)(struct duty *d, jv answer);
};

struct duty {
	const struct duty_kind *kind;
	struct coordinator *coordinator;
	uv_timer_t timer;
	int64_t lead_ms;
	int64_t more[DUTY_MORE_MAX]; /* arguments that follow the limit */
	size_t more_count;
	bool is_busy;    /* between begin and the answer */
	bool is_poked;   /* wanted again while it was busy */
	bool is_leader;  /* as of the last answer */
	bool is_failing; /* since the last answer that was none */
	bool is_told;    /* in the log */
	bool is_stopped;
};

/* Calls nothing before the first duty_poke(). d lives as long as the loop. */
void duty_start(struct duty *d, struct coordinator *c,
		const struct duty_kind *kind, int64_t lead_ms);
/* No call begins after it. A leader lets go of its lead. */
void duty_stop(struct duty *d);

void duty_poke(struct duty *d); /* its time is now */

/* For begin. */
void duty_call(struct duty *d);
void duty_wait(struct duty *d, int64_t delay_ms);
/* Says what stood in the way, the first time, and waits a second. */
void duty_fail(struct duty *d, const struct error *err);

#endif
