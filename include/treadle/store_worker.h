/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_WORKER_H
#define TREADLE_STORE_WORKER_H

#include "treadle/retry.h"
#include "treadle/store.h"

/*
 * What a worker says to the store: the life of a step, in batches.
 *
 * The calls are those of the library, docs/INTERNALS.md; rules of ownership
 * and of replay are those of store.h. Each callback comes exactly once.
 */

/* One step that a worker holds: which, and by what right. */
struct step_ref {
	const char *queue; /* its name, not its key */
	const char *entry; /* the stream entry's id */
	const char *run;
	const char *step;
	int attempt; /* as take answered */
};

enum take_code {
	TAKE_RUN,     /* begin the attempt */
	TAKE_DROPPED, /* not current any more; Redis has removed the entry */
	TAKE_PAUSED,  /* its queue is paused; Redis has put it back */
	TAKE_LOST,    /* this worker was declared lost: register anew */
};
struct taken {
	enum take_code code;
	struct slice digest; /* of the definition */
	int attempt;         /* counts all, also before an operator's retry */
	int attempt_base;    /* attempts that do not count for the policy */
	int recoveries;
	int generation;     /* raised by a re-run of what was done: 0 */
	int64_t now;        /* Redis' clock */
	struct slice memo;  /* what defer or note kept; empty for none */
	struct slice input; /* msgpack; empty if not read, or none given */
	const struct reply *reads; /* one output for each of step.reads */
	size_t reads_count;
};
typedef void store_take_fn(void *arg, const struct taken *taken, size_t count,
			   const struct redis_failure *failure);
void store_take(struct store *s, const char *worker,
		const struct step_ref *refs, size_t count,
		store_take_fn *on_taken, void *arg);

enum end_code {
	END_COMMITTED,
	END_DUPLICATE, /* this very attempt had been ended: a reply was lost */
	END_FENCED,    /* somebody else owns the step now */
	END_CANCELLED,
	END_GONE, /* the run does not exist */
};
const char *end_code_text(enum end_code code);
typedef void store_end_fn(void *arg, const enum end_code *codes, size_t count,
			  const struct redis_failure *failure);

struct completion {
	struct step_ref ref;
	struct slice output; /* msgpack */
	bool is_skipped;     /* its condition does not hold; no output */
	const char *source;  /* RUN/STEP whose cached output it is, or NULL */
	bool wants_heir;     /* the worker would go on with a successor */
};
/* An heir is a successor that runs from now on, under the same entry. */
struct committed {
	enum end_code code;
	struct slice heir;  /* the name of that step; empty for none */
	struct taken taken; /* the heir's */
};
typedef void store_complete_fn(void *arg, const struct committed *committed,
			       size_t count,
			       const struct redis_failure *failure);
void store_complete(struct store *s, const char *worker,
		    const struct completion *c, size_t count,
		    store_complete_fn *on_completed, void *arg);

struct fault {
	struct step_ref ref;
	int64_t delay_ms; /* until the next attempt; -1: never, dead */
	struct failure failure;
	struct slice log; /* the last bytes of its standard error */
};
void store_fail(struct store *s, const char *worker, const struct fault *f,
		size_t count, store_end_fn *on_ended, void *arg);

struct deferral {
	struct step_ref ref;
	int64_t due_at; /* Redis' clock */
	struct slice memo;
};
void store_defer(struct store *s, const char *worker, const struct deferral *d,
		 size_t count, store_end_fn *on_ended, void *arg);

/* The step waits for a run of its own: it is parked. */
struct spawning {
	struct step_ref ref;
	const char *child;   /* the id of that run, which isn't there yet */
	struct slice input;  /* msgpack; empty for none */
	int64_t deadline_ms; /* of that run, besides its workflow's; 0: none */
};
void store_spawn(struct store *s, const char *worker, const struct spawning *sp,
		 size_t count, store_end_fn *on_ended, void *arg);

void store_release(struct store *s, const char *worker,
		   const struct step_ref *refs, size_t count,
		   store_end_fn *on_ended, void *arg);

/* Not an end: the attempt goes on. Empty slices change nothing. */
struct note {
	struct step_ref ref;
	struct slice progress; /* JSON: {"progress":0.4,"message":"..."} */
	struct slice memo;     /* msgpack */
	struct slice cost;     /* JSON, the sum so far */
	struct slice log;
};
void store_note(struct store *s, const char *worker, const struct note *n,
		size_t count, store_end_fn *on_noted, void *arg);

struct registration {
	const char *worker, *host, *version;
	int64_t pid, lease_ms, slots;
	const struct text_list *queues;
};
void store_register(struct store *s, const struct registration *r,
		    store_done_fn *on_done, void *arg);
void store_leave(struct store *s, const char *worker, store_done_fn *on_done,
		 void *arg);

struct beat {
	bool is_lost;                  /* declared dead: register anew */
	int64_t now;                   /* Redis' clock */
	const struct reply *cancelled; /* entry ids, texts */
	size_t cancelled_count;
	const struct reply *paused; /* names of queues */
	size_t paused_count;
};
struct counter {
	char name[64];
	int64_t increment;
};
typedef void store_beat_fn(void *arg, const struct beat *beat,
			   const struct redis_failure *failure);
void store_heartbeat(struct store *s, const char *worker, int64_t lease_ms,
		     int64_t busy, const struct counter *counters, size_t count,
		     store_beat_fn *on_beat, void *arg);

#endif
