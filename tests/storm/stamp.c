/* SPDX-License-Identifier: MIT */
/*
 * Appends what it reads to a ledger, each line with a word before it and the
 * time behind it, in one write(2).
 *
 *   stamp LEDGER WORD
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int ledger =
		argc > 2 ? open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600)
			 : -1;
	char read_line[1024], line[1200];
	struct timespec t;
	int len;

	if (ledger < 0)
		return 71;
	while (fgets(read_line, sizeof(read_line), stdin)) {
		read_line[strcspn(read_line, "\n")] = '\0';
		clock_gettime(CLOCK_REALTIME, &t);
		len = snprintf(line, sizeof(line), "%s %s %lld\n", argv[2],
			       read_line,
			       t.tv_sec * 1000LL + t.tv_nsec / 1000000);
		if (write(ledger, line, (size_t)len) != len)
			return 71;
	}
	return 0;
}
