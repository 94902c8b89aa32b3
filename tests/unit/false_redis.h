/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_FALSE_REDIS_H
#define TREADLE_TEST_FALSE_REDIS_H

#include <stdio.h>

#include "false_visitor.h"

/*
 * A false Redis on loopback, on the loop of the test, that says what a script
 * tells it.
 */
/* clang-format off */
#define SAY(text) {(text), STAY, 0}
#define HUSH {NULL, STAY, 0}
/* clang-format on */

#define HELLO_AS(server, version, role)                                        \
	"*12\r\n+server\r\n+" server "\r\n+version\r\n+" version               \
	"\r\n+proto\r\n:2\r\n+id\r\n:77\r\n+mode\r\n+standalone\r\n"           \
	"+role\r\n+" role "\r\n"
#define HELLO HELLO_AS("redis", "7.0.15", "master")

static inline void on_visitor(uv_stream_t *listener, int status)
{
	struct false_redis *f = listener->data;
	struct visitor *v = xcalloc(1, sizeof(*v));

	assert_int_equal(status, 0);
	f->connections++;
	f->open++;
	v->server = f;
	v->tcp.data = v;
	buf_init(&v->unread, 1 << 30);
	uv_tcp_init(&f->rig->loop, &v->tcp);
	v->tcp.data = v;
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&v->tcp), 0);
	uv_read_start((uv_stream_t *)&v->tcp, on_visitor_room, on_visitor_read);
}

static inline void false_start(struct false_redis *f, struct rig *rig,
			       const struct act *acts, size_t count)
{
	struct sockaddr_in address;
	int len = sizeof(address);

	memset(f, 0, sizeof(*f));
	f->rig = rig;
	f->acts = acts;
	f->count = count;
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&rig->loop, &f->listener);
	f->listener.data = f;
	uv_tcp_bind(&f->listener, (struct sockaddr *)&address, 0);
	assert_int_equal(uv_listen((uv_stream_t *)&f->listener, 16, on_visitor),
			 0);
	uv_tcp_getsockname(&f->listener, (struct sockaddr *)&address, &len);
	f->port = ntohs(address.sin_port);
	snprintf(f->url, sizeof(f->url), "redis://127.0.0.1:%d", f->port);
}

/* Once its visitors have gone. */
static inline void false_stop(struct false_redis *f)
{
	run_until(f->rig, f->open == 0);
	uv_close((uv_handle_t *)&f->listener, NULL);
	uv_run(&f->rig->loop, UV_RUN_NOWAIT);
}

#endif
