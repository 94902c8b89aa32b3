/* SPDX-License-Identifier: MIT */
/*
 * The handler of the storm: an effect between two lines of a ledger.
 *
 *   effect LEDGER MS PERCENT
 *
 *   start RUN STEP ATTEMPT RECOVERY KEY PID WORKER_PID AT_MS GIVEN
 *   end   RUN STEP ATTEMPT RECOVERY KEY PID WORKER_PID AT_MS DIGEST
 *
 * It takes up to MS milliseconds. Each line is one write(2) to a file that is
 * appended to, so that lines are whole whoever is killed. What it yields, the
 * digest, is new at every start: a checkpoint tells which start was committed.
 * PERCENT of the attempts fail, but none beyond the second. No code of the
 * product is in here.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

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

	if (len < 0 || (size_t)len >= sizeof(line) ||
	    write(ledger, line, (size_t)len) != len)
		_exit(71);
}

static void read_given(char *given, size_t size)
{
	size_t len = 0;
	ssize_t got;

	while (len + 1 < size &&
	       (got = read(STDIN_FILENO, given + len, size - 1 - len)) > 0)
		len += (size_t)got;
	given[len] = '\0';
	for (char *p = given; *p; p++)
		if (*p <= ' ')
			*p = ',';
	if (!len)
		memcpy(given, "-", 2);
}

/* FNV-1a: the same attempt always fails, or never. */
static unsigned chance_of(const char *key, const char *attempt)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	for (; *attempt; attempt++)
		hash = (hash ^ (unsigned char)*attempt) * 16777619u;
	return (hash >> 8) % 100;
}

int main(int argc, char **argv)
{
	static const char said[] =
		"{\"progress\":0.5}\n{\"cost\":{\"effects\":1}}\n";
	char given[1024], digest[128];
	const char *attempt = env("TREADLE_ATTEMPT");
	long long begun = now_ms();
	long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	long percent = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	int ledger =
		argc > 1 ? open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600)
			 : -1;

	if (ledger < 0)
		return 71;
	read_given(given, sizeof(given));
	snprintf(digest, sizeof(digest), "%s-%d-%lld", env("TREADLE_STEP"),
		 (int)getpid(), begun);
	note(ledger, "start", given);
	if (write(3, said, sizeof(said) - 1) < 0)
		return 71;
	if (ms > 0)
		usleep((useconds_t)((getpid() * 7919L + begun) % ms) * 1000);
	if (strtol(attempt, NULL, 10) <= 2 &&
	    (long)chance_of(env("TREADLE_IDEMPOTENCY_KEY"), attempt) <
		    percent) {
		note(ledger, "end", "failed");
		return 75;
	}
	note(ledger, "end", digest);
	printf("\"%s\"\n", digest);
	return 0;
}
