/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "treadle/clock.h"

#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 5000
#define SETTLED_MS 10000 /* one that ran so long begins with short pauses */
#define LINE_SHOWN_MAX 4096
#define NAME_COLUMNS 11

/* One process of a child, from its start to its last close callback. */
struct child_life {
	struct child *child;
	uv_process_t process;
	uv_pipe_t pipe;
	int open_handles;
	struct buf line;
	char chunk[8192];
};

int child_become(char **argv)
{
	if (!argv[0] || !argv[1])
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != strtol(argv[0], NULL, 10))
		return 0; /* it died before we asked */
	execv(argv[1], argv + 1);
	fprintf(stderr, "cannot run %s: %s\n", argv[1], strerror(errno));
	return 127;
}

int child_init(struct child *c, uv_loop_t *loop, struct error *err)
{
	c->log =
		open(c->log_path,
		     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (c->log < 0)
		return error_set(err, ERR_SYSTEM, "cannot write %.256s: %s",
				 c->log_path, strerror(errno));
	uv_timer_init(loop, &c->timer);
	c->timer.data = c;
	return 0;
}

void child_clear(struct child *c)
{
	must(c->state == CHILD_OFF);
	uv_close((uv_handle_t *)&c->timer, NULL);
	close(c->log);
}

int child_pid(const struct child *c)
{
	return c->state == CHILD_UP ? c->life->process.pid : 0;
}

/* --- what it writes ----------------------------------------------------------
 */

static void show_line(const struct child *c, struct slice text)
{
	struct buf line;

	buf_init(&line, 8 * LINE_SHOWN_MAX);
	output_add(c->talk, &line, STYLE_DIM, slice_of(c->name));
	for (size_t i = strlen(c->name); i < NAME_COLUMNS; i++)
		buf_addc(&line, ' ');
	output_add(c->talk, &line, STYLE_DIM, SLICE(" | "));
	output_escape(&line, text);
	buf_addc(&line, '\n');
	output_write(c->talk, buf_slice(&line));
	buf_clear(&line);
}

/* What we have to say of it ourselves stands among its own lines. */
static void PRINTF(2, 3) say(const struct child *c, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	dprintf(c->log, "treadle dev: %s %s\n", c->name, text);
	if (c->talk)
		show_line(c, slice_of(text));
}

static void take_bytes(struct child_life *life, size_t len)
{
	struct child *c = life->child;
	struct slice rest = {life->chunk, len};

	/* A full disk must not end the servers. */
	if (write(c->log, rest.data, rest.len) < 0 || !c->talk)
		return;
	while (rest.len) {
		struct slice before = rest;
		struct slice part = slice_cut(&rest, '\n');
		bool is_whole = part.len < before.len;

		if (buf_add(&life->line, part.data, part.len) != 0)
			is_whole = true;
		if (is_whole) {
			show_line(c, buf_slice(&life->line));
			buf_reset(&life->line);
		}
	}
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct child_life *life = handle->data;

	(void)size;
	*buf = uv_buf_init(life->chunk, sizeof(life->chunk));
}

static void on_closed(uv_handle_t *handle);

static void on_bytes(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	struct child_life *life = stream->data;

	(void)buf;
	if (len > 0)
		take_bytes(life, (size_t)len);
	else if (len < 0 && !uv_is_closing((uv_handle_t *)stream))
		uv_close((uv_handle_t *)stream, on_closed);
}

/*
 * What is left in the pipe. Its end need not come: a grandchild may have
 * inherited it.
 */
static void drain(struct child_life *life)
{
	uv_os_fd_t fd;
	ssize_t len;

	if (uv_is_closing((uv_handle_t *)&life->pipe))
		return;
	uv_fileno((uv_handle_t *)&life->pipe, &fd);
	while ((len = read(fd, life->chunk, sizeof(life->chunk))) > 0)
		take_bytes(life, (size_t)len);
	uv_close((uv_handle_t *)&life->pipe, on_closed);
}

/* --- its life ----------------------------------------------------------------
 */

static void on_pause_over(uv_timer_t *timer)
{
	struct child *c = timer->data;
	struct error err;

	c->state = CHILD_OFF;
	if (child_start(c, &err) != 0)
		say(c, "%s", err.text);
}

static void pause_child(struct child *c)
{
	if (clock_monotonic_ms() - c->begun_ms > SETTLED_MS)
		c->pause_ms = 0;
	c->pause_ms = c->pause_ms ? c->pause_ms * 2 : PAUSE_MIN_MS;
	if (c->pause_ms > PAUSE_MAX_MS)
		c->pause_ms = PAUSE_MAX_MS;
	say(c, "ended (%s); is started again in %lldms", c->end,
	    (long long)c->pause_ms);
	c->state = CHILD_PAUSING;
	uv_timer_start(&c->timer, on_pause_over, (uint64_t)c->pause_ms, 0);
}

static void on_closed(uv_handle_t *handle)
{
	struct child_life *life = handle->data;
	struct child *c = life->child;

	if (--life->open_handles > 0)
		return;
	buf_clear(&life->line);
	free(life);
	c->life = NULL;
	c->state = CHILD_OFF;
	if (!c->is_stopping)
		pause_child(c);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
	struct child_life *life = process->data;

	if (signal)
		snprintf(life->child->end, sizeof(life->child->end), "%s",
			 strsignal(signal));
	else
		snprintf(life->child->end, sizeof(life->child->end), "exit %d",
			 (int)status);
	drain(life);
	uv_close((uv_handle_t *)process, on_closed);
}

/* "treadle dev-child PARENT PROGRAM ARGS..." */
static int spawn(struct child_life *life, int output)
{
	struct child *c = life->child;
	char self[4096], parent[16];
	char *args[CHILD_ARGS_MAX + 3];
	size_t size = sizeof(self), count = 0;
	uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
	uv_process_options_t o = {.file = self,
				  .args = args,
				  .exit_cb = on_process_exit,
				  .flags = UV_PROCESS_DETACHED,
				  .stdio = stdio,
				  .stdio_count = 3};

	if (uv_exepath(self, &size) != 0)
		return UV_ENOENT;
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	args[count++] = self;
	args[count++] = (char[]){CHILD_VERB};
	args[count++] = parent;
	for (size_t i = 0; c->args[i]; i++)
		args[count++] = (char *)c->args[i];
	args[count] = NULL;
	for (int i = 1; i < 3; i++) {
		stdio[i].flags = UV_INHERIT_FD;
		stdio[i].data.fd = output;
	}
	return uv_spawn(c->timer.loop, &life->process, &o);
}

int child_start(struct child *c, struct error *err)
{
	struct child_life *life = xcalloc(1, sizeof(*life));
	uv_file ends[2];

	must(c->state == CHILD_OFF && !c->life);
	if (uv_pipe(ends, UV_NONBLOCK_PIPE, 0) != 0) {
		free(life);
		return error_set(err, ERR_SYSTEM, "cannot make a pipe: %s",
				 strerror(errno));
	}
	life->child = c;
	life->open_handles = 2;
	life->process.data = life->pipe.data = life;
	buf_init(&life->line, LINE_SHOWN_MAX);
	uv_pipe_init(c->timer.loop, &life->pipe, 0);
	uv_pipe_open(&life->pipe, ends[0]);
	int rc = spawn(life, ends[1]);
	close(ends[1]);

	c->life = life;
	c->begun_ms = clock_monotonic_ms();
	if (rc != 0) {
		/* Its end is then heard of like any other. */
		snprintf(c->end, sizeof(c->end), "%s", uv_strerror(rc));
		c->is_stopping = true;
		uv_close((uv_handle_t *)&life->process, on_closed);
		uv_close((uv_handle_t *)&life->pipe, on_closed);
		return error_set(err, ERR_SYSTEM, "cannot start %s: %s",
				 c->name, uv_strerror(rc));
	}
	c->state = CHILD_UP;
	uv_read_start((uv_stream_t *)&life->pipe, on_alloc, on_bytes);
	return 0;
}

void child_stop(struct child *c)
{
	int signal = ++c->stops > 2 ? SIGKILL : SIGTERM;

	c->is_stopping = true;
	if (c->state == CHILD_PAUSING) {
		uv_timer_stop(&c->timer);
		c->state = CHILD_OFF;
	} else if (c->state == CHILD_UP) {
		uv_process_kill(&c->life->process, signal);
	}
}
