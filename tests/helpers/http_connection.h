/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HTTP_CONNECTION_H
#define TREADLE_TEST_HTTP_CONNECTION_H

#include <stdlib.h>
#include <uv.h>

#include "treadle/text.h"

/* One connection of the test server: what is written, and its end. */
#define REQUEST_MAX (80 << 20)

struct connection {
	uv_tcp_t tcp;
	uv_timer_t timer;
	int handles;
	struct buf in;
	size_t used; /* bytes of the request that is being answered */
	bool is_busy, is_closing;
	long left; /* bytes of /bytes/N */
	const char *flood;
};

struct response {
	int status;
	const char *type;
	const char *headers; /* more lines */
	struct slice body;
};

struct out {
	uv_write_t req;
	struct connection *connection;
	struct buf bytes;
	void (*then)(struct connection *c);
};

/* The server's own: answers what has come, if it is a whole request. */
void read_requests(struct connection *c);

static inline void on_closed(uv_handle_t *handle)
{
	struct connection *c = handle->data;

	if (--c->handles)
		return;
	buf_clear(&c->in);
	free(c);
}

static inline void close_connection(struct connection *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

static inline void on_written(uv_write_t *req, int status)
{
	struct out *out = (struct out *)req;
	struct connection *c = out->connection;
	void (*then)(struct connection * c) = out->then;

	buf_clear(&out->bytes);
	free(out);
	if (c->is_closing)
		return;
	if (status < 0)
		close_connection(c);
	else
		then(c);
}

static inline struct out *out_new(struct connection *c,
				  void (*then)(struct connection *c))
{
	struct out *out = xcalloc(1, sizeof(*out));

	out->connection = c;
	out->then = then;
	buf_init(&out->bytes, REQUEST_MAX);
	return out;
}

/* Owns out. */
static inline void out_send(struct out *out)
{
	uv_buf_t buf = uv_buf_init(out->bytes.data, (unsigned)out->bytes.len);
	uv_stream_t *stream = (uv_stream_t *)&out->connection->tcp;
	int done = uv_try_write(stream, &buf, 1);

	if (done == (int)buf.len) {
		on_written(&out->req, 0);
		return;
	}
	if (done > 0) {
		buf.base += done;
		buf.len -= (size_t)done;
	}
	if (uv_write(&out->req, stream, &buf, 1, on_written) < 0)
		on_written(&out->req, -1);
}

static inline void next_request(struct connection *c)
{
	buf_drop(&c->in, c->used);
	c->used = 0;
	c->is_busy = false;
	if (c->in.len)
		read_requests(c);
}

static inline void add_head(struct buf *out, int status, const char *type,
			    long long length, const char *headers)
{
	buf_addf(out,
		 "HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\n"
		 "Content-Length: %lld\r\n%s\r\n",
		 status, type, length, headers);
}

static inline void answer(struct connection *c, const struct response *r)
{
	struct out *out = out_new(c, next_request);

	add_head(&out->bytes, r->status, r->type, (long long)r->body.len,
		 r->headers ? r->headers : "");
	buf_add(&out->bytes, r->body.data, r->body.len);
	out_send(out);
}

static inline void answer_json(struct connection *c, int status,
			       const char *text)
{
	struct response r = {.status = status,
			     .type = "application/json",
			     .body = slice_of(text)};

	answer(c, &r);
}

#endif
