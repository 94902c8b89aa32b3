/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_MODEL_RUN_H
#define SIMULATOR_MODEL_RUN_H

#include "shape.h"

/* What ought to be known of a run and of its steps. */
#define LOGS_MAX 160

enum step_state {
	NOWHERE, /* no step at all; an item that has not begun, or has ended */
	WAITING,
	READY,
	RUNNING,
	SPREAD,
	DELAYED,
	PARKED,
	DONE,
	SKIPPED,
	FAILED,
	DEAD,
	CANCELLED
};
enum run_state { RUN_RUNNING, RUN_DONE, RUN_FAILED, RUN_CANCELLED, RUN_STATES };
/* How far a run is that has closing steps and comes to a bad end. */
enum closing { CLOSING_NOT, CLOSING_DRAINS, CLOSING_CLEANS };

struct letter {
	struct entry entry; /* the dead letter's own */
	bool is_there, is_new;
	int attempts, recoveries, history;
	enum class class;
};

struct model_step {
	enum step_state state;
	int attempt, recoveries;
	int needs_left;     /* while waiting */
	struct entry entry; /* ready, running; later the last it had */
	bool has_entry, is_new;
	int holder; /* whom the entry was delivered to; -1: nobody */
	int worker; /* running, and after: who performs it */
	int64_t started_at, due_at;
	uint32_t output, memo, progress, cost;
	struct left left;            /* of its last round */
	int source_run, source_step; /* done: the cache gave what that gave */
	uint32_t prompt, signal; /* parked: what is asked; kept: the answer */
	bool has_error;          /* failed, and its run goes on */
	int caught;           /* the step that handles its failure; -1: none */
	bool is_again;        /* an operator's retry is remembered: */
	int base, generation; /* attempts before, and of the key */
	struct letter letter;
};

#define ITEM_FAILED UINT32_MAX /* the result of one that is tolerated */

/* The items of a step, and what came of them. */
struct model_list {
	int kept;                                    /* items that are there */
	uint32_t items[LIST_MAX], results[LIST_MAX]; /* 0: none yet */
	bool is_counted; /* its worker has said that the list is complete: */
	int total, begun, done, failed;
};

struct model_run {
	int number; /* 0: there is none */
	enum run_state state;
	enum closing closing;
	enum run_state ending; /* what one that is being closed will be */
	int left;
	bool is_again, has_reason, is_scheduled; /* its deadline is delayed */
	const struct shape *shape;
	int definition, key;
	uint32_t input;
	bool is_uncached; /* no step of it asks the cache */
	int64_t submitted_at, finished_at, deadline_at; /* 0: none */
	struct model_step steps[PLACES_MAX];
	struct model_list lists[STEPS_MAX];
	uint32_t logs[LOGS_MAX]; /* fields of the log, as log_code() */
	int log_count;
};

/* What a step in this state was to do is settled: what is behind goes on. */
bool model_is_settled(const struct model_step *s);
const char *run_state_name(enum run_state state);
const char *closing_name(enum closing closing);
const char *step_state_name(enum step_state state);

#endif
