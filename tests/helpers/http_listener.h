/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_LISTENER_H
#define TREADLE_TEST_HTTP_LISTENER_H

#include <signal.h>
#include <stdio.h>
#include <uv.h>

#include "http_connection.h"
#include "http_head.h"

/*
 * What test servers for HTTP have in common: requests, one after the other on
 * each connection. They listen on 127.0.0.1, print their port, end at SIGTERM.
 */
struct request {
	struct connection *connection;
	long number; /* at the end of the path */
	struct slice method, path, query, head, body;
};

static struct {
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_signal_t term;
	long connections, requests;
	/* The server's own: answers once, or closes, or leaves it at that. */
	void (*dispatch)(struct request *q);
} server;

/* Reading */

/* Fills in q from the first request in c->in; false if it isn't whole. */
static inline bool parse(struct connection *c, struct request *q)
{
	const char *end = memmem(c->in.data, c->in.len, "\r\n\r\n", 4);
	struct slice head, line;
	int64_t length = 0;

	if (!end)
		return false;
	head = (struct slice){c->in.data, (size_t)(end + 2 - c->in.data)};
	line = slice_cut(&head, '\n');
	q->method = slice_cut(&line, ' ');
	q->query = slice_cut(&line, ' ');
	q->path = slice_cut(&q->query, '?');
	q->head = head;
	slice_int(find_header(head, "Content-Length"), 0, REQUEST_MAX, &length);
	q->body = (struct slice){end + 4, (size_t)length};
	c->used = (size_t)(end + 4 - c->in.data) + q->body.len;
	return c->in.len >= c->used;
}

void read_requests(struct connection *c)
{
	struct request q = {.connection = c};

	if (c->is_busy || c->is_closing || !parse(c, &q))
		return;
	c->is_busy = true;
	server.requests++;
	server.dispatch(&q);
}

static inline void on_room(uv_handle_t *handle, size_t wished, uv_buf_t *buf)
{
	static char room[65536];

	(void)handle;
	(void)wished;
	*buf = uv_buf_init(room, sizeof(room));
}

static inline void on_read(uv_stream_t *stream, ssize_t got,
			   const uv_buf_t *buf)
{
	struct connection *c = stream->data;

	if (got < 0 || buf_add(&c->in, buf->base, (size_t)got) < 0)
		close_connection(c);
	else
		read_requests(c);
}

static inline void on_connection(uv_stream_t *listener, int status)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	must(status == 0);
	server.connections++;
	uv_tcp_init(&server.loop, &c->tcp);
	uv_timer_init(&server.loop, &c->timer);
	c->tcp.data = c->timer.data = c;
	c->handles = 2;
	buf_init(&c->in, REQUEST_MAX);
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0) {
		close_connection(c);
		return;
	}
	uv_tcp_nodelay(&c->tcp, 1);
	uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

static inline void close_handle(uv_handle_t *handle, void *arg)
{
	struct connection *c = handle->data;

	(void)arg;
	if (uv_is_closing(handle))
		return;
	if (c)
		close_connection(c);
	else
		uv_close(handle, NULL);
}

static inline void on_term(uv_signal_t *handle, int number)
{
	(void)handle;
	(void)number;
	uv_walk(&server.loop, close_handle, NULL);
}

/* Until SIGTERM. port: 0 for any. */
static inline void serve(int port, void (*dispatch)(struct request *q))
{
	struct sockaddr_in address;
	int len = sizeof(address);

	server.dispatch = dispatch;
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&server.loop);
	uv_tcp_init(&server.loop, &server.listener);
	uv_signal_init(&server.loop, &server.term);
	uv_ip4_addr("127.0.0.1", port, &address);
	must(uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0) ==
	     0);
	must(uv_listen((uv_stream_t *)&server.listener, 4096, on_connection) ==
	     0);
	must(uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address,
				&len) == 0);
	uv_signal_start(&server.term, on_term, SIGTERM);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	uv_run(&server.loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&server.loop) == 0);
}

#endif
