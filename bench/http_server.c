/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "treadle/text.h"

/*
 * An API that takes its time, and little of the machine's: it answers every
 * request after the same delay, so those that wait are a plain queue.
 *
 * usage: http_server DELAY_MS
 *
 * Understands requests without a body. Listens on 127.0.0.1, prints its port.
 */
#define HEAD_MAX 8192
#define BACKLOG 8192

struct connection {
	uv_tcp_t tcp;
	int waiting; /* requests of it in the queue */
	bool is_closed;
	char head[HEAD_MAX];
	size_t len;
};

struct waiting {
	struct connection *connection;
	uint64_t due_ms;
};

static struct {
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_timer_t timer;
	uint64_t delay_ms;
	struct waiting *queue; /* a ring of cap, a power of two */
	size_t cap, first, end;
} server;

static char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		       "Content-Length: 11\r\n\r\n{\"value\":1}";

/* Whoever comes last, the end of the connection or of its requests, frees. */
static void release(struct connection *c)
{
	if (c->is_closed && c->waiting == 0)
		free(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	c->is_closed = true;
	release(c);
}

static void close_connection(struct connection *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* --- the queue -------------------------------------------------------------
 */

static void say(struct connection *c)
{
	uv_buf_t out = uv_buf_init(answer, sizeof(answer) - 1);

	c->waiting--;
	if (c->is_closed) {
		release(c);
		return;
	}
	if (!uv_is_closing((uv_handle_t *)&c->tcp) &&
	    uv_try_write((uv_stream_t *)&c->tcp, &out, 1) != (int)out.len)
		close_connection(c);
}

static void on_due(uv_timer_t *timer)
{
	uint64_t now = uv_now(&server.loop);

	while (server.first != server.end) {
		struct waiting *w =
			&server.queue[server.first & (server.cap - 1)];

		if (w->due_ms > now) {
			uv_timer_start(timer, on_due, w->due_ms - now, 0);
			return;
		}
		server.first++;
		say(w->connection);
	}
}

static void enqueue(struct connection *c)
{
	if (server.end - server.first == server.cap) {
		size_t cap = server.cap ? 2 * server.cap : 1024;
		struct waiting *queue = xcalloc(cap, sizeof(*queue));

		for (size_t i = server.first; i != server.end; i++)
			queue[i & (cap - 1)] =
				server.queue[i & (server.cap - 1)];
		free(server.queue);
		server.queue = queue;
		server.cap = cap;
	}
	c->waiting++;
	server.queue[server.end++ & (server.cap - 1)] = (struct waiting){
		.connection = c,
		.due_ms = uv_now(&server.loop) + server.delay_ms};
	if (!uv_is_active((uv_handle_t *)&server.timer))
		uv_timer_start(&server.timer, on_due, server.delay_ms, 0);
}

/* --- connections -----------------------------------------------------------
 */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct connection *c = handle->data;

	(void)size;
	*buf = uv_buf_init(c->head + c->len, (unsigned)(HEAD_MAX - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct connection *c = stream->data;
	char *end;

	(void)buf;
	if (len < 0) { /* so it is as well where a head does not fit */
		close_connection(c);
		return;
	}
	c->len += (size_t)len;
	while ((end = memmem(c->head, c->len, "\r\n\r\n", 4))) {
		size_t used = (size_t)(end + 4 - c->head);

		memmove(c->head, c->head + used, c->len - used);
		c->len -= used;
		enqueue(c);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	must(status == 0);
	uv_tcp_init(listener->loop, &c->tcp);
	c->tcp.data = c;
	must(uv_accept(listener, (uv_stream_t *)&c->tcp) == 0);
	uv_tcp_nodelay(&c->tcp, 1);
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int len = sizeof(address);
	int64_t delay_ms;

	if (argc != 2 ||
	    slice_int(slice_of(argv[1]), 0, 60000, &delay_ms) < 0) {
		fprintf(stderr, "usage: http_server DELAY_MS\n");
		return 2;
	}
	server.delay_ms = (uint64_t)delay_ms;
	uv_loop_init(&server.loop);
	uv_timer_init(&server.loop, &server.timer);
	uv_tcp_init(&server.loop, &server.listener);
	uv_ip4_addr("127.0.0.1", 0, &address);
	must(uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0) ==
	     0);
	must(uv_listen((uv_stream_t *)&server.listener, BACKLOG,
		       on_connection) == 0);
	uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address, &len);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return uv_run(&server.loop, UV_RUN_DEFAULT);
}
