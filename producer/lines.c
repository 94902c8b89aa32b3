/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"

#define READ_SIZE (256 << 10)

int lines_start(struct lines *l, uv_loop_t *loop, const char *path,
		void (*on_more)(void *arg), void *arg, struct error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat st = {0};

	*l = (struct lines){
		.name = source_name(path), .on_more = on_more, .arg = arg};
	l->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0)
		return error_set(err, errno == ENOENT ? ERR_ABSENT : ERR_INPUT,
				 "cannot open %.256s: %s", path,
				 strerror(errno));
	fstat(l->fd, &st);
	if (S_ISDIR(st.st_mode)) {
		close(l->fd);
		return error_set(err, ERR_INPUT, "%.256s is a folder", path);
	}
	buf_init(&l->buf, LINE_MAX_BYTES + READ_SIZE);
	l->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	l->flags = fcntl(l->fd, F_GETFL);
	/* uv_poll makes the descriptor non-blocking, which we undo. */
	l->is_stream = uv_guess_handle(l->fd) != UV_FILE &&
		       uv_poll_init(loop, &l->poll, l->fd) == 0;
	l->poll.data = l;
	return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct lines *l = handle->data;

	fcntl(l->fd, F_SETFL, l->flags);
	close(l->fd);
}

void lines_stop(struct lines *l)
{
	buf_clear(&l->buf);
	if (l->is_stream)
		uv_close((uv_handle_t *)&l->poll, on_poll_closed);
	else
		close(l->fd);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct lines *l = poll->data;

	(void)status; /* the read that follows says it again */
	(void)events;
	uv_poll_stop(poll);
	l->is_waiting = false;
	l->on_more(l->arg);
}

/* Puts more into the buffer. */
static enum lines_state fill(struct lines *l, struct error *err)
{
	buf_drop(&l->buf, l->pos);
	l->pos = 0;
	char *room = buf_room(&l->buf, READ_SIZE);
	must(room); /* a line that doesn't fit was refused before */

	ssize_t got = read(l->fd, room, READ_SIZE);
	if (got > 0) {
		l->buf.len += (size_t)got;
		return LINES_HAVE;
	}
	if (got == 0) {
		l->is_at_end = true;
		return LINES_END;
	}
	if (errno == EINTR)
		return LINES_HAVE;
	if (errno == EAGAIN && l->is_stream) {
		if (!l->is_waiting)
			uv_poll_start(&l->poll, UV_READABLE | UV_DISCONNECT,
				      on_readable);
		l->is_waiting = true;
		return LINES_WAIT;
	}
	error_set(err, ERR_INPUT, "cannot read %.256s: %s", l->name,
		  strerror(errno));
	return LINES_FAILED;
}

/* The next line that is whole in the buffer. */
static bool take_line(struct lines *l, struct slice *line)
{
	const char *at = l->buf.data + l->pos;
	size_t rest = l->buf.len - l->pos;
	const char *end = memchr(at, '\n', rest);

	if (!end && !(l->is_at_end && rest > 0))
		return false;
	size_t len = end ? (size_t)(end - at) : rest;
	*line = (struct slice){at, len};
	l->pos += len + (end != NULL);
	l->bytes += (int64_t)(len + (end != NULL));
	l->number++;
	return true;
}

static enum lines_state refuse_length(const struct lines *l, int64_t number,
				      struct error *err)
{
	error_set(err, ERR_INPUT, "%.256s:%lld: the line is longer than %d KiB",
		  l->name, (long long)number, LINE_MAX_BYTES >> 10);
	return LINES_FAILED;
}

enum lines_state lines_next(struct lines *l, struct slice *line,
			    struct error *err)
{
	for (;;) {
		while (take_line(l, line)) {
			if (line->len > LINE_MAX_BYTES)
				return refuse_length(l, l->number, err);
			*line = slice_trim(*line);
			if (line->len > 0)
				return LINES_HAVE;
		}
		if (l->buf.len - l->pos > LINE_MAX_BYTES)
			return refuse_length(l, l->number + 1, err);
		if (l->is_at_end)
			return LINES_END;
		enum lines_state state = fill(l, err);
		if (state == LINES_WAIT || state == LINES_FAILED)
			return state;
	}
}
