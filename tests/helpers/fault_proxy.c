/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/link.h"

/*
 * Stands between Redis and its clients and does them harm, as told.
 *
 *   fault_proxy LISTEN TARGET SEED
 *
 * LISTEN and TARGET: the path of a unix socket, or a port of 127.0.0.1; a
 * LISTEN of 0 takes a free one. Prints "<port> <control port>", ends at
 * SIGTERM. On the control port each line is an order and has an answer, the
 * last line of which is "ok" or "error":
 *
 *   rule lose|cut|spoil|mute CALL COUNT PERCENT   of the next replies to CALL
 *        (a function of the library without `treadle_`, a command in lower
 *        case, or *), each with that chance; errors and nil don't count
 *   rules                 "ACTION CALL LEFT DONE" each
 *   seen                  "CALL COUNT" each
 *   wire latency MS | dribble BYTES_PER_MS | bandwidth BYTES_PER_S
 *        | stall up|down|both | hole | calm
 *   reset                 ends all connections, as if their cable were cut
 *   target TARGET         another server, from the next connection on
 *
 * What the library has done stays done when its reply is lost: the request
 * was passed on before.
 */
#define LINE_MAX_BYTES 65536
#define ANSWER_MAX_BYTES 65536

static struct {
	uv_loop_t loop;
	uv_tcp_t control;
	uv_signal_t term;
	struct links links;
	struct book book;
} proxy;

struct control {
	uv_tcp_t tcp;
	struct buf line;
};

static void on_answered(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

static void obey(struct control *c, const char *line)
{
	uv_write_t *write = xmalloc(sizeof(*write));
	struct buf out;
	uv_buf_t bytes;

	buf_init(&out, ANSWER_MAX_BYTES);
	links_touch(&proxy.links, book_obey(&proxy.book, line, &out));
	bytes = uv_buf_init(out.data, (unsigned)out.len);
	write->data = out.data;
	if (uv_write(write, (uv_stream_t *)&c->tcp, &bytes, 1, on_answered) < 0)
		on_answered(write, 0);
}

static void on_control_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	buf_clear(&c->line);
	free(c);
}

static void on_room(uv_handle_t *handle, size_t wished, uv_buf_t *buf)
{
	static char room[4096];

	(void)handle;
	(void)wished;
	*buf = uv_buf_init(room, sizeof(room));
}

static void on_orders(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct control *c = stream->data;
	char *end;

	if (got < 0 || buf_add(&c->line, buf->base, (size_t)got) < 0) {
		uv_close((uv_handle_t *)stream, on_control_closed);
		return;
	}
	while ((end = memchr(c->line.data, '\n', c->line.len))) {
		*end = '\0';
		obey(c, c->line.data);
		buf_drop(&c->line, (size_t)(end + 1 - c->line.data));
	}
}

static void on_control(uv_stream_t *listener, int status)
{
	struct control *c = xcalloc(1, sizeof(*c));

	must(status == 0);
	uv_tcp_init(listener->loop, &c->tcp);
	c->tcp.data = c;
	buf_init(&c->line, LINE_MAX_BYTES);
	must(uv_accept(listener, (uv_stream_t *)&c->tcp) == 0);
	uv_read_start((uv_stream_t *)&c->tcp, on_room, on_orders);
}

/* The listeners and the signal are ours; only connections have `data`. */
static void end_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (uv_is_closing(handle))
		return;
	if (handle->data && handle->data != &proxy.links)
		uv_close(handle, on_control_closed);
	else
		uv_close(handle, NULL);
}

static void on_term(uv_signal_t *term, int number)
{
	(void)number;
	links_touch(&proxy.links, TOUCH_RESET);
	uv_walk(term->loop, end_handle, NULL);
}

int main(int argc, char **argv)
{
	int port;

	if (argc != 4) {
		fprintf(stderr, "usage: fault_proxy LISTEN TARGET SEED\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&proxy.loop);
	book_init(&proxy.book, argv[2], strtoull(argv[3], NULL, 10));
	proxy.links = (struct links){.loop = &proxy.loop, .book = &proxy.book};
	port = links_start(&proxy.links, argv[1]);
	uv_tcp_init(&proxy.loop, &proxy.control);
	uv_signal_init(&proxy.loop, &proxy.term);
	uv_signal_start(&proxy.term, on_term, SIGTERM);
	printf("%d %d\n", port, listen_tcp(&proxy.control, "0", on_control));
	fflush(stdout);
	uv_run(&proxy.loop, UV_RUN_DEFAULT);
	must(uv_loop_close(&proxy.loop) == 0);
	return 0;
}
