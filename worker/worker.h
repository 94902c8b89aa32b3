/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WORKER_H
#define TREADLE_WORKER_H

#include <uv.h>

#include "treadle/config.h"

#include "attempt.h"

/*
 * The contract between the core and the kinds of steps.
 *
 * To add a kind: its STEP, PARAM and END lines in steps.def; a file
 * worker/step_<kind>.c that defines `const struct kind step_<kind>`; a test
 * in tests/e2e. The table of kinds is made from steps.def: forget the file
 * and the linker names what is missing.
 */
struct worker;

struct kind {
	/*
	 * Begin, and return. MUST lead to exactly one attempt_done(),
	 * attempt_failed(), attempt_deferred() or attempt_spawned(), which MAY
	 * be called before start returns. Reads a->params, a->memo; what lives
	 * longer than this call it copies to a->arena or keeps in a->work.
	 */
	void (*start)(struct attempt *a);

	/*
	 * End soon: time is over, the run was cancelled, or the worker
	 * stops. MUST still lead to one of the four; what it says then is
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

/* Ends of an attempt: exactly one, once. The attempt is not the kind's after.
 */
void attempt_done(struct attempt *a, jv output); /* owns output */
/* Copies what the failure borrows. */
void attempt_failed(struct attempt *a, const struct failure *f);
/* A common case: formatted detail, no code, no wish for a delay. */
void attempt_failed_text(struct attempt *a, enum failure_class class, int code,
			 const char *fmt, ...) PRINTF(4, 5);
/* due_at: Redis' clock. Owns memo, which is for the next try; MUST be valid. */
void attempt_deferred(struct attempt *a, int64_t due_at, jv memo);

/*
 * For kind workflow: the step waits for a run of its own, with that input,
 * packed; it is copied.
 */
void attempt_spawned(struct attempt *a, struct slice input);

/* On the way; each copies. They reach Redis with the next turn or second. */
void attempt_log(struct attempt *a, struct slice bytes); /* last 64 KiB stay */
void attempt_progress(struct attempt *a, jv progress);   /* owns */
void attempt_memo(struct attempt *a, jv memo);           /* owns */
void attempt_cost(struct attempt *a, jv cost);           /* owns */

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
struct store *worker_store(const struct worker *w);
/*
 * The value of a secret, to be freed, masked in logs from then on; or NULL.
 * Errors: INPUT, UNAVAILABLE where the system lacks something for now.
 */
char *worker_secret(void *worker, const char *name, struct error *err);

#endif
