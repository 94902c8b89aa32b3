/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_URL_H
#define TREADLE_REDIS_URL_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Where Redis is: redis://[user:password@]host[:port][/database], or
 * unix://[user:password@]/path[?db=database].
 *
 * User and password may be percent-encoded. No message made here, and nothing
 * that redis_url_mask() writes, shows a password.
 */
struct redis_url {
	char *host;     /* name or address, without brackets; or NULL: */
	char *path;     /* of a unix socket */
	char *user;     /* "" for none */
	char *password; /* NULL for none */
	int port;
	int database;
	char *shown; /* "127.0.0.1:6379" or "/run/redis.sock" */
};

/* Gives *u; on error there is nothing to clear. */
int redis_url_parse(const char *text, struct redis_url *u, struct error *err);
void redis_url_clear(struct redis_url *u);

/* Appends text, which need not be well-formed, with "***" for secrets. */
void redis_url_mask(const char *text, struct buf *out);

#endif
