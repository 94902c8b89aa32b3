/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REPORT_H
#define TREADLE_REPORT_H

#include "table.h"

/*
 * Ends of attempts, on their way to Redis.
 *
 * For each verb an outbox: ends gather in it while the one before it is being
 * said, in calls of a bounded size, one after the other. So batches grow by
 * themselves while Redis is busy, and what waits is bounded by the slots.
 */
enum verb {
	VERB_COMPLETE,
	VERB_FAIL,
	VERB_DEFER,
	VERB_SPAWN,
	VERB_RELEASE,
	VERB_COUNT
};

#define REPORT_MAX 512            /* ends in one call */
#define REPORT_ITEMS_MAX 96       /* at an item, whose end costs more */
#define REPORT_SIZE_MAX (1 << 20) /* bytes in one call, but for a large one */

/* Attempts in the order of their ends, and the bytes that they tell. */
struct box {
	struct attempt_list attempts;
	struct buf bytes;
};

struct outbox {
	struct worker *worker;
	enum verb verb;
	struct box gathering, saying;
	struct attempt *said[REPORT_MAX]; /* in the call that is under way */
	char said_as[WORKER_ID_LEN + 1];  /* complete: by which identity */
	size_t said_count;
	size_t batch_max;   /* fewer after a refusal, to find out which */
	int64_t not_before; /* monotonic, after a refusal */
};

struct reports {
	struct outbox outboxes[VERB_COUNT];
	size_t heirs; /* ends in them that want one */
};

void reports_init(struct reports *r, struct worker *w);
void reports_clear(struct reports *r);

/*
 * The attempt ends so; its state becomes ENDING. The first returns -1, and
 * does nothing, if the output is larger than worker.output_max.
 */
int report_done(struct attempt *a, jv output); /* owns output */
/* A round has ended, not the last; returns as report_done(). */
int report_round(struct attempt *a, int64_t due_at, jv output); /* owns */
/* Its output, msgpack, is that of another step: RUN/STEP. Copies both. */
void report_recalled(struct attempt *a, struct slice output,
		     struct slice source);
/* Its output, msgpack or a reference. Copies. */
void report_bytes(struct attempt *a, struct slice output);
/* Its condition does not hold: it is settled without an output. */
void report_skipped(struct attempt *a);
/* delay_ms: until the next try, or -1 for none. Copies what f borrows. */
void report_failed(struct attempt *a, const struct failure *f,
		   int64_t delay_ms);
void report_deferred(struct attempt *a, int64_t due_at, jv memo); /* owns */
/* It waits for a run of its own. Copies input. */
void report_spawned(struct attempt *a, struct slice input);
void report_released(struct attempt *a);

/* Ends that Redis has not confirmed; are_many: no more should come. */
size_t reports_count(const struct reports *r);
bool reports_are_many(const struct reports *r);

void reports_flush(struct worker *w);
/*
 * Forgets what is not said yet, but for what is handed back: that is of use
 * whoever says it. The attempts are removed.
 */
void reports_drop(struct worker *w);

#endif
