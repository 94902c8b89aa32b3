/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_EXAM_H
#define PRODUCER_EXAM_H

#include "doctor.h"

/*
 * One run on the table: what was asked about it, as of one instant, and what
 * the answers say. exam.c reads them, run.c asks, judge.c judges.
 */

/* What is asked of every run, in this order. */
enum fixed_answer {
	ANSWER_HASH,
	ANSWER_TTL,
	ANSWER_OUT, /* names of its fields */
	ANSWER_OUT_TTL,
	ANSWER_LOG, /* the same */
	ANSWER_LOG_TTL,
	ANSWER_INDEX, /* of each state */
	ANSWER_FINISHED = ANSWER_INDEX + 4,
	ANSWER_DEADLINE,
	ANSWER_FIXED,
};

/* What is asked because of what the run says. */
enum question_kind {
	QUESTION_ENTRY,   /* queue, entry: XRANGE, XPENDING, XINFO GROUPS */
	QUESTION_WORKER,  /* ZSCORE in workers, in lost */
	QUESTION_DELAYED, /* member: ZSCORE */
	QUESTION_LETTER,  /* entry: XRANGE */
	QUESTION_KEY,     /* HGET */
	QUESTION_GRAPH,   /* definition: HGET */
	QUESTION_ITEMS,   /* step: LLEN of its items, of their results */
	QUESTION_CHILD,   /* run: HGET of its state */
	QUESTION_PARENT,  /* run, step: HGET of its child */
	QUESTION_LISTED,  /* run: HGET in children */
	QUESTION_RECENT,  /* workflow: LRANGE of where its newest runs are */
};

struct question {
	enum question_kind kind;
	struct slice a, b;
	size_t at; /* of its first answer */
};

enum run_state {
	RUN_RUNNING,
	RUN_DONE,
	RUN_FAILED,
	RUN_CANCELLED,
	RUN_STATES,
};
extern const char *const run_state_names[RUN_STATES];

/* How far a running run is closed. */
enum run_phase { PHASE_NONE, PHASE_DRAINING, PHASE_UNDOING, PHASE_CLEANING };

enum step_state {
	STEP_WAITING,
	STEP_READY,
	STEP_RUNNING,
	STEP_SPREAD,
	STEP_DELAYED,
	STEP_PARKED,
	STEP_DONE,
	STEP_SKIPPED,
	STEP_FAILED,
	STEP_DEAD,
	STEP_CANCELLED,
	STEP_STATES,
};

extern const char *const step_state_names[STEP_STATES];
/* What it was to do is settled: what is behind it goes on. */
bool step_is_settled(enum step_state state);

/* How far a step is that is performed for each item of a list. */
struct items {
	bool is_known;
	int64_t total, begun, done, failed;
	int64_t live; /* have a record */
};

struct step_facts {
	const struct plan_step *of;
	enum step_state state;
	bool has_record, has_output, is_unreadable;
	int64_t left;               /* WAITING: needs, or -1 for all */
	struct slice entry, worker; /* of its record */
	struct slice letter, child; /* that the run names */
	struct slice waits;         /* for what it is parked, JSON */
	struct items items;
};

/* It waits for a time, or at most until one: that is watched. */
bool step_is_timed(const struct step_facts *s);

struct exam {
	struct doctor *doctor;
	struct arena arena; /* as long as the exam */
	struct slice id;
	int rounds;
	struct question *questions;
	size_t count, cap, hint;

	/* Of the answers of this round, borrowed. */
	const struct reply *answers;
	const struct plan *plan;
	enum run_state state;
	enum run_phase phase;
	bool is_state_readable;
	int64_t left;
	struct slice workflow, definition, key, finished_at, deadline_at;
	struct slice parent, parent_step; /* that waits for it; or empty */
	struct step_facts *steps; /* in the order of the plan; then the items */
	size_t steps_count;
	struct arena round;
};

/* Reads state and fields; false where the run's hash is no hash, or empty. */
bool exam_read_run(struct exam *e);
/* Reads its steps by the plan; tells of fields that nobody knows. */
void exam_read_steps(struct exam *e);

/* The answers to a question that was asked, or NULL. */
const struct reply *exam_answer(struct exam *e, enum question_kind kind,
				struct slice a, struct slice b);

/* The state of the entry of a step: what its three answers say. */
struct entry_facts {
	bool is_there, is_pending, is_skipped;
	struct slice consumer; /* that it is pending for */
};
struct entry_facts exam_entry(const struct reply *answers, struct slice entry);

/* judge.c: tells of all that is wrong with it, as far as it is readable. */
void judge_run(struct exam *e);
/* recent.c: whether it is where its workflow's runs are looked for. */
void recents_judge(struct exam *e);

#endif
