/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_LINK_H
#define TREADLE_REDIS_LINK_H

#include <uv.h>

#include "redis_url.h"

/*
 * The bytes of one connection to Redis, or to a Sentinel, from its name's
 * look-up to its end.
 *
 * A link is used once: it comes up, carries bytes, goes down, and is stopped;
 * the next connection is another link. Of a name with several addresses each
 * is tried. Silence is noticed by the kernel after 15 s (keepalive, and
 * TCP_USER_TIMEOUT for what was sent); connecting has no limit here.
 */
struct redis_link;

/* None comes before the function that caused it has returned. */
struct redis_link_events {
	void (*on_up)(void *arg);
	void (*on_bytes)(void *arg, struct slice bytes);
	void (*on_drained)(void *arg); /* what was pushed is written */
	/* Once; the reason says what broke. Stop the link after it. */
	void (*on_down)(void *arg, const struct error *reason);
	/* After redis_link_stop(), possibly within it: the link is freed. */
	void (*on_closed)(void *arg);
};

/*
 * Borrows the address until it is stopped, the rest until it is closed. skip
 * says with how manieth address to begin, modulo their number, so that one that
 * swallows all cannot hide the others from repeated tries.
 */
struct redis_link *redis_link_start(uv_loop_t *loop,
				    const struct redis_address *address,
				    unsigned skip,
				    const struct redis_link_events *events,
				    void *arg);

/* No event comes any more but on_closed. */
void redis_link_stop(struct redis_link *l);

/* Writes what can be written at once; returns how many bytes that was. */
size_t redis_link_try(struct redis_link *l, const uv_buf_t *bufs,
		      unsigned count);

/*
 * Copies the bytes of all bufs but the first skip, and writes them when it
 * can; on_drained follows. Not again, and no redis_link_try(), before that.
 */
void redis_link_push(struct redis_link *l, const uv_buf_t *bufs, unsigned count,
		     size_t skip);

/* How many bytes the other side is known not to have received. */
size_t redis_link_unsent(const struct redis_link *l);

#endif
