/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_CALLS_H
#define TREADLE_REDIS_CALLS_H

#include <uv.h>

#include "treadle/redis.h"

/*
 * The calls of one connection, in lists.
 *
 * Each call is in exactly one list; being answered is what frees it. A call
 * without a callback is a placeholder: its time is over, yet its answer will
 * come and has to be counted. Times are of the monotonic clock.
 */
#define NEVER INT64_MAX

struct call {
	struct call *next;
	char header[24]; /* "*3\r\n" */
	struct buf body;
	enum call_mode mode;
	int64_t block_ms, deadline_ms;
	int64_t deadline_at; /* NEVER for none */
	int64_t resume_at;   /* of a refused call */
	unsigned tries;      /* how often it was refused for the moment */
	redis_reply_fn *on_reply;
	void *arg;
};

struct calls {
	struct call *head, *last;
};

/* Takes the bytes of c, as redis_call() promises. */
struct call *call_new(struct command *c, const struct call_options *o,
		      redis_reply_fn *on_reply, void *arg);
size_t call_size(const struct call *call);

/* Gives the call its one answer, and frees it. */
void call_answer(struct call *call, const struct reply *reply,
		 const struct redis_failure *failure);
void call_fail(struct call *call, enum redis_cause cause,
	       const struct error *error);

void calls_push(struct calls *list, struct call *call);
struct call *calls_pop(struct calls *list); /* or NULL */
/* Moves all of `from` in front of what list holds. */
void calls_prepend(struct calls *list, struct calls *from);

/* Two buffers for each call from the head on; returns their number. */
unsigned calls_gather(const struct calls *list, uv_buf_t *bufs, unsigned max);

/* Moves what may be sent again to `again`, all else to lost. */
void calls_part(struct calls *list, struct calls *again, struct calls *lost);

/* Moves what is to be resumed by now; returns when the next one is. */
int64_t calls_resume(struct calls *parked, int64_t now, struct calls *waiting);

/* Moves what is too late to late; returns the earliest deadline left. */
int64_t calls_expire(struct calls *list, int64_t now, struct calls *late);

/* The same for sent calls: a placeholder stays where the late one was. */
int64_t calls_expire_sent(struct calls *list, int64_t now, struct calls *late);

#endif
