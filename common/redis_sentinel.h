/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_SENTINEL_H
#define TREADLE_REDIS_SENTINEL_H

#include "treadle/redis.h"

#include "redis_url.h"

/*
 * What a Sentinel is asked, and what it may answer.
 *
 * That it names an address is no proof: until a failover is over it names the
 * old one. What is there is judged by its greeting (redis_hello.h).
 */

/*
 * user and password are "" for none; *replies of them will come, the last is
 * the answer.
 */
void redis_sentinel_write(struct buf *out, const struct redis_url *url,
			  const char *user, const char *password, int *replies);

/*
 * Judges an answer, or the refusal of a password, and makes what it names
 * url's address. Errors that another Sentinel, or time, may mend are
 * ERR_UNAVAILABLE, others ERR_USAGE.
 */
int redis_sentinel_read(const struct reply *reply, struct redis_url *url,
			const struct redis_address *sentinel,
			struct error *err);

#endif
