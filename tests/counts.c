/* SPDX-License-Identifier: MIT */
/*
 * Linked into the programs of the coverage build. What they have reached is
 * written when they exit, and so would be lost with whoever dies. Here it is
 * written before that, too:
 *
 *   at an abort of ours;
 *   at a crash point, where the worker kills itself;
 *   at SIGUSR2, which tests send for SIGKILL: then the program kills itself.
 *
 * The linker hands abort and kill to us (--wrap).
 *
 * What writing them wishes of the system is granted, where a test has the
 * program refused things (tests/e2e/exhaust.c).
 *
 * A thread waits for that signal, since a handler might come in the middle of
 * an allocation, and writing needs memory.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

void __gcov_dump(void);
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

static void be_granted_all(void)
{
	void (*end)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "exhaust_end");

	if (end)
		end();
}

static void write_counts(void)
{
	be_granted_all();
	__gcov_dump();
}

int __wrap_kill(pid_t pid, int number)
{
	if (pid == getpid() && number == SIGKILL)
		write_counts();
	return __real_kill(pid, number);
}

_Noreturn void __wrap_abort(void)
{
	write_counts();
	__real_abort();
}

static void *await(void *arg)
{
	sigset_t deadly;
	int number;

	sigemptyset(&deadly);
	sigaddset(&deadly, SIGUSR2);
	sigwait(&deadly, &number);
	kill(getpid(), SIGKILL);
	return arg;
}

__attribute__((constructor)) static void prepare(void)
{
	pthread_attr_t small;
	pthread_t thread;
	sigset_t all, before;

	atexit(be_granted_all);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &small, await, NULL) == 0)
		sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
}
