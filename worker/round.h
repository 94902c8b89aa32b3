/* SPDX-License-Identifier: MIT */
#ifndef WORKER_ROUND_H
#define WORKER_ROUND_H

#include "attempt.h"

/*
 * Rounds: of a step that is repeated (`repeat`), what is done between two.
 *
 * A round is performed like any step, with as many attempts. When its kind is
 * done, `until` is asked: where it holds, the output is the step's; else the
 * step is put aside until the next round, which finds the output as .last.
 * What is carried over is "<round> <attempts before> <rounds before> " and the
 * output, msgpack: the attempts and rounds that don't count any more.
 */
static inline bool round_is_repeated(const struct attempt *a)
{
	return a->step->repeat.until;
}

/*
 * Reads what the last round left, empty in the first; sets what depends on it
 * in the attempt, and puts .round and .last into the scope, which it owns and
 * gives. An error says what is wrong; the scope is invalid then.
 */
jv round_begin(struct attempt *a, jv scope, struct slice left,
	       struct error *err);

/* Its kind is done; leads to the end of the attempt. Owns output. */
void round_end(struct attempt *a, jv output);

#endif
