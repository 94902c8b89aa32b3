/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_HTTP_H
#define TREADLE_HTTP_H

#include <uv.h>

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * A small HTTP server on the loop: GET and HEAD, no bodies, no threads.
 *
 * libmicrohttpd speaks HTTP; it waits in an epoll set of its own, which our
 * loop watches. Connections are bounded in number, all together and for each
 * address, in memory and in idle time.
 */
struct http;
struct http_request;

/*
 * MUST lead to exactly one http_answer(), before it returns or later. path is
 * borrowed until it returns, and holds no query.
 */
typedef void http_request_fn(void *arg, struct http_request *r,
			     const char *path);

/*
 * listen is as address.h says. May look up the host's name, so call it before
 * the loop runs. Gives *h.
 */
int http_start(uv_loop_t *loop, const char *listen, http_request_fn *on_request,
	       void *arg, struct http **h, struct error *err);
const char *http_url(const struct http *h); /* "http://127.0.0.1:7420" */

struct http_content {
	const char *type;
	struct slice body; /* borrowed until http_answer() returns */
};
void http_answer(struct http_request *r, int status,
		 const struct http_content *content);

/* Every request must have been answered. Frees h in a close callback. */
void http_stop(struct http *h);

#endif
