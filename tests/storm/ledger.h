/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORM_LEDGER_H
#define TREADLE_STORM_LEDGER_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * What those share who write ledgers. Each line is one write(2) to a file
 * that is appended to, so that lines are whole whoever is killed. No code of
 * the product is in here.
 */

static inline long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Whoever can't write it down must not go on. */
static inline int ledger_open(const char *path)
{
	int ledger =
		path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
			    0600)
		     : -1;

	if (ledger < 0)
		_exit(71);
	return ledger;
}

static inline void ledger_add(int ledger, const char *line, int len, int size)
{
	if (len < 0 || len >= size || write(ledger, line, (size_t)len) != len)
		_exit(71);
}

/* One word of what was given, "-" for nothing. size is 2 at least. */
static inline void ledger_word(char *text)
{
	for (char *p = text; *p; p++)
		if (*p <= ' ')
			*p = ',';
	if (!*text)
		memcpy(text, "-", 2);
}

/* FNV-1a: the same attempt always fails, or never. */
static inline unsigned chance_of(const char *key, const char *attempt)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	for (; *attempt; attempt++)
		hash = (hash ^ (unsigned char)*attempt) * 16777619u;
	return (hash >> 8) % 100;
}

/* Of the attempts so many percent fail, but none beyond the second. */
static inline int must_fail(const char *key, const char *attempt, long percent)
{
	return strtol(attempt, NULL, 10) <= 2 &&
	       (long)chance_of(key, attempt) < percent;
}

#endif
