/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WORKER_H
#define TREADLE_WORKER_H

#include <uv.h>

#include "treadle/arena.h"
#include "treadle/config.h"
#include "treadle/store_worker.h"
#include "treadle/workflow.h"

/*
 * What the files of the worker share: the attempt, and the contract of a
 * step kind. Each other noun has a header of its own beside its file.
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
	struct formula params; /* without what is in late */
	struct formula late;   /* http: the parameter "output", as written */
	jv constant; /* checked params, where they read nothing; else invalid */
};

enum attempt_state {
	ATTEMPT_TAKING,	   /* delivered; take has not been answered */
	ATTEMPT_PREPARING, /* its definition or its expressions are awaited */
	ATTEMPT_HELD,	   /* exec: all exec slots are busy */
	ATTEMPT_STARTED,   /* its kind is at work, or was told to stop */
	ATTEMPT_ENDING,	   /* its end is being said to Redis */
};

/* Why an attempt was told to stop: what its kind says then is replaced. */
enum attempt_stop {
	STOP_NOT,
	STOP_TIMEOUT,	/* ends as a failure: timeout */
	STOP_DEADLINE,	/* ends as a failure: deadline */
	STOP_CANCELLED, /* handed back, which Redis answers with CANCELLED */
	STOP_DRAIN,	/* handed back */
	STOP_LOST,	/* nothing is said: it is not ours any more */
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
};

#define ENTRY_ID_MAX 44
#define STEP_NAME_MAX 68

/* One try at a step, from delivery to the answer of its end. */
struct attempt {
	struct worker *worker;
	enum attempt_state state;
	enum attempt_stop stop;
	bool is_forced; /* it was told to stop at once */
	struct arena arena; /* for the kind; cleared when the attempt ends */

	struct step_ref ref; /* points into the texts below */
	char entry[ENTRY_ID_MAX], run[RUN_ID_LEN + 1], name[STEP_NAME_MAX];
	char idempotency_key[128]; /* the same for every try of this step */
	int attempt, attempt_base, recoveries, generation;
	int64_t deadline_at, taken_at; /* Redis' clock */
	int64_t begun_us;	       /* monotonic */
	jv memo; /* what an earlier try left; invalid for none */

	struct definition *definition; /* counted */
	const struct plan *plan;
	const struct step *step; /* the plan's */
	const struct kind *kind; /* the plan's */
	jv params; /* expanded, checked against steps.def; secrets revealed;
		      without null for what is optional and not of type ANY */
	jv scope;  /* {input, steps, run, env}, for late expressions */

	void *work; /* the kind's own, from start() to the end */
	struct news *news; /* progress, log...; NULL while there is none */
	struct ending end;
	int64_t due_ms;	 /* monotonic: when its time is over */
	size_t alarm_at; /* its place among the alarms, or ALARM_NONE */

	struct attempt *next, *prev; /* in the one list its state demands */
	struct attempt *hash_next;   /* in the worker's table, by entry */
};

/*
 * A kind of step. To add one: its STEP, PARAM and END lines in steps.def; a
 * file worker/step_<kind>.c that defines `const struct kind
 * step_<kind>`; a test in tests/e2e. The table of kinds is made from
 * steps.def; forget the file and the linker names what is missing.
 */
struct kind {
	/*
	 * Begin, and return. MUST lead to exactly one attempt_done(),
	 * attempt_failed() or attempt_deferred(), which MAY be called before
	 * start returns. Reads a->params, a->memo; what lives longer than
	 * this call it copies to a->arena or keeps in a->work.
	 */
	void (*start)(struct attempt *a);

	/*
	 * End soon: time is over, the run was cancelled, or the worker
	 * stops. MUST still lead to one of the three; what it says then is
	 * replaced by the reason of the stop. Called at most twice; the
	 * second time means at once. NULL: the kind always ends in start().
	 */
	void (*stop)(struct attempt *a, bool at_once);
};

#define STEP(name, help) extern const struct kind step_##name;
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END

/* Ends of an attempt: exactly one, once. The attempt is not the kind's after. */
void attempt_done(struct attempt *a, jv output); /* owns output */
/* Copies what the failure borrows. */
void attempt_failed(struct attempt *a, const struct failure *f);
/* A common case: formatted detail, no code, no wish for a delay. */
void attempt_failed_text(struct attempt *a, enum failure_class class, int code,
			 const char *fmt, ...) PRINTF(4, 5);
/* due_at: Redis' clock. Owns memo, which the next try gets. */
void attempt_deferred(struct attempt *a, int64_t due_at, jv memo);

/* On the way; each copies. They reach Redis with the next turn or second. */
void attempt_log(struct attempt *a, struct slice bytes); /* last 64 KiB stay */
void attempt_progress(struct attempt *a, jv progress);	 /* owns */
void attempt_memo(struct attempt *a, jv memo);		 /* owns */
void attempt_cost(struct attempt *a, jv cost);		 /* owns */

/*
 * Evaluates a formula with the attempt's scope and the given extra member
 * (name may be NULL; owns extra), without blocking: in this process where it
 * is plain, else by the evaluator's child. on_value comes exactly once and
 * never before the call has returned; value is borrowed, invalid where err is
 * not NULL. Marks of secrets are still in it. Lives in evaluator.c.
 */
typedef void attempt_value_fn(struct attempt *a, jv value,
			      const struct error *err);
void attempt_evaluate(struct attempt *a, const struct formula *f,
		      const char *name, jv extra, attempt_value_fn *on_value);

/* What kinds need of the worker. */
uv_loop_t *worker_loop(struct worker *w);
const struct config *worker_config(const struct worker *w);
const char *worker_id(const struct worker *w);
/* The value of a secret, to be freed, or NULL; masked in logs from then on. */
char *worker_secret(void *worker, const char *name);
int64_t worker_redis_now(const struct worker *w); /* estimated */

#endif
