/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "evaluator.h"

struct oracle {
	struct children *children;
	struct oracle_events events;
	uv_pipe_t pipe;
	struct spawn spawn;
	pid_t pid;
	bool is_stopped;
	struct buf heard; /* of the next answer */
};

/* Asking */

static void on_written(uv_write_t *req, int status)
{
	(void)status; /* a broken pipe is seen by whoever reads from it */
	free(req->data);
	free(req);
}

void oracle_ask(struct oracle *o, char *frame, size_t len)
{
	uv_write_t *req = xmalloc(sizeof(*req));
	uv_buf_t buf = uv_buf_init(frame, (unsigned)len);

	req->data = frame;
	if (uv_write(req, (uv_stream_t *)&o->pipe, &buf, 1, on_written) < 0)
		on_written(req, 0);
}

/* Hearing */

static void on_room(uv_handle_t *handle, size_t wished, uv_buf_t *buf)
{
	struct oracle *o = handle->data;
	char *room = buf_room(&o->heard, wished);

	*buf = uv_buf_init(room, room ? (unsigned)wished : 0);
}

/* The whole answer at the front of what was heard, or the empty slice. */
static struct slice next_answer(const struct buf *heard)
{
	uint32_t len;

	if (heard->len < sizeof(len))
		return SLICE("");
	memcpy(&len, heard->data, sizeof(len));
	if (heard->len - sizeof(len) < len)
		return SLICE("");
	return (struct slice){heard->data + sizeof(len), len};
}

static void on_heard(uv_stream_t *pipe, ssize_t got, const uv_buf_t *buf)
{
	struct oracle *o = pipe->data;
	struct slice answer;

	(void)buf;
	if (got < 0) {
		o->events.on_lost(o->events.arg);
		return;
	}
	o->heard.len += (size_t)got;
	while (!o->is_stopped && (answer = next_answer(&o->heard)).len) {
		o->events.on_answer(o->events.arg, answer);
		buf_drop(&o->heard, answer.len + sizeof(uint32_t));
	}
	if (!o->heard.len)
		buf_clear(&o->heard);
}

/* Beginning and end */

static int begin(struct oracle *o, uv_loop_t *loop, int ours, int its,
		 struct error *err)
{
	static const char *const argv[] = {"treadle-worker", "--evaluator",
					   NULL};
	static const char *const env[] = {NULL};

	o->spawn = (struct spawn){.program = "/proc/self/exe",
				  .argv = argv,
				  .env = env,
				  .path = "",
				  .fds = {its, its, -1, -1}};
#ifdef TREADLE_TEST
	o->spawn.fds[2] = STDERR_FILENO; /* for what sanitizers say */
#endif
	if (children_spawn(o->children, &o->spawn, &o->pid, err) < 0)
		return -1;
	uv_pipe_init(loop, &o->pipe, 0);
	o->pipe.data = o;
	must(uv_pipe_open(&o->pipe, ours) == 0);
	uv_read_start((uv_stream_t *)&o->pipe, on_room, on_heard);
	return 0;
}

struct oracle *oracle_start(uv_loop_t *loop, struct children *children,
			    const struct oracle_events *events,
			    struct error *err)
{
	struct oracle *o;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		error_set(err, ERR_UNAVAILABLE,
			  "cannot begin the evaluator: %s", strerror(errno));
		return NULL;
	}
	o = xcalloc(1, sizeof(*o));
	o->children = children;
	o->events = *events;
	buf_init(&o->heard, EVALUATOR_VALUE_MAX + (64 << 10));
	if (begin(o, loop, ends[0], ends[1], err) < 0) {
		close(ends[0]);
		free(o);
		o = NULL;
	}
	close(ends[1]);
	if (o)
		oracle_ask(o, xmemdup(template_key(), TEMPLATE_KEY_LEN),
			   TEMPLATE_KEY_LEN);
	return o;
}

static void on_pipe_closed(uv_handle_t *handle)
{
	struct oracle *o = handle->data;
	struct oracle_events events = o->events;

	buf_clear(&o->heard);
	free(o);
	events.on_closed(events.arg);
}

void oracle_stop(struct oracle *o)
{
	must(!o->is_stopped);
	o->is_stopped = true;
	children_end(o->children, &o->spawn, o->pid);
	uv_close((uv_handle_t *)&o->pipe, on_pipe_closed);
}
