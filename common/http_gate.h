/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HTTP_GATE_H
#define TREADLE_HTTP_GATE_H

#include "treadle/text.h"

/*
 * One question to the DNS, not a thousand.
 *
 * libcurl resolves each name in a thread of its own, and it remembers only
 * answers, not questions. A thousand steps that begin at once would ask a
 * thousand times, in as many threads. So of the calls to a host of which
 * nothing is known, one goes ahead; the others wait until it has an address.
 * When it gets none, two more go ahead, then four, at most 32 at a time.
 */
struct http_call;
struct gate_host;

struct http_gate {
	struct gate_host *hosts;
	size_t count;
};

/* What a call keeps for the gate. */
struct gate_pass {
	struct gate_host *host; /* NULL: nothing to do with the gate */
	struct http_call *call;
	struct gate_pass *next; /* of those that wait */
	bool is_waiting;
};

void gate_clear(struct http_gate *g); /* no call may be left */

/* True: go ahead. False: wait until gate_next() gives the call. */
bool gate_enter(struct http_gate *g, struct gate_pass *p,
		struct http_call *call, struct slice host, uint64_t now_ms);

/* The call has an address, or a connection. True: others may go now. */
bool gate_open(struct gate_pass *p, uint64_t now_ms);

/* The call has ended, or waits no more. True: another one may go now. */
bool gate_leave(struct gate_pass *p, uint64_t now_ms);

/* A call that may go now, or NULL. */
struct http_call *gate_next(struct http_gate *g, uint64_t now_ms);

#endif
