/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_HELLO_H
#define TREADLE_REDIS_HELLO_H

#include "treadle/redis.h"

#include "redis_url.h"

/*
 * What Redis says that is not an answer: its greeting, and its refusals.
 *
 * Errors that waiting may mend are ERR_UNAVAILABLE; those that somebody must
 * mend (a wrong password, a server too old) are ERR_USAGE.
 */

/* Appends c as it is sent, and clears it. */
void redis_write_command(struct buf *out, struct command *c);

/* HELLO and, unless it is 0, SELECT: *replies of them will come. */
void redis_hello_write(struct buf *out, const struct redis_url *url,
		       const char *password, const char *name, int *replies);

/* Judges an answer to HELLO; *id is that of the connection. */
int redis_hello_read(const struct reply *reply, const struct redis_url *url,
		     int64_t *id, struct error *err);

/* Judges an answer to SELECT. */
int redis_select_read(const struct reply *reply, const struct redis_url *url,
		      struct error *err);

/* The first word of an error reply. */
struct slice redis_refusal_code(struct slice text);

/* True if the server did nothing, and may do it later. */
bool redis_refusal_is_passing(struct slice text);

/* What the refusal means and what can be done about it; returns -1. */
int redis_refusal_error(struct slice text, const struct redis_url *url,
			struct error *err);

#endif
