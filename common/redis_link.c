/* SPDX-License-Identifier: MIT */
#include "redis_link.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define READ_SIZE ((size_t)128 << 10)
#define REMEDY "is it running? set --redis-url or TREADLE_REDIS_URL"

/*
 * The life of a link:
 *
 *   looking up --> connecting --> up --> down
 *        |          |    ^ next address
 *        `----------+----'--------------> down
 *
 * The handle is closed between two addresses, and reopened. Failing always
 * goes through its close callback, so on_down never comes from within
 * redis_link_start().
 */
struct redis_link {
	uv_loop_t *loop;
	const struct redis_address *address;
	const struct redis_link_events *events;
	void *arg;

	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} io;
	uv_getaddrinfo_t lookup;
	uv_connect_t connect;
	uv_write_t write;
	char *pushed; /* what write is writing, or NULL */
	bool is_open, is_looking_up, is_stopped;

	unsigned skip;
	struct addrinfo *addresses;
	const struct addrinfo *first, *next; /* next is NULL at the end */
	struct error reason;
	char bytes[READ_SIZE];
};

/* --- going down ---------------------------------------------------------- */

static void release(struct redis_link *l)
{
	const struct redis_link_events *events = l->events;
	void *arg = l->arg;

	if (l->is_open || l->is_looking_up)
		return;
	must(!l->pushed);
	if (l->addresses)
		uv_freeaddrinfo(l->addresses);
	free(l);
	events->on_closed(arg);
}

static void on_stop_closed(uv_handle_t *handle)
{
	struct redis_link *l = handle->data;

	l->is_open = false;
	release(l);
}

void redis_link_stop(struct redis_link *l)
{
	must(!l->is_stopped);
	l->is_stopped = true;
	if (l->is_looking_up)
		uv_cancel((uv_req_t *)&l->lookup);
	if (!l->is_open)
		release(l);
	else if (!uv_is_closing(&l->io.handle))
		uv_close(&l->io.handle, on_stop_closed);
}

static void lose(struct redis_link *l, int status)
{
	const char *why = status == UV_EOF ? "it closed the connection"
					   : uv_strerror(status);

	if (l->is_stopped)
		return;
	error_set(&l->reason, ERR_UNAVAILABLE, "lost %s at %s: %s",
		  l->address->what, l->address->shown, why);
	l->events->on_down(l->arg, &l->reason);
}

/* --- carrying bytes ------------------------------------------------------ */

static void on_room(uv_handle_t *handle, size_t proposed, uv_buf_t *buf)
{
	struct redis_link *l = handle->data;

	(void)proposed;
	*buf = uv_buf_init(l->bytes, sizeof(l->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct redis_link *l = stream->data;

	if (len < 0) {
		uv_read_stop(stream);
		lose(l, (int)len);
	} else if (len > 0) {
		l->events->on_bytes(l->arg,
				    (struct slice){buf->base, (size_t)len});
	}
}

size_t redis_link_try(struct redis_link *l, const uv_buf_t *bufs,
		      unsigned count)
{
	int sent = uv_try_write(&l->io.stream, bufs, count);

	/* What broke the connection is learnt when reading. */
	return sent > 0 ? (size_t)sent : 0;
}

size_t redis_link_unsent(const struct redis_link *l)
{
	size_t unsent = uv_stream_get_write_queue_size(&l->io.stream);
	int fd, in_kernel;

	/* A unix socket would count what the other side has yet to read. */
	if (!l->address->path && uv_fileno(&l->io.handle, &fd) == 0 &&
	    ioctl(fd, SIOCOUTQ, &in_kernel) == 0 && in_kernel > 0)
		unsent += (size_t)in_kernel;
	return unsent;
}

static void on_written(uv_write_t *write, int status)
{
	struct redis_link *l = write->data;

	free(l->pushed);
	l->pushed = NULL;
	if (l->is_stopped || status == UV_ECANCELED)
		return;
	if (status < 0)
		lose(l, status);
	else
		l->events->on_drained(l->arg);
}

void redis_link_push(struct redis_link *l, const uv_buf_t *bufs, unsigned count,
		     size_t skip)
{
	size_t len = 0, size = 0;
	uv_buf_t rest;

	must(!l->pushed);
	for (unsigned i = 0; i < count; i++)
		size += bufs[i].len;
	must(skip < size);
	l->pushed = xmalloc(size - skip);
	for (unsigned i = 0; i < count; i++) {
		size_t from = skip < bufs[i].len ? skip : bufs[i].len;

		memcpy(l->pushed + len, bufs[i].base + from,
		       bufs[i].len - from);
		len += bufs[i].len - from;
		skip -= from;
	}
	rest = uv_buf_init(l->pushed, 0);
	rest.len = len;
	l->write.data = l;
	must(uv_write(&l->write, &l->io.stream, &rest, 1, on_written) == 0);
}

/* --- coming up ----------------------------------------------------------- */

static void open_handle(struct redis_link *l)
{
	if (l->address->path)
		must(uv_pipe_init(l->loop, &l->io.pipe, 0) == 0);
	else
		must(uv_tcp_init(l->loop, &l->io.tcp) == 0);
	l->io.handle.data = l;
	l->is_open = true;
}

static void connect_next(struct redis_link *l);

static void on_attempt_closed(uv_handle_t *handle)
{
	struct redis_link *l = handle->data;

	l->is_open = false;
	if (l->is_stopped) {
		release(l);
	} else if (l->next) {
		open_handle(l);
		connect_next(l);
	} else {
		l->events->on_down(l->arg, &l->reason);
	}
}

static void fail_attempt(struct redis_link *l, int status)
{
	error_set(&l->reason, ERR_UNAVAILABLE,
		  "cannot reach %s at %s: %s (" REMEDY ")", l->address->what,
		  l->address->shown, uv_strerror(status));
	uv_close(&l->io.handle, on_attempt_closed);
}

/*
 * 10 s of silence, then three probes 3 s apart; what was sent and not
 * acknowledged counts for 15 s. These are comforts: where the system knows
 * one not, our own timeouts still hold.
 */
static void set_options(struct redis_link *l)
{
	const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 10},
		{IPPROTO_TCP, TCP_KEEPINTVL, 3},
		{IPPROTO_TCP, TCP_KEEPCNT, 3},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 15000},
	};
	int fd;

	if (l->address->path || uv_fileno(&l->io.handle, &fd) < 0)
		return;
	for (size_t i = 0; i < countof(options); i++)
		setsockopt(fd, options[i].level, options[i].name,
			   &options[i].value, sizeof(options[i].value));
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct redis_link *l = connect->data;

	if (l->is_stopped || uv_is_closing(&l->io.handle))
		return;
	if (status == 0)
		status = uv_read_start(&l->io.stream, on_room, on_read);
	if (status < 0) {
		fail_attempt(l, status);
		return;
	}
	set_options(l);
	l->events->on_up(l->arg);
}

static void connect_next(struct redis_link *l)
{
	const struct addrinfo *address = l->next;
	int status;

	l->next = address->ai_next ? address->ai_next : l->addresses;
	if (l->next == l->first)
		l->next = NULL;
	l->connect.data = l;
	status = uv_tcp_connect(&l->connect, &l->io.tcp, address->ai_addr,
				on_connected);
	if (status < 0)
		fail_attempt(l, status);
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status,
			 struct addrinfo *addresses)
{
	struct redis_link *l = lookup->data;
	const struct addrinfo *a;
	unsigned count = 0;

	l->is_looking_up = false;
	l->addresses = addresses;
	if (l->is_stopped) {
		release(l);
		return;
	}
	if (status < 0 || !addresses) {
		fail_attempt(l, status < 0 ? status : UV_EAI_NODATA);
		return;
	}
	for (a = addresses; a; a = a->ai_next)
		count++;
	l->first = addresses;
	for (unsigned i = l->skip % count; i; i--)
		l->first = l->first->ai_next;
	l->next = l->first;
	connect_next(l);
}

static void look_up(struct redis_link *l)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char port[16];
	int status;

	snprintf(port, sizeof(port), "%d", l->address->port);
	l->lookup.data = l;
	l->is_looking_up = true;
	status = uv_getaddrinfo(l->loop, &l->lookup, on_looked_up,
				l->address->host, port, &hints);
	if (status < 0) {
		l->is_looking_up = false;
		fail_attempt(l, status);
	}
}

struct redis_link *redis_link_start(uv_loop_t *loop,
				    const struct redis_address *address,
				    unsigned skip,
				    const struct redis_link_events *events,
				    void *arg)
{
	struct redis_link *l = xmalloc(sizeof(*l));

	memset(l, 0, offsetof(struct redis_link, bytes));
	l->loop = loop;
	l->address = address;
	l->skip = skip;
	l->events = events;
	l->arg = arg;
	open_handle(l);
	if (address->path) {
		l->connect.data = l;
		uv_pipe_connect(&l->connect, &l->io.pipe, address->path,
				on_connected);
	} else {
		look_up(l);
	}
	return l;
}
