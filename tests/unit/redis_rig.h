/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_REDIS_RIG_H
#define TREADLE_TEST_REDIS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/redis.h"

/*
 * A loop, a Redis of our own on a unix socket, and a false one on loopback
 * that says what a script tells it.
 */
#define PATIENCE_MS 20000

struct rig {
	uv_loop_t loop;
	uv_timer_t limit;
	char folder[64], socket[96], url[128];
	pid_t server; /* 0 for none */
};

/* --- the loop ------------------------------------------------------------ */

static inline void on_impatience(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("waited in vain");
}

/* Turns the loop until the condition holds. */
#define run_until(rig, condition)                                              \
	do {                                                                   \
		uv_timer_start(&(rig)->limit, on_impatience, PATIENCE_MS, 0);  \
		while (!(condition))                                           \
			uv_run(&(rig)->loop, UV_RUN_ONCE);                     \
		uv_timer_stop(&(rig)->limit);                                  \
	} while (0)

static inline void on_pause_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Turns the loop for a while: to show that something does not happen. */
static inline void run_for(struct rig *rig, uint64_t ms)
{
	bool is_over = false;
	uv_timer_t timer;

	uv_timer_init(&rig->loop, &timer);
	timer.data = &is_over;
	uv_timer_start(&timer, on_pause_over, ms, 0);
	while (!is_over)
		uv_run(&rig->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&rig->loop, UV_RUN_NOWAIT);
}

/* --- a Redis of our own -------------------------------------------------- */

static inline bool server_answers(const struct rig *rig)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char reply[8] = "";
	bool is_up;

	strcpy(address.sun_path, rig->socket);
	is_up = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	is_up = is_up && write(fd, "PING\r\n", 6) == 6;
	is_up = is_up && read(fd, reply, sizeof(reply)) > 0;
	close(fd);
	return is_up;
}

/* extra: more arguments, separated by blanks; "" for none. */
static inline void server_start(struct rig *rig, const char *extra)
{
	int64_t limit = clock_monotonic_ms() + PATIENCE_MS;
	char command[512];

	snprintf(command, sizeof(command),
		 "exec redis-server --port 0 --unixsocket %s --save '' "
		 "--dir %s --loglevel warning --logfile %s/log %s",
		 rig->socket, rig->folder, rig->folder, extra);
	fflush(NULL);
	rig->server = fork();
	if (rig->server == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_true(rig->server > 0);
	while (!server_answers(rig)) {
		assert_true(clock_monotonic_ms() < limit);
		poll(NULL, 0, 5);
	}
}

static inline void server_kill(struct rig *rig)
{
	if (!rig->server)
		return;
	kill(rig->server, SIGKILL);
	waitpid(rig->server, NULL, 0);
	rig->server = 0;
}

/* --- set up and tear down ------------------------------------------------ */

static inline int rig_setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	signal(SIGPIPE, SIG_IGN);
	log_start("test", LOG_ERROR, false);
	strcpy(rig->folder, "/tmp/treadle-test-XXXXXX");
	assert_non_null(mkdtemp(rig->folder));
	snprintf(rig->socket, sizeof(rig->socket), "%s/s", rig->folder);
	snprintf(rig->url, sizeof(rig->url), "unix://%s", rig->socket);
	assert_int_equal(uv_loop_init(&rig->loop), 0);
	assert_int_equal(uv_timer_init(&rig->loop, &rig->limit), 0);
	*state = rig;
	return 0;
}

static inline int rig_setup_server(void **state)
{
	rig_setup(state);
	server_start(*state, "");
	return 0;
}

/* Whoever forgot to close a handle is found here. */
static inline int rig_teardown(void **state)
{
	int64_t limit = clock_monotonic_ms() + 1000;
	struct rig *rig = *state;
	char command[128];
	int left;

	uv_close((uv_handle_t *)&rig->limit, NULL);
	while (uv_run(&rig->loop, UV_RUN_NOWAIT) &&
	       clock_monotonic_ms() < limit)
		poll(NULL, 0, 1);
	left = uv_loop_close(&rig->loop);
	server_kill(rig);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->folder);
	left |= system(command);
	free(rig);
	return left;
}

/* --- a false one --------------------------------------------------------- */

enum act_end { STAY, CLOSE, RESET };

/* What is done about one command. */
struct act {
	const char *bytes; /* NULL for none */
	enum act_end end;
	size_t len; /* 0: as long as the text is */
};

/* clang-format off */
#define SAY(text) {(text), STAY, 0}
#define HUSH {NULL, STAY, 0}
/* clang-format on */

#define HELLO_AS(server, version, role)                                        \
	"*12\r\n+server\r\n+" server "\r\n+version\r\n+" version               \
	"\r\n+proto\r\n:2\r\n+id\r\n:77\r\n+mode\r\n+standalone\r\n"           \
	"+role\r\n+" role "\r\n"
#define HELLO HELLO_AS("redis", "7.0.15", "master")

struct false_redis {
	struct rig *rig;
	uv_tcp_t listener;
	char url[64];
	int port;
	const struct act *acts;
	size_t count, next; /* after the last act it is silent */
	int connections, open, commands, reads;
	char seen[65536]; /* all bytes, NULs left out */
	size_t seen_len;
};

struct visitor {
	uv_tcp_t tcp;
	struct false_redis *server;
	struct buf unread;
	char bytes[65536];
};

static inline void on_visitor_closed(uv_handle_t *handle)
{
	struct visitor *v = handle->data;

	v->server->open--;
	buf_clear(&v->unread);
	free(v);
}

static inline void visitor_end(struct visitor *v, enum act_end end)
{
	if (uv_is_closing((uv_handle_t *)&v->tcp))
		return;
	if (end == RESET)
		uv_tcp_close_reset(&v->tcp, on_visitor_closed);
	else
		uv_close((uv_handle_t *)&v->tcp, on_visitor_closed);
}

static inline void visitor_act(struct visitor *v)
{
	struct false_redis *f = v->server;
	const struct act *act;
	uv_buf_t bytes;

	f->commands++;
	if (f->next == f->count)
		return;
	act = &f->acts[f->next++];
	if (act->bytes) {
		bytes.base = (char *)act->bytes;
		bytes.len = act->len ? act->len : strlen(act->bytes);
		assert_int_equal(
			uv_try_write((uv_stream_t *)&v->tcp, &bytes, 1),
			bytes.len);
	}
	if (act->end != STAY)
		visitor_end(v, act->end);
}

/* The length of the first whole command of text, or 0. */
static inline size_t command_length(struct slice text)
{
	const char *begin = text.data;
	struct slice line = slice_cut(&text, '\n');
	int64_t count, len;

	if (!slice_starts(line, "*") || line.data[line.len - 1] != '\r')
		return 0;
	line = (struct slice){line.data + 1, line.len - 2};
	assert_int_equal(slice_int(line, 1, 1 << 20, &count), 0);
	while (count--) {
		line = slice_cut(&text, '\n');
		if (line.len < 2 || line.data[line.len - 1] != '\r')
			return 0;
		line = (struct slice){line.data + 1, line.len - 2};
		assert_int_equal(slice_int(line, 0, 1 << 30, &len), 0);
		if (text.len < (size_t)len + 2)
			return 0;
		text.data += len + 2;
		text.len -= (size_t)len + 2;
	}
	return (size_t)(text.data - begin);
}

static inline void visitor_note(struct false_redis *f, const char *bytes,
				size_t len)
{
	f->reads++;
	for (size_t i = 0; i < len && f->seen_len + 1 < sizeof(f->seen); i++)
		if (bytes[i])
			f->seen[f->seen_len++] = bytes[i];
}

static inline void on_visitor_read(uv_stream_t *stream, ssize_t len,
				   const uv_buf_t *buf)
{
	struct visitor *v = stream->data;
	size_t size;

	if (len < 0) {
		visitor_end(v, CLOSE);
		return;
	}
	visitor_note(v->server, buf->base, (size_t)len);
	buf_add(&v->unread, buf->base, (size_t)len);
	while ((size = command_length(buf_slice(&v->unread)))) {
		buf_drop(&v->unread, size);
		visitor_act(v);
		if (uv_is_closing((uv_handle_t *)stream))
			return;
	}
}

static inline void on_visitor_room(uv_handle_t *handle, size_t size,
				   uv_buf_t *buf)
{
	struct visitor *v = handle->data;

	(void)size;
	*buf = uv_buf_init(v->bytes, sizeof(v->bytes));
}

static inline void on_visitor(uv_stream_t *listener, int status)
{
	struct false_redis *f = listener->data;
	struct visitor *v = calloc(1, sizeof(*v));

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
