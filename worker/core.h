/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CORE_H
#define TREADLE_CORE_H

#include "alarm.h"
#include "collector.h"
#include "definition.h"
#include "fetch.h"
#include "lease.h"
#include "news.h"
#include "recall.h"
#include "report.h"
#include "table.h"
#include "take.h"
#include "tally.h"
#include "tools.h"
#include "transfer.h"
#include "worker.h"

/*
 * The worker: its parts, and the one turn that drives them.
 *
 * Nothing is said to Redis where it arises. Parts gather; once each turn of
 * the loop, right before it waits, worker.c has each part send what it has.
 */
enum worker_phase {
	WORKER_OPENING, /* Redis is being reached */
	WORKER_RUNNING,
	WORKER_DRAINING, /* nothing is begun; what is in progress may finish */
	WORKER_LEAVING,  /* all is said; good-bye is being said */
	WORKER_CLOSING,  /* handles are being closed */
};

struct worker {
	uv_loop_t *loop;
	const struct config *config;
	char id[WORKER_ID_LEN + 1];
	enum worker_phase phase;
	int exit_code;

	struct store *store;
	struct tools *tools;
	struct blobs *blobs;
	struct table table;
	struct alarms alarms;
	struct definitions definitions;
	struct takes takes;
	struct reports reports;
	struct gazette gazette;
	struct recalls recalls;
	struct collector collector;
	struct fetch fetch;
	struct lease lease;
	struct tally tally;

	struct attempt_list held; /* exec steps that wait for an exec slot */
	int64_t exec_running;
	jv env; /* what expressions see as .env */

	uv_prepare_t turn;
	uv_timer_t wake;     /* makes a turn happen at a time */
	uv_timer_t patience; /* while draining */
	bool is_forced;      /* draining: nothing may finish any more */
	bool is_unasked;     /* draining, but nobody has told it to yet */
	bool is_letting_go;  /* closing: kinds still hold attempts */
	int closing;         /* parts that have not closed yet */
};

/* Borrows loop and config; w must live until the loop has ended. */
void worker_start(struct worker *w, uv_loop_t *loop,
		  const struct config *config);
/* Begins to drain; the second time hands everything back at once. */
void worker_stop(struct worker *w);

/* Declared dead: all in flight is dropped, a new identity is registered. */
void worker_lost(struct worker *w);
void worker_registered(struct worker *w);
/* All attempts are somebody else's by now. */
void worker_lose_all(struct worker *w);
/* Makes a turn happen at that time (monotonic), or earlier. */
void worker_wake_at(struct worker *w, int64_t at_ms);
/* Slots that nothing occupies; negative when more was delivered. */
int64_t worker_free_slots(const struct worker *w);

/* drain.c */
void drain_begin(struct worker *w);
void drain_asked(struct worker *w);
void drain_force(struct worker *w); /* nothing may finish any more */
void drain_turn(struct worker *w);  /* goes on once all is said */
/* Leaves; also right behind a registration that is not answered yet. */
void drain_goodbye(struct worker *w);

/* close.c: ends everything, whatever is in progress; idempotent. */
void worker_close(struct worker *w);
void close_turn(struct worker *w);

/* attempt.c: an attempt's life. */
struct taken;
void attempt_taken(struct attempt *a, const struct taken *t);
/* In its arena, with all that it points to: what take gave lives briefly. */
struct taken *attempt_keep(struct attempt *a, const struct taken *t);
/* Its definition has come, or err says why not. */
void attempt_defined(struct attempt *a, const struct error *err);
/* Ends it as `why` says, as soon as its kind lets go; idempotent. */
void attempt_stop(struct attempt *a, enum attempt_stop why, bool at_once);
/* Ends of one that its kind has let go of, or never had. */
void attempt_commit(struct attempt *a, jv output); /* owns output */
void attempt_fail(struct attempt *a, enum failure_class class,
		  const char *text);
void attempt_fail_too_large(struct attempt *a);
void attempt_hand_back(struct attempt *a);
void attempts_start_held(struct worker *w);
void on_attempt_alarm(struct attempt *a);

/* What its parameters read has come (gather.c), or err says why not. */
void attempt_gathered(struct attempt *a, const struct taken *t,
		      const struct error *err);

/* prepare.c: from what was taken to checked parameters. */
void attempt_prepare(struct attempt *a, const struct taken *t);
/* The cache does not know its output: its secrets are put in. */
void attempt_reveal(struct attempt *a);
/* Called by prepare when a->params are ready, or with why they are not. */
void attempt_prepared(struct attempt *a, const struct error *err);

#endif
