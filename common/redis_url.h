/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_URL_H
#define TREADLE_REDIS_URL_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * Where Redis is: redis://[user:password@]host[:port][/database], or
 * unix://[user:password@]/path[?db=database], or, where Sentinels know,
 * redis+sentinel://[user:password@]host[:port][,...]/primary[/database].
 *
 * The last form is the one of Python's clients; its hosts are those of the
 * Sentinels, user and password are for Redis. User and password may be
 * percent-encoded. No message made here shows a password.
 */
struct redis_address {
	char *host; /* name or address, without brackets; or NULL: */
	char *path; /* of a unix socket */
	int port;
	char *shown;      /* "127.0.0.1:6379" or "/run/redis.sock" */
	const char *what; /* is there: "redis" or "sentinel" */
};

struct redis_url {
	struct redis_address address; /* empty while only Sentinels know */
	char *user;                   /* "" for none */
	char *password;               /* NULL for none */
	int database;
	char *primary; /* its name at the Sentinels; NULL without them */
	struct redis_address *sentinels;
	size_t sentinel_count;
};

/* Gives *u; on error there is nothing to clear. */
int redis_url_parse(const char *text, struct redis_url *u, struct error *err);
void redis_url_clear(struct redis_url *u);

/*
 * Makes host and port, which a Sentinel has named, the address; host is a
 * name or an address. False if they are neither.
 */
bool redis_url_set_address(struct redis_url *u, struct slice host,
			   struct slice port);

#endif
