/* SPDX-License-Identifier: MIT */
#include "treadle/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int exit_code, http_status;
	const char *meaning;
} error_table[] = {
#define ERROR(name, exit_code, http_status, meaning)                           \
	{exit_code, http_status, meaning},
#include "treadle/errors.def"
#undef ERROR
};

void must_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "bug: %s:%d: not true: %s\n", file, line, condition);
	abort();
}

void afford_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "out of memory: %s:%d: not true: %s\n", file, line,
		condition);
	abort();
}

int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return -1;
	err->kind = kind;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;
	size_t len;

	if (!err)
		return -1;
	memcpy(text, err->text, sizeof(text));
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, "%s", text);
	return -1;
}

int error_exit_code(enum error_kind kind)
{
	must((size_t)kind < countof(error_table));
	return error_table[kind].exit_code;
}

int error_http_status(enum error_kind kind)
{
	must((size_t)kind < countof(error_table));
	return error_table[kind].http_status;
}

const char *error_meaning(enum error_kind kind)
{
	must((size_t)kind < countof(error_table));
	return error_table[kind].meaning;
}

static void *checked(void *memory, size_t size)
{
	if (memory)
		return memory;
	fprintf(stderr, "out of memory: no room for %zu bytes\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1), size);
}

void *xcalloc(size_t count, size_t size)
{
	if (!count || !size)
		count = size = 1;
	return checked(calloc(count, size), size);
}

void *xrealloc(void *old, size_t size)
{
	return checked(realloc(old, size ? size : 1), size);
}

char *xstrdup(const char *text)
{
	return xmemdup(text, strlen(text));
}

char *xmemdup(const void *bytes, size_t len)
{
	char *copy;

	must(len < SIZE_MAX);
	copy = xmalloc(len + 1);
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	char *text;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return checked(len < 0 ? NULL : text, strlen(fmt));
}
