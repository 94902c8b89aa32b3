/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * What the child needs beside the wish, made before it exists: between vfork
 * and exec it runs in our memory and on our stack, so it allocates nothing,
 * and tells why it failed by simply writing it down here.
 */
struct birth {
	const struct spawn *wish;
	pid_t parent;
	char *candidates;    /* paths to try, each ends in NUL, "" at the end */
	volatile int failed; /* an errno, or 0 */
	volatile bool is_directory; /* whose fault it was */
};

/* In the child */

/*
 * The descriptors wanted may themselves be among 0 to 3, so all that are
 * move out of the way before the first takes its place.
 */
static int place_fds(const int *wanted)
{
	int fds[SPAWN_FDS];

	for (int i = 0; i < SPAWN_FDS; i++) {
		fds[i] = wanted[i];
		if (fds[i] < 0 || fds[i] >= SPAWN_FDS)
			continue;
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SPAWN_FDS);
		if (fds[i] < 0)
			return -1;
	}
	for (int i = 0; i < SPAWN_FDS; i++) {
		if (fds[i] < 0)
			close(i);
		else if (dup2(fds[i], i) < 0)
			return -1;
	}
	/* Ours are close-on-exec; what the worker inherited need not be. */
	close_range(SPAWN_FDS, ~0U, 0);
	return 0;
}

/* An ignored signal would stay ignored in the program; handlers would not. */
static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit(const struct spawn *s)
{
	struct rlimit limit = {0, 0};

	setrlimit(RLIMIT_CORE, &limit);
	if (!s->descriptors_max || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = s->descriptors_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int enter(const struct spawn *s)
{
	if (s->directory_in && chdir(s->directory_in) < 0)
		return -1;
	return s->directory ? chdir(s->directory) : 0;
}

/* Tries each candidate as execvp() does, but never falls back to a shell. */
static int exec_first(const struct birth *b)
{
	int reason = ENOENT;

	for (const char *p = b->candidates; *p; p += strlen(p) + 1) {
		execve(p, (char *const *)b->wish->argv,
		       (char *const *)b->wish->env);
		if (errno == EACCES)
			reason = EACCES;
		else if (errno != ENOENT && errno != ENOTDIR)
			return errno;
	}
	return reason;
}

static _Noreturn void be_born(struct birth *b)
{
	const struct spawn *s = b->wish;

	setsid();
	/*
	 * Two ties to the worker's life: this signal reaches the program
	 * itself even if the warden is gone; the warden's table reaches its
	 * descendants as well. A worker that died before the first tie was
	 * made is noticed by its id.
	 */
	if (!s->outlives_us) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != b->parent)
			_exit(127);
	}
	if (s->group)
		*s->group = getpid();
	reset_signals();
	limit(s);
	if (enter(s) < 0) {
		b->is_directory = true;
		b->failed = errno;
	} else if (place_fds(s->fds) < 0) {
		b->failed = errno;
	} else {
		b->failed = exec_first(b);
	}
	_exit(127);
}

/* In the worker */

/* A function of its own, so that no variable of its caller's is in danger. */
static pid_t fork_once(struct birth *b)
{
	pid_t pid = vfork();

	if (pid == 0)
		be_born(b);
	return pid;
}

static char *candidates(const struct spawn *s)
{
	size_t name_len = strlen(s->program), len = 0;
	char *list, *out;

	if (strchr(s->program, '/') || !*s->program) {
		list = xcalloc(1, name_len + 2);
		memcpy(list, s->program, name_len);
		return list;
	}
	for (const char *p = s->path; *p; p++)
		len += *p == ':';
	list = xcalloc(1, strlen(s->path) + (len + 1) * (name_len + 3) + 1);
	out = list;
	for (const char *p = s->path; *p;) {
		size_t part = strcspn(p, ":");

		/* An empty part would mean the current folder: no. */
		if (part && part + name_len + 2 < PATH_MAX) {
			memcpy(out, p, part);
			out[part] = '/';
			memcpy(out + part + 1, s->program, name_len);
			out += part + name_len + 2;
		}
		p += part + (p[part] == ':');
	}
	return list;
}

static int refused(const struct birth *b, struct error *err)
{
	const struct spawn *s = b->wish;
	const char *name = s->program;
	int why = b->failed;

	if (b->is_directory)
		return error_set(err, ERR_INPUT, "cannot enter folder %s: %s",
				 s->directory ? s->directory : s->directory_in,
				 strerror(why));
	if (why == ENOENT && !strchr(name, '/'))
		return error_set(err, ERR_INPUT,
				 "cannot run \"%s\": not found in PATH (%s)",
				 name, s->path);
	if (why == ENOEXEC)
		return error_set(err, ERR_INPUT,
				 "cannot run \"%s\": not a program; a script "
				 "needs a first line such as #!/bin/sh",
				 name);
	if (why == EAGAIN || why == ENOMEM || why == EMFILE || why == ENFILE ||
	    why == ETXTBSY)
		return error_set(err, ERR_UNAVAILABLE, "cannot run \"%s\": %s",
				 name, strerror(why));
	return error_set(err, ERR_INPUT, "cannot run \"%s\": %s", name,
			 strerror(why));
}

int spawn(const struct spawn *s, pid_t *pid, struct error *err)
{
	struct birth b = {.wish = s, .parent = getpid()};
	sigset_t all, before;
	int why;

	b.candidates = candidates(s);
	/* No handler of ours may run in the child, on memory that is ours. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	*pid = fork_once(&b);
	why = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(b.candidates);
	if (*pid < 0)
		return error_set(err, ERR_UNAVAILABLE, "cannot fork: %s",
				 strerror(why));
	return b.failed ? refused(&b, err) : 0;
}
