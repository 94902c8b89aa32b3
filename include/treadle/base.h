/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BASE_H
#define TREADLE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The ground floor: bugs, errors, allocation.
 *
 * A bug stops the process (must). An error is a value that travels up to
 * the one who can handle it (struct error). Memory that cannot be had stops
 * the process as well: what lasts is in Redis, and a worker that dies is a
 * case the whole system is made for.
 */

#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What only a bug can break. Stays on in release builds. */
#define must(condition)                                                        \
	((condition) ? (void)0 : must_fail(__FILE__, __LINE__, #condition))

_Noreturn void must_fail(const char *file, int line, const char *condition);

/* What only a lack of memory can break, where a library asked for it. */
#define must_afford(condition)                                                 \
	((condition) ? (void)0 : afford_fail(__FILE__, __LINE__, #condition))

_Noreturn void afford_fail(const char *file, int line, const char *condition);

enum error_kind {
#define ERROR(name, exit_code, http_status, meaning) ERR_##name,
#include "treadle/errors.def"
#undef ERROR
};

/*
 * Why our code could not do what it was asked. Text is one line, lower case,
 * no full stop: what was being done, on what, why, and the remedy.
 */
struct error {
	enum error_kind kind;
	char text[512];
};

/* Fills err, which may be NULL; returns -1, so that failing is one line. */
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
	PRINTF(3, 4);

/* Puts context in front of the text; returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);

int error_exit_code(enum error_kind kind);
int error_http_status(enum error_kind kind);
const char *error_meaning(enum error_kind kind);

/* Allocation that does not fail. Zero sizes are allowed; free() releases. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);
char *xmemdup(const void *bytes, size_t len); /* a NUL is added */
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

#endif
