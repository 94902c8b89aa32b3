/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_REPORT_H
#define PRODUCER_REPORT_H

#include "treadle/arena.h"
#include "treadle/value.h"
#include "output.h"

/*
 * A run in words: what the answer of `status` means to a person. All of them
 * borrow; all append text that is not yet escaped.
 */

/* "step ship: timeout: took longer than 30s"; nothing for null. */
void report_reason(struct buf *b, jv reason);

/* What is worth knowing of a step beside its state: failure, progress, needs.
 */
void report_step(struct buf *b, jv step, int64_t now);

/* Whether the step waits for a signal; the command line that sends it, if so.
 */
bool report_wants_answer(jv step);
void report_answer(struct buf *b, jv run, jv step);

/* "2 of 6 steps done" */
void report_steps(struct buf *b, jv run);

/* How long it took, or has taken since it was submitted. */
int64_t report_span_ms(jv run, int64_t now);

/* How long the current or last attempt took; -1 for none. */
int64_t report_step_span_ms(jv step, int64_t now);

/* Whether it is being performed, or its items are. */
bool report_is_busy(jv step);

/* How far such a step is, or says it is, 0 to 1, or -1. */
double report_progress(jv step);

/* 0 for done, else 1: what `watch` and `submit --wait` exit with. */
int report_exit_code(jv run);

/* The whole screen of `treadle status`. */
int report_print(const struct output *o, struct arena *arena, jv run);

#endif
