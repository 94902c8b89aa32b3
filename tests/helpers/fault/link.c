/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HELD_MAX ((size_t)256 << 20)
#define CALLS_IN_FLIGHT_MAX 65536

enum { UP, DOWN }; /* to the server, to the client */

struct chunk {
	struct chunk *next;
	uint64_t due_at; /* on the loop's clock */
	size_t len;
	char bytes[];
};

struct flow {
	struct link *link;
	struct side *to;
	struct chunk *head, *last;
	uint64_t free_at; /* when what is on its way will have passed */
	uv_timer_t timer;
	redisReader *reader;
	struct buf held; /* of a reply that is not whole yet */
};

struct link {
	struct links *all;
	struct link *next, *previous;
	struct side client, server;
	struct flow flows[2];
	struct buf calls; /* a byte for each call that has no reply yet */
	uv_connect_t connect;
	int open; /* handles */
	bool is_connected, is_closing, is_muted;
};

/* --- a link's end -------------------------------------------------------- */

static void flow_clear(struct flow *f)
{
	struct chunk *c;

	while ((c = f->head)) {
		f->head = c->next;
		free(c);
	}
	redisReaderFree(f->reader);
	buf_clear(&f->held);
}

static void on_closed(uv_handle_t *handle)
{
	struct link *l = handle->data;

	if (--l->open)
		return;
	flow_clear(&l->flows[UP]);
	flow_clear(&l->flows[DOWN]);
	buf_clear(&l->calls);
	free(l);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct flow *f = handle->data;

	handle->data = f->link;
	on_closed(handle);
}

static void side_close(struct side *s, bool is_reset)
{
	if (!is_reset || !s->is_tcp ||
	    uv_tcp_close_reset(&s->io.tcp, on_closed) < 0)
		uv_close(&s->io.handle, on_closed);
}

static void link_close(struct link *l, bool is_reset)
{
	if (l->is_closing)
		return;
	l->is_closing = true;
	*(l->previous ? &l->previous->next : &l->all->first) = l->next;
	if (l->next)
		l->next->previous = l->previous;
	side_close(&l->client, is_reset);
	side_close(&l->server, is_reset);
	uv_close((uv_handle_t *)&l->flows[UP].timer, on_timer_closed);
	uv_close((uv_handle_t *)&l->flows[DOWN].timer, on_timer_closed);
}

/* --- bytes on their way -------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
	(void)status; /* the read that follows says it again */
	free(write->data);
	free(write);
}

static void pass_on(uv_stream_t *to, struct chunk *c)
{
	uv_write_t *write = xmalloc(sizeof(*write));
	uv_buf_t bytes = uv_buf_init(c->bytes, (unsigned)c->len);

	write->data = c;
	if (uv_write(write, to, &bytes, 1, on_written) < 0)
		on_written(write, 0);
}

static void flow_go(struct flow *f);

static void on_due(uv_timer_t *timer)
{
	flow_go(timer->data);
}

static bool is_stalled(const struct flow *f)
{
	const struct link *l = f->link;

	if (l->is_closing || !l->is_connected)
		return true;
	return l->all->book->stall &
	       (f == &l->flows[UP] ? STALL_UP : STALL_DOWN);
}

static void flow_go(struct flow *f)
{
	uint64_t now = uv_now(f->link->all->loop);
	struct chunk *c;

	while (!is_stalled(f) && (c = f->head) && c->due_at <= now) {
		f->head = c->next;
		pass_on(&f->to->io.stream, c);
	}
	if (f->head && !is_stalled(f))
		uv_timer_start(&f->timer, on_due, f->head->due_at - now, 0);
}

static void flow_push(struct flow *f, struct slice bytes, uint64_t due_at)
{
	struct chunk *c = xmalloc(sizeof(*c) + bytes.len);

	*c = (struct chunk){.due_at = due_at, .len = bytes.len};
	memcpy(c->bytes, bytes.data, bytes.len);
	if (f->head)
		f->last->next = c;
	else
		f->head = c;
	f->last = c;
}

/* When bytes pass, and in what pieces, is what the wire makes of it. */
static void flow_send(struct flow *f, struct slice bytes)
{
	const struct book *b = f->link->all->book;
	uint64_t now = uv_now(f->link->all->loop);
	size_t piece = b->bytes_per_ms ? b->bytes_per_ms : bytes.len;

	if (b->is_hole || f->link->is_muted)
		return;
	if (f->free_at < now + b->latency_ms)
		f->free_at = now + b->latency_ms;
	while (bytes.len) {
		struct slice part = bytes;

		if (part.len > piece)
			part.len = piece;
		if (b->bytes_per_s)
			f->free_at += 1 + part.len * 1000 / b->bytes_per_s;
		else if (b->bytes_per_ms)
			f->free_at++;
		flow_push(f, part, f->free_at);
		bytes.data += part.len;
		bytes.len -= part.len;
	}
	flow_go(f);
}

/* --- requests ------------------------------------------------------------ */

/* What a call is named by: the function's name, or the command's. */
static void call_name(const redisReply *request, char name[32])
{
	static const char prefix[] = "treadle_";
	const char *text = "?";

	if (request->type == REDIS_REPLY_ARRAY && request->elements)
		text = request->element[0]->str;
	if (!strncasecmp(text, "FCALL", 5) && request->elements > 1)
		text = request->element[1]->str;
	if (!strncmp(text, prefix, sizeof(prefix) - 1))
		text += sizeof(prefix) - 1;
	snprintf(name, 32, "%.31s", text);
	for (; *name; name++)
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name + 'a' - 'A');
}

/* False if what came is no request, or too much of it. */
static bool note_requests(struct link *l, struct slice bytes)
{
	redisReader *reader = l->flows[UP].reader;
	redisReply *request;
	char name[32];

	redisReaderFeed(reader, bytes.data, bytes.len);
	for (;;) {
		if (redisReaderGetReply(reader, (void **)&request) != REDIS_OK)
			return false;
		if (!request)
			return true;
		call_name(request, name);
		freeReplyObject(request);
		if (buf_addc(&l->calls, (char)book_call(l->all->book, name)) <
		    0)
			return false;
	}
}

/* --- replies ------------------------------------------------------------- */

/* False: nothing of this link is to be looked at any more. */
static bool deliver(struct link *l, enum action action, struct slice reply)
{
	static const char garbage[] = "\0\377$-7\r\n*999999\r\n?";
	struct flow *down = &l->flows[DOWN];

	switch (action) {
	case ACTION_NONE:
		flow_send(down, reply);
		return true;
	case ACTION_SPOIL:
		flow_send(down, (struct slice){garbage, sizeof(garbage)});
		return true;
	case ACTION_MUTE:
		l->is_muted = true;
		return true;
	case ACTION_CUT:
		reply.len /= 2;
		if (reply.len)
			uv_try_write(&l->client.io.stream,
				     &(uv_buf_t){(char *)reply.data, reply.len},
				     1);
		break;
	case ACTION_LOSE:
	case ACTION_COUNT:
		break;
	}
	link_close(l, action == ACTION_LOSE);
	return false;
}

static enum action judge(struct link *l, const redisReply *reply)
{
	size_t call;

	if (!l->calls.len)
		return ACTION_NONE;
	call = (unsigned char)l->calls.data[0];
	buf_drop(&l->calls, 1);
	if (reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_NIL)
		return ACTION_NONE;
	return book_judge(l->all->book, call);
}

static void pass_replies(struct link *l, struct slice bytes)
{
	struct flow *f = &l->flows[DOWN];
	redisReader *reader = f->reader;
	enum action action;
	redisReply *reply;
	size_t whole;

	redisReaderFeed(reader, bytes.data, bytes.len);
	must(buf_add(&f->held, bytes.data, bytes.len) == 0);
	do {
		if (redisReaderGetReply(reader, (void **)&reply) != REDIS_OK) {
			link_close(l, true);
			return;
		}
		if (!reply)
			return;
		whole = f->held.len - (reader->len - reader->pos);
		action = judge(l, reply);
		freeReplyObject(reply);
		if (!deliver(l, action, (struct slice){f->held.data, whole}))
			return;
		buf_drop(&f->held, whole);
	} while (f->held.len);
}

/* --- a link's beginning -------------------------------------------------- */

static void on_room(uv_handle_t *handle, size_t wished, uv_buf_t *buf)
{
	static char room[65536];

	(void)handle;
	(void)wished;
	*buf = uv_buf_init(room, sizeof(room));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct link *l = stream->data;
	struct slice bytes = {buf->base, (size_t)got};

	if (l->is_closing || got == 0)
		return;
	if (got < 0)
		link_close(l, false);
	else if (stream == &l->server.io.stream)
		pass_replies(l, bytes);
	else if (note_requests(l, bytes))
		flow_send(&l->flows[UP], bytes);
	else
		link_close(l, true);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct link *l = connect->data;

	if (l->is_closing)
		return;
	if (status < 0) {
		link_close(l, false);
		return;
	}
	l->is_connected = true;
	uv_read_start(&l->server.io.stream, on_room, on_read);
	flow_go(&l->flows[UP]);
}

static void loopback(const char *port, struct sockaddr_in *address)
{
	must(uv_ip4_addr("127.0.0.1", (int)strtol(port, NULL, 10), address) ==
	     0);
}

static bool is_path(const char *address)
{
	return strchr(address, '/');
}

static void side_init(uv_loop_t *loop, struct side *s, bool is_tcp)
{
	s->is_tcp = is_tcp;
	if (is_tcp)
		uv_tcp_init(loop, &s->io.tcp);
	else
		uv_pipe_init(loop, &s->io.pipe, 0);
}

static void link_connect(struct link *l)
{
	struct sockaddr_in address;

	l->connect.data = l;
	if (l->server.is_tcp) {
		loopback(l->all->book->target, &address);
		if (uv_tcp_connect(&l->connect, &l->server.io.tcp,
				   (struct sockaddr *)&address,
				   on_connected) < 0)
			link_close(l, false);
	} else {
		uv_pipe_connect(&l->connect, &l->server.io.pipe,
				l->all->book->target, on_connected);
	}
}

static void flow_init(struct link *l, int direction, struct side *to)
{
	struct flow *f = &l->flows[direction];

	f->link = l;
	f->to = to;
	f->reader = redisReaderCreate();
	buf_init(&f->held, HELD_MAX);
	uv_timer_init(l->all->loop, &f->timer);
	f->timer.data = f;
}

static void on_client(uv_stream_t *listener, int status)
{
	struct links *all = listener->data;
	struct link *l = xcalloc(1, sizeof(*l));

	must(status == 0);
	l->all = all;
	side_init(all->loop, &l->client, all->listener.is_tcp);
	side_init(all->loop, &l->server, !is_path(l->all->book->target));
	flow_init(l, UP, &l->server);
	flow_init(l, DOWN, &l->client);
	buf_init(&l->calls, CALLS_IN_FLIGHT_MAX);
	l->open = 4;
	l->client.io.handle.data = l->server.io.handle.data = l;
	l->next = all->first;
	if (l->next)
		l->next->previous = l;
	all->first = l;
	if (uv_accept(listener, &l->client.io.stream) < 0) {
		link_close(l, false);
		return;
	}
	if (l->client.is_tcp)
		uv_tcp_nodelay(&l->client.io.tcp, 1);
	uv_read_start(&l->client.io.stream, on_room, on_read);
	link_connect(l);
}

/* --- all of them --------------------------------------------------------- */

void links_touch(struct links *all, enum touch touch)
{
	for (struct link *l = all->first, *next; l; l = next) {
		next = l->next;
		if (touch == TOUCH_RESET) {
			link_close(l, true);
		} else if (touch == TOUCH_GO_ON) {
			flow_go(&l->flows[UP]);
			flow_go(&l->flows[DOWN]);
		}
	}
}

int listen_tcp(uv_tcp_t *tcp, const char *port, uv_connection_cb on_new)
{
	struct sockaddr_in address;
	int len = sizeof(address);

	loopback(port, &address);
	must(uv_tcp_bind(tcp, (struct sockaddr *)&address, 0) == 0);
	must(uv_listen((uv_stream_t *)tcp, 1024, on_new) == 0);
	must(uv_tcp_getsockname(tcp, (struct sockaddr *)&address, &len) == 0);
	return ntohs(address.sin_port);
}

int links_start(struct links *all, const char *address)
{
	struct side *s = &all->listener;

	side_init(all->loop, s, !is_path(address));
	s->io.handle.data = all;
	if (s->is_tcp)
		return listen_tcp(&s->io.tcp, address, on_client);
	must(uv_pipe_bind(&s->io.pipe, address) == 0);
	must(uv_listen(&s->io.stream, 1024, on_client) == 0);
	return 0;
}
