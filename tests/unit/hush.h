/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_HUSH_H
#define TREADLE_TEST_HUSH_H

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/*
 * Where a test wants errors, nobody wants to read them. Sanitizers are heard
 * all the same.
 */
static int hushed = -1;

__attribute__((weak)) void __sanitizer_set_report_fd(void *fd);

static inline void hush_report(int fd)
{
	if (__sanitizer_set_report_fd)
		__sanitizer_set_report_fd((void *)(intptr_t)fd);
}

static inline void hush(void)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	hushed = dup(STDERR_FILENO);
	hush_report(hushed);
	dup2(nowhere, STDERR_FILENO);
	close(nowhere);
}

static inline void unhush(void)
{
	dup2(hushed, STDERR_FILENO);
	hush_report(STDERR_FILENO);
	close(hushed);
}

#endif
