/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "warden.h"

#define LINGER_MS 1000
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

struct children {
	uv_loop_t *loop;
	uv_signal_t on_child; /* SIGCHLD */
	struct warden *warden;
	uv_timer_t again;    /* when the warden is tried again */
	struct child *first; /* all that have not been freed */
	uint64_t descriptors_max;
	bool is_stopping;
	void (*on_stopped)(void *arg);
	void *arg;
	char buffer[64 << 10]; /* what a pipe holds; read here, handed on */
};

struct child {
	struct children *children;
	struct child *next, *prev;
	uv_pipe_t pipes[CHILD_PIPES];
	uv_timer_t linger;
	int pipes_open, handles_open;
	pid_t pid; /* of the group as well */
	volatile int32_t *row;
	bool has_exited, has_ended;
	struct child_end end;
	void (*on_bytes)(void *arg, enum child_pipe from, struct slice bytes);
	void (*on_end)(void *arg, const struct child_end *end);
	void *arg;
};

/* The end of one */

static void stop_if_last(struct children *c);

/* To wait for their ends is a reason for the loop to go on. */
static void listen_if_any(struct children *c)
{
	if (c->first)
		uv_ref((uv_handle_t *)&c->on_child);
	else
		uv_unref((uv_handle_t *)&c->on_child);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct child *k = handle->data;
	struct children *c = k->children;

	if (--k->handles_open)
		return;
	if (k->prev)
		k->prev->next = k->next;
	else
		c->first = k->next;
	if (k->next)
		k->next->prev = k->prev;
	free(k);
	listen_if_any(c);
	stop_if_last(c);
}

static void close_pipe(struct child *k, uv_stream_t *pipe)
{
	if (uv_is_closing((uv_handle_t *)pipe))
		return;
	uv_close((uv_handle_t *)pipe, on_handle_closed);
	k->pipes_open--;
}

static void finish(struct child *k)
{
	if (k->has_ended)
		return;
	k->has_ended = true;
	/*
	 * What is left of the group goes too. The leader has been reaped, but
	 * for its id to name another group by now, the system would have had
	 * to give out all its ids within the second that we waited.
	 */
	kill(-k->pid, SIGKILL);
	warden_give(k->children->warden, k->row);
	for (int i = 0; i < CHILD_PIPES; i++)
		close_pipe(k, (uv_stream_t *)&k->pipes[i]);
	uv_close((uv_handle_t *)&k->linger, on_handle_closed);
	k->on_end(k->arg, &k->end);
}

/* Descendants have had their second. What they wrote until now still counts. */
static void on_linger(uv_timer_t *timer)
{
	struct child *k = timer->data;

	k->end.was_held = true;
	finish(k);
}

static void check_end(struct child *k)
{
	if (!k->has_exited || k->has_ended)
		return;
	if (k->pipes_open == 0)
		finish(k);
	else if (!uv_is_active((uv_handle_t *)&k->linger))
		uv_timer_start(&k->linger, on_linger, LINGER_MS, 0);
}

static void note_exit(struct child *k, int status)
{
	k->has_exited = true;
	k->end.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	k->end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	check_end(k);
}

static struct child *find(struct children *c, pid_t pid)
{
	for (struct child *k = c->first; k; k = k->next)
		if (k->pid == pid && !k->has_exited)
			return k;
	return NULL;
}

/* The warden */

static void on_again(uv_timer_t *timer);

/* Who began before there was a table is noted in it now. */
static void keep_warden(struct children *c)
{
	int64_t again_ms = warden_keep(c->warden);

	if (again_ms)
		uv_timer_start(&c->again, on_again, (uint64_t)again_ms, 0);
	for (struct child *k = c->first; k; k = k->next) {
		if (k->row || k->has_ended)
			continue;
		k->row = warden_take(c->warden);
		if (k->row)
			*k->row = k->pid;
	}
}

static void on_again(uv_timer_t *timer)
{
	keep_warden(timer->data);
}

/*
 * Reaps whatever has ended: ours; and, where the worker is the first process
 * of a container, what others have left to it.
 */
static void on_child_signal(uv_signal_t *handle, int number)
{
	struct children *c = handle->data;
	int status;
	pid_t pid;

	(void)number;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *k = find(c, pid);

		if (k)
			note_exit(k, status);
		else if (warden_reaped(c->warden, pid) && !c->is_stopping)
			keep_warden(c);
	}
}

/* What it writes */

static void on_room(uv_handle_t *handle, size_t wished, uv_buf_t *buf)
{
	struct child *k = handle->data;

	(void)wished;
	*buf = uv_buf_init(k->children->buffer, sizeof(k->children->buffer));
}

static void on_read(uv_stream_t *pipe, ssize_t got, const uv_buf_t *buf)
{
	struct child *k = pipe->data;
	enum child_pipe from = (enum child_pipe)((uv_pipe_t *)pipe - k->pipes);

	if (got > 0) {
		k->on_bytes(k->arg, from,
			    (struct slice){buf->base, (size_t)got});
	} else if (got < 0) {
		close_pipe(k, pipe);
		check_end(k);
	}
}

/* The beginning of one */

static int write_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t done = write(fd, bytes.data, bytes.len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes.data += done;
		bytes.len -= (size_t)done;
	}
	return 0;
}

static int input_open(struct slice input)
{
	int fd;

	if (!input.len)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("stdin", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("stdin", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	if (write_all(fd, input) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

static void close_all(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Fills the child's ends into s, ours into ours. */
static int ends_open(struct slice input, struct spawn *s, int ours[CHILD_PIPES])
{
	int ends[2];

	for (int i = 0; i < CHILD_PIPES; i++)
		s->fds[i + 1] = ours[i] = -1;
	s->fds[0] = input_open(input);
	if (s->fds[0] < 0)
		return -1;
	for (int i = 0; i < CHILD_PIPES; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -1;
		ours[i] = ends[0];
		s->fds[i + 1] = ends[1];
	}
	return 0;
}

int children_spawn(struct children *c, struct spawn *s, pid_t *pid,
		   struct error *err)
{
	keep_warden(c);
	s->group = warden_take(c->warden);
	s->descriptors_max = c->descriptors_max;
	if (spawn(s, pid, err) == 0)
		return 0;
	warden_give(c->warden, s->group);
	return -1;
}

void children_end(struct children *c, const struct spawn *s, pid_t pid)
{
	kill(-pid, SIGKILL);
	warden_give(c->warden, s->group);
}

static struct child *child_new(struct children *c,
			       const struct child_plan *plan, const int *ours)
{
	struct child *k = xcalloc(1, sizeof(*k));

	k->children = c;
	k->on_bytes = plan->on_bytes;
	k->on_end = plan->on_end;
	k->arg = plan->arg;
	for (int i = 0; i < CHILD_PIPES; i++) {
		uv_pipe_init(c->loop, &k->pipes[i], 0);
		k->pipes[i].data = k;
		must(uv_pipe_open(&k->pipes[i], ours[i]) == 0);
		uv_read_start((uv_stream_t *)&k->pipes[i], on_room, on_read);
	}
	uv_timer_init(c->loop, &k->linger);
	k->linger.data = k;
	k->pipes_open = CHILD_PIPES;
	k->handles_open = CHILD_PIPES + 1;
	k->next = c->first;
	if (k->next)
		k->next->prev = k;
	c->first = k;
	listen_if_any(c);
	return k;
}

struct child *child_start(struct children *c, const struct child_plan *plan,
			  struct error *err)
{
	struct spawn s = {.program = plan->argv[0],
			  .argv = plan->argv,
			  .env = plan->env,
			  .path = plan->path,
			  .directory = plan->directory,
			  .directory_in = plan->directory_in};
	struct child *k = NULL;
	int ours[CHILD_PIPES];
	pid_t pid;

	must(!c->is_stopping);
	if (ends_open(plan->input, &s, ours) < 0) {
		error_set(err, ERR_UNAVAILABLE,
			  "cannot give it input and pipes: %s",
			  strerror(errno));
	} else if (children_spawn(c, &s, &pid, err) == 0) {
		k = child_new(c, plan, ours);
		k->pid = pid;
		k->row = s.group;
	}
	close_all(s.fds, SPAWN_FDS);
	if (!k)
		close_all(ours, CHILD_PIPES);
	return k;
}

void child_signal(struct child *k, int signal)
{
	if (!k->has_ended)
		kill(-k->pid, signal);
}

/* All of them */

struct children *children_new(uv_loop_t *loop, uint64_t descriptors_max)
{
	struct children *c = xcalloc(1, sizeof(*c));

	c->loop = loop;
	c->descriptors_max = descriptors_max;
	c->warden = warden_new();
	must(uv_signal_init(loop, &c->on_child) == 0);
	c->on_child.data = c;
	must(uv_signal_start(&c->on_child, on_child_signal, SIGCHLD) == 0);
	must(uv_timer_init(loop, &c->again) == 0);
	c->again.data = c;
	uv_unref((uv_handle_t *)&c->again);
	listen_if_any(c);
	return c;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct children *c = handle->data;
	void (*on_stopped)(void *arg) = c->on_stopped;
	void *arg = c->arg;

	warden_free(c->warden);
	free(c);
	on_stopped(arg);
}

static void on_signal_closed(uv_handle_t *handle)
{
	struct children *c = handle->data;

	uv_close((uv_handle_t *)&c->again, on_timer_closed);
}

static void stop_if_last(struct children *c)
{
	uv_handle_t *handle = (uv_handle_t *)&c->on_child;

	if (c->is_stopping && !c->first && !uv_is_closing(handle))
		uv_close(handle, on_signal_closed);
}

void children_stop(struct children *c, void (*on_stopped)(void *arg), void *arg)
{
	must(!c->is_stopping);
	c->is_stopping = true;
	c->on_stopped = on_stopped;
	c->arg = arg;
	uv_timer_stop(&c->again);
	for (struct child *k = c->first; k; k = k->next)
		child_signal(k, SIGKILL);
	stop_if_last(c);
}
