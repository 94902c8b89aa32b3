/* SPDX-License-Identifier: MIT */
#include "crash.h"

#ifdef TREADLE_TEST
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char later[64];

/* Is it the N-th passing of the POINT[:N] that the variable names? */
static bool is_reached(const char *variable, const char *name, unsigned *passed)
{
	const char *wanted = getenv(variable);
	size_t len = strlen(name);
	unsigned at = 1;

	if (!wanted || strncmp(wanted, name, len) != 0)
		return false;
	if (wanted[len] == ':')
		at = (unsigned)strtoul(wanted + len + 1, NULL, 10);
	else if (wanted[len] != '\0')
		return false;
	return ++*passed == at;
}

void crash_point(const char *name)
{
	static unsigned crashes, hangs;

	if (is_reached("TREADLE_CRASH_AT", name, &crashes))
		kill(getpid(), SIGKILL);
	if (is_reached("TREADLE_HANG_AT", name, &hangs))
		for (;;)
			pause();
}

void crash_point_of(const char *prefix, const char *name, const char *suffix)
{
	char point[64];

	snprintf(point, sizeof(point), "%s%s%s", prefix, name, suffix);
	crash_point(point);
}

void crash_later(const char *prefix, const char *name, const char *suffix)
{
	snprintf(later, sizeof(later), "%s%s%s", prefix, name, suffix);
}

void crash_turn(void)
{
	if (later[0] != '\0')
		crash_point(later);
	later[0] = '\0';
}
#endif
