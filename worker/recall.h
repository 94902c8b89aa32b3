/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_RECALL_H
#define TREADLE_RECALL_H

#include "table.h"

/*
 * The result cache: what the same work gave before is not paid for again.
 *
 * A step that says `cache` is looked up between its parameters and its
 * beginning: by then it is known what it would do. What is found ends it as
 * if it had been performed; so attempt and slot are counted as ever, but for
 * the slot of a child process, which is not needed. After a commit its output
 * is kept. Questions and what is to be kept gather, and go once a turn.
 */
#define RECALL_MAX 64                     /* in one call */
#define RECALL_SIZE_MAX ((size_t)4 << 20) /* bytes to be kept in one call */

/* Of an attempt whose step says `cache`. */
struct recall {
	char key[65]; /* "" where its key is null: it is not kept */
	bool is_waiting, is_asked;
};

struct keeping {
	char key[65], run[RUN_ID_LEN + 1], name[STEP_NAME_MAX];
	int64_t ttl_ms;
	size_t at, len;
};

struct recalls {
	struct attempt_list waiting;
	struct attempt *asked[RECALL_MAX]; /* NULL: it was stopped meanwhile */
	size_t asked_count;
	struct keeping keeping[RECALL_MAX];
	size_t keeping_count;
	struct buf bytes;  /* of what is to be kept */
	bool is_full_told; /* that Redis has no memory for it */
};

void recalls_init(struct recalls *r);
void recalls_clear(struct recalls *r);

/*
 * Its parameters are checked, secrets still marks in them. Ends it by what is
 * found, or goes on with attempt_reveal(); at once or later.
 */
void recall_begin(struct attempt *a);
/* It was told to stop: true if it was waiting here and does not any more. */
bool recall_forget(struct attempt *a);
/* Its output was committed. Copies it. */
void recall_keep(struct attempt *a, struct slice output);

void recalls_flush(struct worker *w);

#endif
