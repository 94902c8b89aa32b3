/* SPDX-License-Identifier: MIT */
/*
 * Loaded into redis-server (LD_PRELOAD): its wall clock is off by as many
 * seconds as the file named by TREADLE_CLOCK says, read anew each time.
 * The storm and tests/e2e/570-clock-jump.sh use it. Monotonic clocks stay as
 * they are.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int file = -1;
static time_t offset;

__attribute__((constructor)) static void open_file(void)
{
	const char *path = getenv("TREADLE_CLOCK");

	file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static time_t shifted(time_t seconds)
{
	char text[24];
	ssize_t len = pread(file, text, sizeof(text) - 1, 0);

	/* While the file is being written it is empty: as it was, then. */
	if (len > 0) {
		text[len] = '\0';
		offset = (time_t)atoll(text);
	}
	return seconds + offset;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	int status = (int)syscall(SYS_clock_gettime, clock, at);

	if (!status &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		at->tv_sec = shifted(at->tv_sec);
	return status;
}

int gettimeofday(struct timeval *at, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	at->tv_sec = now.tv_sec;
	at->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (at)
		*at = now.tv_sec;
	return now.tv_sec;
}
