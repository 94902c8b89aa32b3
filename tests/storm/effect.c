/* SPDX-License-Identifier: MIT */
/*
 * The handler of the storm: an effect between two lines of a ledger.
 *
 *   effect LEDGER MS PERCENT
 *
 *   start RUN STEP ATTEMPT RECOVERY KEY PID WORKER_PID AT_MS GIVEN
 *   end   RUN STEP ATTEMPT RECOVERY KEY PID WORKER_PID AT_MS DIGEST
 *
 * It takes up to MS milliseconds. What it yields, the digest, is new at every
 * start: a checkpoint tells which start was committed. PERCENT of the attempts
 * fail, but none beyond the second; with 100 each does, for good.
 */
#include <stdio.h>

#include "ledger.h"

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : "-";
}

static void note(int ledger, const char *what, const char *rest)
{
	char line[2048];
	int len = snprintf(
		line, sizeof(line), "%s %s %s %s %s %s %d %d %lld %s\n", what,
		env("TREADLE_RUN"), env("TREADLE_STEP"), env("TREADLE_ATTEMPT"),
		env("TREADLE_RECOVERY"), env("TREADLE_IDEMPOTENCY_KEY"),
		(int)getpid(), (int)getppid(), now_ms(), rest);

	ledger_add(ledger, line, len, sizeof(line));
}

static void read_given(char *given, size_t size)
{
	size_t len = 0;
	ssize_t got;

	while (len + 1 < size &&
	       (got = read(STDIN_FILENO, given + len, size - 1 - len)) > 0)
		len += (size_t)got;
	given[len] = '\0';
	ledger_word(given);
}

int main(int argc, char **argv)
{
	static const char said[] =
		"{\"progress\":0.5}\n{\"cost\":{\"effects\":1}}\n";
	char given[1024], digest[128];
	long long begun = now_ms();
	int ledger = ledger_open(argc > 1 ? argv[1] : NULL);
	long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	long percent = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	read_given(given, sizeof(given));
	snprintf(digest, sizeof(digest), "%s-%d-%lld", env("TREADLE_STEP"),
		 (int)getpid(), begun);
	note(ledger, "start", given);
	if (write(3, said, sizeof(said) - 1) < 0)
		return 71;
	if (ms > 0)
		usleep((useconds_t)((getpid() * 7919L + begun) % ms) * 1000);
	if (percent == 100) {
		note(ledger, "end", "failed");
		return 65;
	}
	if (must_fail(env("TREADLE_IDEMPOTENCY_KEY"), env("TREADLE_ATTEMPT"),
		      percent)) {
		note(ledger, "end", "failed");
		return 75;
	}
	note(ledger, "end", digest);
	printf("\"%s\"\n", digest);
	return 0;
}
