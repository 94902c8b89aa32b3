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
 * A thread waits for that signal, since a handler might come in the middle of
 * an allocation, and writing needs memory.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

void __gcov_dump(void);
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
_Noreturn void __real_abort(void);
_Noreturn void __wrap_abort(void);

int __wrap_kill(pid_t pid, int number)
{
	if (pid == getpid() && number == SIGKILL)
		__gcov_dump();
	return __real_kill(pid, number);
}

_Noreturn void __wrap_abort(void)
{
	__gcov_dump();
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

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &small, await, NULL) == 0)
		sigaddset(&before, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
}
