/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_FAULT_LINK_H
#define TREADLE_TEST_FAULT_LINK_H

#include <uv.h>

#include "book.h"

/*
 * The links of fault_proxy: each a client and its own connection to Redis.
 * Requests and replies are parsed on their way, so that it is known which
 * call a reply is to.
 */
struct link;

/* One end: the path of a unix socket, or a port of 127.0.0.1. */
struct side {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} io;
	bool is_tcp;
};

struct links {
	uv_loop_t *loop;
	struct book *book;
	struct side listener;
	struct link *first;
};

/* Listens; returns the port, 0 for a path. */
int links_start(struct links *all, const char *address);

/* Carries out what an order demands of those there are. */
void links_touch(struct links *all, enum touch touch);

int listen_tcp(uv_tcp_t *tcp, const char *port, uv_connection_cb on_new);

#endif
