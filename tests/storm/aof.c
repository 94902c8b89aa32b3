/* SPDX-License-Identifier: MIT */
/*
 * Prints what an append-only file of Redis says, a command a line, in the
 * order in which Redis carried them out: arguments with a TAB between, bytes
 * that are not plain as \xNN, long ones cut off. This is the history that the
 * checker judges. No code of the product is in here.
 *
 *   aof FILE...
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUMENT_MAX 400

struct text {
	const char *at, *end;
};

/* A line "<mark><number>\r\n", or -1: the file ends in the middle. */
static long read_number(struct text *t, char mark)
{
	const char *line = t->at;
	const char *end = memchr(line, '\n', (size_t)(t->end - line));

	if (!end || *line != mark)
		return -1;
	t->at = end + 1;
	return strtol(line + 1, NULL, 10);
}

static void print(const char *bytes, long len)
{
	for (long i = 0; i < len && i < ARGUMENT_MAX; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < ' ' || c > '~' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

/* False at the end, or where the file was cut. */
static int print_command(struct text *t)
{
	struct text whole = *t;
	long count, len;

	if (t->at == t->end)
		return 0;
	if (*t->at == '#') /* an annotation */
		return read_number(t, '#') >= 0;
	count = read_number(t, '*');
	for (long i = 0; i < count; i++) {
		len = read_number(t, '$');
		if (len < 0 || t->end - t->at < len + 2)
			return 0;
		t->at += len + 2;
	}
	read_number(&whole, '*');
	for (long i = 0; i < count; i++) {
		len = read_number(&whole, '$');
		if (i)
			putchar('\t');
		print(whole.at, len);
		whole.at += len + 2;
	}
	putchar('\n');
	return count > 0;
}

static int print_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct text text;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_size == 0)
		return close(fd);
	text.at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text.at == MAP_FAILED)
		return -1;
	text.end = text.at + st.st_size;
	while (print_command(&text))
		;
	return close(fd);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (print_file(argv[i]) < 0) {
			perror(argv[i]);
			return 1;
		}
	}
	return 0;
}
