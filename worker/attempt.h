/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ATTEMPT_H
#define TREADLE_ATTEMPT_H

#include "treadle/arena.h"
#include "treadle/store_worker.h"
#include "treadle/workflow.h"

/*
 * One try at a step, and what it is performed by.
 */
struct worker;

/*
 * A template with what another process needs to make it anew: its source,
 * and an id that no other formula of this process ever has, for caches.
 */
struct formula {
	uint64_t id;
	jv source;
	struct template *template; /* NULL: there is nothing to evaluate */
};

/* How one step of a definition is performed; made once, with the definition. */
struct plan {
	const struct step *step;
	const struct kind *kind;
	struct formula params;    /* without what is in late */
	struct formula late;      /* http: the parameter "output", as written */
	struct formula condition; /* of `if`; no template where there is none */
	struct formula until;     /* of `repeat`; the same */
	struct formula cache_key; /* of `cache`; no template: parameters tell */
	struct plan *item;  /* for_each: how an item is performed; else NULL */
	bool may_have_heir; /* a worker may go on from it to a successor */
	jv constant; /* checked params, where they read nothing; else invalid */
};

enum attempt_state {
	ATTEMPT_TAKING,    /* delivered; take has not been answered */
	ATTEMPT_PREPARING, /* its definition or its expressions are awaited */
	ATTEMPT_HELD,      /* exec: all exec slots are busy */
	ATTEMPT_STARTED,   /* its kind is at work, or was told to stop */
	ATTEMPT_STORING,   /* done; its output is becoming a blob */
	ATTEMPT_ASKING, /* its kind is done; whether until holds is awaited */
	ATTEMPT_ENDING, /* its end is being said to Redis */
};

/* Why an attempt was told to stop: what its kind says then is replaced. */
enum attempt_stop {
	STOP_NOT,
	STOP_TIMEOUT,   /* ends as a failure: timeout */
	STOP_CANCELLED, /* handed back, which Redis answers with CANCELLED */
	STOP_DRAIN,     /* handed back */
	STOP_LOST,      /* nothing is said: it is not ours any more */
};

/*
 * How an attempt ended, until Redis has answered. The bytes (an output, a
 * memo, the detail of a failure) lie in the outbox it waits in.
 */
struct ending {
	size_t at, len;
	int64_t when; /* fail: delay in ms or -1; defer: due, Redis' clock */
	enum failure_class class;
	int code;
	double took_ms;
	bool is_skipped;    /* done without being performed */
	const char *source; /* RUN/STEP whose cached output it is, or NULL */
};

#define ENTRY_ID_MAX 44
#define STEP_NAME_MAX 80 /* <step>/<index>, or with UNDO_SUFFIX */

/* One try at a step, from delivery to the answer of its end. */
struct attempt {
	struct worker *worker;
	enum attempt_state state;
	enum attempt_stop stop;
	bool is_forced;     /* it was told to stop at once */
	struct arena arena; /* for the kind; cleared when the attempt ends */

	struct step_ref ref; /* points into the texts below */
	char entry[ENTRY_ID_MAX], run[RUN_ID_LEN + 1], name[STEP_NAME_MAX];
	char idempotency_key[128]; /* the same for every try of this step */
	int attempt, attempt_base, recoveries, generation;
	int index;                /* of the item that it is about, or -1 */
	int round, rounds_before; /* of a repeated step, from 1; round.h */
	int64_t taken_at;         /* Redis' clock */
	int64_t clock_ahead_ms;   /* Redis' clock before the monotonic one */
	int64_t wait_ms;  /* the other side asked for so long to the next round
			   */
	int64_t begun_us; /* monotonic */
	jv memo;          /* what an earlier try left; invalid for none */

	struct definition *definition; /* counted */
	const struct plan *plan;
	const struct step *step; /* the plan's */
	const struct kind *kind; /* the plan's */
	jv params; /* expanded, checked against steps.def; secrets revealed;
		      without null for what is optional and not of type ANY */
	jv scope;  /* {input, steps, run, env; item, index}, for late ones */
	jv output; /* of a round, until it is known whether that is all */

	void *work;         /* the kind's own, from start() to the end */
	bool wants_heir;    /* it keeps its slot, once done, for a successor */
	struct news *news;  /* progress, log...; NULL while there is none */
	struct wait *asked; /* what the evaluator is asked; NULL: nothing */
	struct recall *recall; /* of `cache`; NULL where it does not say it */
	struct transfer *transfer; /* of its big values, while under way */
	struct noted_blob *noted;  /* big values in the lists that it reads */
	struct ending end;
	int64_t due_ms;  /* monotonic: when its time is over */
	size_t alarm_at; /* its place among the alarms, or ALARM_NONE */

	struct attempt *next, *prev; /* in the one list its state demands */
	struct attempt *hash_next;   /* in the worker's table, by entry */
};

#endif
