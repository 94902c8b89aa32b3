/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ORACLE_H
#define TREADLE_ORACLE_H

#include <uv.h>

#include "child.h"
#include "treadle/text.h"

/*
 * One life of the evaluator's child: the process, the socket that it is
 * asked and answers on, and the frames of its answers. What is asked, and in
 * which order, is the business of evaluator.c.
 */
struct oracle;

struct oracle_events {
	/* The body of one answer, of at least a byte; it may stop the oracle */
	void (*on_answer)(void *arg, struct slice body);
	void (*on_lost)(void *arg);   /* it ended; it is still to be stopped */
	void (*on_closed)(void *arg); /* after the stop: it is gone */
	void *arg;
};

struct oracle *oracle_start(uv_loop_t *loop, struct children *children,
			    const struct oracle_events *events,
			    struct error *err);
/* Sends a whole frame; owns it. */
void oracle_ask(struct oracle *o, char *frame, size_t len);
/* Kills it. No event comes any more but on_closed, later. */
void oracle_stop(struct oracle *o);

#endif
