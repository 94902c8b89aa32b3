/* SPDX-License-Identifier: MIT */
/*
 * Loaded into a program of ours (LD_PRELOAD): the system refuses it something
 * at its N-th wish. tests/e2e/exhaust.sh compiles it, and says what to refuse
 * in EXHAUST: KIND:N the N-th wish of that kind, KIND:N+ that one and all that
 * follow. Kinds, and what is answered:
 *
 *   memory  malloc, calloc, realloc, posix_memalign: ENOMEM
 *   process fork, vfork, pthread_create: EAGAIN
 *   file    open, fopen, memfd_create: EMFILE
 *   pipe    pipe, socketpair, eventfd, epoll_create: EMFILE
 *   socket  socket, accept: EMFILE
 *   watch   epoll_ctl, to add or change: ENOMEM
 *   full    write and its like, to a file: ENOSPC
 *   signal  write and its like: EINTR, but never twice running
 *   short   write and its like, where the system may: one byte only
 *
 * EXHAUST_COUNTS names a file in which numbers of 64 bits are counted: how
 * often each kind was wished, in this order, how often refused, and last how
 * often a library waits for itself. It is mapped, so that nothing of it is lost
 * whatever becomes of the program.
 *
 * The counting of branches (tests/counts.c) calls exhaust_end() before it
 * writes: what it wishes is not the program's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { MEMORY, PROCESS, FILES, PIPE, SOCKET, WATCH, FULL, SIGNAL, SHORT };
#define KINDS (SHORT + 1)
enum { REFUSED = KINDS, DEADLOCKS, COUNTS };

static const char *const names[KINDS] = {"memory", "process", "file",
					 "pipe",   "socket",  "watch",
					 "full",   "signal",  "short"};

static _Atomic uint64_t ours[COUNTS];
static _Atomic uint64_t *counts = ours;
static int refused = -1; /* a kind */
static uint64_t first;
static bool for_ever, is_armed;

/* The function that would have been called, without us. */
static void *next_of(void **known, const char *name)
{
	if (!*known)
		*known = dlsym(RTLD_NEXT, name);
	return *known;
}
#define NEXT(name)                                                             \
	({                                                                     \
		static void *known;                                            \
		(__typeof__(&name))next_of(&known, #name);                     \
	})

__attribute__((constructor)) static void arm(void)
{
	const char *wish = getenv("EXHAUST"), *path = getenv("EXHAUST_COUNTS");
	char *rest;
	int file;

	file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (file >= 0 && ftruncate(file, sizeof(ours)) == 0) {
		void *map = mmap(NULL, sizeof(ours), PROT_READ | PROT_WRITE,
				 MAP_SHARED, file, 0);

		if (map != MAP_FAILED)
			counts = map;
	}
	if (file >= 0)
		close(file);
	for (int i = 0; wish && i < KINDS; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(wish, names[i], len) != 0 || wish[len] != ':')
			continue;
		first = strtoull(wish + len + 1, &rest, 10);
		for_ever = *rest == '+';
		refused = i;
	}
	is_armed = true;
}

void exhaust_end(void);

void exhaust_end(void)
{
	is_armed = false;
}

static bool is_refused(enum kind kind)
{
	uint64_t now;

	if (!is_armed)
		return false;
	now = atomic_fetch_add(&counts[kind], 1) + 1;
	if ((int)kind != refused || now < first || (now > first && !for_ever))
		return false;
	atomic_fetch_add(&counts[REFUSED], 1);
	return true;
}

static int refuse(int why)
{
	errno = why;
	return -1;
}

/* --- memory -------------------------------------------------------------- */

void *malloc(size_t size)
{
	if (is_refused(MEMORY)) {
		errno = ENOMEM;
		return NULL;
	}
	return NEXT(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
	if (is_refused(MEMORY)) {
		errno = ENOMEM;
		return NULL;
	}
	return NEXT(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
	if (size && is_refused(MEMORY)) {
		errno = ENOMEM;
		return NULL;
	}
	return NEXT(realloc)(old, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	return is_refused(MEMORY)
		       ? ENOMEM
		       : NEXT(posix_memalign)(memory, alignment, size);
}

/* --- processes ----------------------------------------------------------- */

pid_t fork(void)
{
	return is_refused(PROCESS) ? refuse(EAGAIN) : NEXT(fork)();
}

/*
 * The child returns into our caller while the parent still waits, so nothing
 * of ours may be on the stack by then: with -O2 the compiler makes the call a
 * jump.
 */
static pid_t (*next_vfork)(void);

pid_t vfork(void)
{
	if (!next_vfork)
		next_vfork = NEXT(vfork);
	if (is_refused(PROCESS))
		return refuse(EAGAIN);
	return next_vfork();
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
		   void *(*body)(void *), void *arg)
{
	return is_refused(PROCESS)
		       ? EAGAIN
		       : NEXT(pthread_create)(thread, attributes, body, arg);
}

/*
 * What a library does once, it must not ask for while it does it: it would wait
 * for itself for ever. OpenSSL 3.5 does where it finds no memory as it begins,
 * since to note this error it must have begun.
 */
int pthread_once(pthread_once_t *control, void (*body)(void))
{
	static _Thread_local pthread_once_t *begun[8];
	static _Thread_local size_t depth;
	int status;

	for (size_t i = 0; i < depth; i++)
		if (begun[i] == control)
			atomic_fetch_add(&counts[DEADLOCKS], 1);
	if (depth == sizeof(begun) / sizeof(*begun))
		abort();
	begun[depth++] = control;
	status = NEXT(pthread_once)(control, body);
	depth--;
	return status;
}

/* --- descriptors --------------------------------------------------------- */

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		va_list args;                                                  \
		mode_t mode;                                                   \
                                                                               \
		va_start(args, flags);                                         \
		mode = (mode_t)va_arg(args, int);                              \
		va_end(args);                                                  \
		return is_refused(FILES) ? refuse(EMFILE)                      \
					 : NEXT(name)(path, flags, mode);      \
	}

OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                           \
	int name(int folder, const char *path, int flags, ...)                 \
	{                                                                      \
		va_list args;                                                  \
		mode_t mode;                                                   \
                                                                               \
		va_start(args, flags);                                         \
		mode = (mode_t)va_arg(args, int);                              \
		va_end(args);                                                  \
		return is_refused(FILES)                                       \
			       ? refuse(EMFILE)                                \
			       : NEXT(name)(folder, path, flags, mode);        \
	}

OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                            \
	FILE *name(const char *path, const char *how)                          \
	{                                                                      \
		if (is_refused(FILES)) {                                       \
			errno = EMFILE;                                        \
			return NULL;                                           \
		}                                                              \
		return NEXT(name)(path, how);                                  \
	}

FOPEN(fopen)
FOPEN(fopen64)

int memfd_create(const char *name, unsigned flags)
{
	return is_refused(FILES) ? refuse(EMFILE)
				 : NEXT(memfd_create)(name, flags);
}

int pipe(int ends[2])
{
	return is_refused(PIPE) ? refuse(EMFILE) : NEXT(pipe)(ends);
}

int pipe2(int ends[2], int flags)
{
	return is_refused(PIPE) ? refuse(EMFILE) : NEXT(pipe2)(ends, flags);
}

int socketpair(int family, int type, int protocol, int ends[2])
{
	return is_refused(PIPE)
		       ? refuse(EMFILE)
		       : NEXT(socketpair)(family, type, protocol, ends);
}

int eventfd(unsigned count, int flags)
{
	return is_refused(PIPE) ? refuse(EMFILE) : NEXT(eventfd)(count, flags);
}

int epoll_create1(int flags)
{
	return is_refused(PIPE) ? refuse(EMFILE) : NEXT(epoll_create1)(flags);
}

int socket(int family, int type, int protocol)
{
	return is_refused(SOCKET) ? refuse(EMFILE)
				  : NEXT(socket)(family, type, protocol);
}

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	return is_refused(SOCKET) ? refuse(EMFILE)
				  : NEXT(accept4)(fd, address, len, flags);
}

int epoll_ctl(int set, int how, int fd, struct epoll_event *event)
{
	if (how != EPOLL_CTL_DEL && is_refused(WATCH))
		return refuse(ENOMEM);
	return NEXT(epoll_ctl)(set, how, fd, event);
}

/* --- writing ------------------------------------------------------------- */

/* 0: go on; 1: one byte only; -1: refused, errno says why. */
static int trouble(int fd, size_t len)
{
	static _Thread_local bool was_signalled;
	struct stat about = {.st_mode = 0};

	fstat(fd, &about);
	if (S_ISREG(about.st_mode) && is_refused(FULL))
		return refuse(ENOSPC);
	was_signalled = !was_signalled && is_refused(SIGNAL);
	if (was_signalled)
		return refuse(EINTR);
	/* What goes into a pipe goes as a whole, unless it is long. */
	if (S_ISREG(about.st_mode) || S_ISSOCK(about.st_mode) ||
	    (S_ISFIFO(about.st_mode) && len > PIPE_BUF))
		return len > 1 && is_refused(SHORT);
	return 0;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	int what = trouble(fd, len);

	if (what < 0)
		return -1;
	return NEXT(write)(fd, bytes, what ? 1 : len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	struct iovec one = {.iov_len = 0};
	size_t len = 0;
	int what;

	for (int i = 0; i < count; i++)
		len += parts[i].iov_len;
	what = trouble(fd, len);
	if (what < 0)
		return -1;
	for (int i = 0; what && i < count && !one.iov_len; i++)
		if (parts[i].iov_len)
			one = (struct iovec){parts[i].iov_base, 1};
	return one.iov_len ? NEXT(writev)(fd, &one, 1)
			   : NEXT(writev)(fd, parts, count);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	int what = trouble(fd, len);

	if (what < 0)
		return -1;
	return NEXT(send)(fd, bytes, what ? 1 : len, flags);
}
