/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_MODEL_H
#define SIMULATOR_MODEL_H

#include "answer.h"
#include "model_run.h"

/*
 * What ought to be in one partition of Redis, after docs/INTERNALS.md: facts,
 * not keys. model_apply() says what one call should change and be answered.
 * It can't know which ids Redis gives to new entries: `is_new` until seen.
 */
#define RUNS_MAX 24
#define WORKERS_MAX 96
#define DAY_MS 86400000
#define LINGER_MS 15000
#define RECONNECT_MS 2000

enum role { ROLE_PROMOTE, ROLE_RECLAIM, ROLE_SWEEP, ROLES };

enum counter {
	COUNT_SUBMITTED,
	COUNT_RUNS_DONE,
	COUNT_RUNS_FAILED,
	COUNT_RUNS_CANCELLED,
	COUNT_ATTEMPTS,
	COUNT_STEPS_DONE,
	COUNT_STEPS_SKIPPED,
	COUNT_TOLERATED,
	COUNT_RETRIES,
	COUNT_DEFERRALS,
	COUNT_PARKED,
	COUNT_SIGNALS,
	COUNT_RELEASES,
	COUNT_RECOVERIES,
	COUNT_DEAD,
	COUNT_DUPLICATES,
	COUNT_FENCED,
	COUNT_PROMOTED,
	COUNT_LATE_MS,
	COUNT_REMOVED,
	COUNT_CACHE_HITS,
	COUNT_CACHE_MISSES,
	COUNT_FAILURES, /* the first of one for each class */
	COUNTERS = COUNT_FAILURES + CLASS_COUNT,
};

struct stop {
	struct entry entry;
	int64_t at;
};

struct model_worker {
	int number; /* 0: this place is free */
	bool is_there, is_leased, is_lost;
	int64_t lease_ms, lease_ends, lost_at, forget_at, true_heard_at;
	unsigned queues;
	struct stop stops[STOPS_MAX];
	int stop_count;
	bool has_suspect;
	struct entry suspect_entry;
	int suspect_run, suspect_step;
};

/* What a step gave, for whoever is to do the same. */
struct model_cached {
	int run, step; /* run 0: nothing is kept */
	uint32_t output;
	int64_t ends;
};

struct model_definition {
	const struct shape *shape;
	bool is_there, is_idle;
	int runs;
	int64_t idle_since;
};

struct model {
	int64_t now, true_now, looked_at; /* looked_at 0: nobody has */
	int stolen_from; /* a worker whose lease had not passed; or 0 */
	struct model_definition definitions[DEFINITIONS];
	struct model_run runs[RUNS_MAX];
	struct model_worker workers[WORKERS_MAX];
	unsigned queues, paused, groups;
	struct {
		int run, definition;
		uint32_t input;
	} keys[KEYS];
	struct model_cached cache[CACHES];
	struct {
		int holder;
		int64_t until;
	} leads[ROLES];
	int64_t counters[COUNTERS];
	unsigned touched; /* places in runs that the last call may change */
	bool is_timer_rung, has_dead;
	bool is_memory_full;
	int caller; /* of the call that is applied */
	int once;   /* the last call of the operator, and its answer */
	int64_t once_until;
	struct answer once_answer;
};

void model_init(struct model *m);
/* Changes what the call changes; m->now is the time. */
void model_apply(struct model *m, const struct call *c, struct answer *a);
/* An entry was delivered to a worker by XREADGROUP. */
void model_deliver(struct model *m, int run, int step, int worker);

struct model_run *model_run_find(struct model *m, int number);
struct model_worker *model_worker_find(struct model *m, int number);
bool model_is_held(const struct model *m, int worker, int queue);
/* The live step of a run that has this entry of a queue, or NULL. */
struct model_step *model_step_at(struct model_run *r, int queue,
				 struct entry entry);
bool model_is_live(const struct model_step *s); /* has an entry in a queue */
/* Something is due for it at due_at. */
static inline bool model_is_due(const struct model_step *s)
{
	return s->state == DELAYED || (s->state == PARKED && s->due_at);
}

const char *counter_name(enum counter c);
/* A field of a run's log; try -1: its failure, -2: its standard error. */
uint32_t log_code(int step, int attempt, int try);

#endif
