/* SPDX-License-Identifier: MIT */
/*
 * Appends what it reads to a ledger, each line with a word before it and the
 * time behind it. A line whose end never comes was not said.
 *
 *   stamp LEDGER WORD
 */
#include <stdio.h>

#include "ledger.h"

int main(int argc, char **argv)
{
	int ledger = ledger_open(argc > 2 ? argv[1] : NULL);
	char read_line[1024], line[1200];
	char *end;

	while (fgets(read_line, sizeof(read_line), stdin)) {
		end = strchr(read_line, '\n');
		if (!end)
			break;
		*end = '\0';
		ledger_add(ledger, line,
			   snprintf(line, sizeof(line), "%s %s %lld\n", argv[2],
				    read_line, now_ms()),
			   sizeof(line));
	}
	return 0;
}
