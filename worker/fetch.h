/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_FETCH_H
#define TREADLE_FETCH_H

#include "worker.h"

/*
 * Reading the queues, on a connection of its own that may block.
 *
 * Never asks for more than the free slots. After a read that came back short
 * it asks for one entry, then for twice as many each time it gets all that it
 * asked for: idle workers share what arrives, busy ones take big batches.
 *
 * A connection that broke while entries were on their way leaves them with
 * us without our knowing. So after each break, before anything new, our own
 * pending entries are read and compared with what we really have; and once a
 * minute in any case, so that nothing of ours can wait for ever.
 */
struct fetch_queue {
	const char *name; /* of the configuration */
	char *key;
	bool is_paused;
};

enum fetch_state {
	FETCH_IDLE,
	FETCH_READING,     /* XREADGROUP with ">" is under way */
	FETCH_RECONCILING, /* the same with a past id */
};

struct fetch {
	struct worker *worker;
	struct redis *reader;
	enum fetch_state state;
	struct fetch_queue *queues;
	size_t queue_count;

	int64_t window;      /* how many to ask for */
	int64_t asked_each;  /* of each queue, in the read under way */
	size_t first, asked; /* which queues it reads, in rotation */
	size_t misses;       /* queues in a row that had nothing, not waiting */
	bool is_exec_met;    /* the last batch taken held exec steps */

	char consumer[WORKER_ID_LEN + 1]; /* for whom the read is under way */
	bool must_reconcile;
	int64_t audit_at;  /* monotonic: when to reconcile at the latest */
	size_t found;      /* entries that were ours without our knowing */
	size_t reconciled; /* queues that are done */
	char past[ENTRY_ID_MAX];
	int64_t not_before; /* monotonic, after a refusal */
	bool is_refusal_told;
	bool is_interrupting;
	uv_timer_t again; /* an interruption that came too early */
};

void fetch_start(struct worker *w);
/* Fails what is under way and closes; on_stopped once, later. */
void fetch_stop(struct fetch *f, void (*on_stopped)(void *arg), void *arg);

/* With each turn: asks for more, if there is room and reason. */
void fetch_turn(struct fetch *f);
/* Has a blocked read come back now. */
void fetch_interrupt(struct fetch *f);
/* Another identity begins: what came for the old one is nobody's. */
void fetch_forget(struct fetch *f);
/* Nothing is under way, and nothing unknown is ours. */
bool fetch_is_quiet(const struct fetch *f);

void fetch_pause(struct fetch *f, const char *queue);
/* All that are paused; the others are read again. */
void fetch_set_paused(struct fetch *f, const struct reply *names, size_t count);
bool fetch_has_paused(const struct fetch *f);

#endif
