/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_EVALUATOR_H
#define TREADLE_EVALUATOR_H

#include <uv.h>

#include "child.h"
#include "worker.h"

/*
 * The evaluator: jq, in a process that can be killed.
 *
 * A jq program can't be interrupted and can eat all memory, so what is more
 * than a plain path is evaluated by a child: this program, run again as
 * `--evaluator`, without environment, with little memory. It is kept between
 * uses, and keeps the templates it has compiled. Whoever takes too long or
 * kills it gets an error; the others in the queue get a new child.
 *
 * Asked:    [u32 length] [u64 id] [u32 length] source, scope, both msgpack
 * Answered: [u32 length] [u8: 1 fine, 0 not] value as msgpack, or a text
 *
 * The first thing the child reads is the key of template.h, bare. All
 * numbers are in the byte order of the machine.
 */
struct evaluator;

#define EVALUATOR_VALUE_MAX (64 << 20)

/* Borrows what it is given. The child begins with the first need. */
struct evaluator *evaluator_new(uv_loop_t *loop, struct children *children,
				int64_t timeout_ms);

/* What is waited for is answered with an error. Frees e. */
void evaluator_stop(struct evaluator *e, void (*on_stopped)(void *arg),
		    void *arg);

/*
 * Evaluates f, in this process where it is plain. Owns scope; f must stay
 * until on_value comes: once, and never before the call has returned. value
 * is borrowed, and invalid where err is not NULL. Returns what
 * evaluator_forget() takes until then.
 */
typedef void evaluator_fn(void *arg, jv value, const struct error *err);
struct question *evaluator_ask(struct evaluator *e, const struct formula *f,
			       jv scope, evaluator_fn *on_value, void *arg);

/* on_value, which has not come yet, does not come any more. */
void evaluator_forget(struct evaluator *e, struct question *x);

/*
 * Nobody waits any more for what the attempt has asked (attempt_evaluate).
 * False if it waits for nothing.
 */
bool attempt_leave_evaluator(struct attempt *a);

/* main() of the child. */
int evaluator_main(void);

#endif
