/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_FALSE_VISITOR_H
#define TREADLE_TEST_FALSE_VISITOR_H

#include "loop_rig.h"

#include "treadle/text.h"

/*
 * One connection to a false Redis: each command that comes is answered by the
 * next act of the script.
 */
enum act_end { STAY, CLOSE, RESET };

/* What is done about one command. */
struct act {
	const char *bytes; /* NULL for none */
	enum act_end end;
	size_t len; /* 0: as long as the text is */
};

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

#endif
