/* SPDX-License-Identifier: MIT */
/*
 * The API that the http steps of the storm call: an effect between two lines
 * of a ledger, as effect.c has it. Listens on 127.0.0.1, prints its port.
 *
 *   api LEDGER MS PERCENT
 *
 *   POST /RUN/STEP/ATTEMPT, with a body and an Idempotency-Key
 *
 * It takes up to MS milliseconds and yields a digest that is new each time.
 * PERCENT of the attempts fail, none beyond the second: with 503, or without
 * an answer, after the effect. Whose effect it is, the ledger says; of which
 * process it was, nobody knows here.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>

#include "ledger.h"

#define REQUEST_MAX 8192

static int ledger;
static long ms_max, percent;

struct request {
	char text[REQUEST_MAX + 1];
	size_t len, used;
	char run[64], step[64], attempt[16], key[160], given[1024];
};

static void note(const struct request *q, const char *what, const char *rest)
{
	char line[2048];
	int len = snprintf(line, sizeof(line), "%s %s %s %s - %s - - %lld %s\n",
			   what, q->run, q->step, q->attempt, q->key, now_ms(),
			   rest);

	ledger_add(ledger, line, len, sizeof(line));
}

/* The value of a header, which ends with its line; "" without one. */
static const char *header(const char *head, const char *name)
{
	const char *line = head;
	size_t len = strlen(name);

	while ((line = strchr(line, '\n')) && line[1] != '\r') {
		line++;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1;
	}
	return "";
}

/* -1: it is none; 0: it is not whole yet; 1. */
static int parse(struct request *q)
{
	char *body;
	long len;

	q->text[q->len] = '\0';
	body = strstr(q->text, "\r\n\r\n");
	if (!body)
		return 0;
	body += 4;
	len = strtol(header(q->text, "Content-Length"), NULL, 10);
	if (len < 0 || (size_t)len >= sizeof(q->given) ||
	    sscanf(q->text, "POST /%63[^/ ]/%63[^/ ]/%15[^/ ] ", q->run,
		   q->step, q->attempt) != 3 ||
	    sscanf(header(q->text, "Idempotency-Key"), " %159[^\r ]", q->key) !=
		    1)
		return -1;
	q->used = (size_t)(body - q->text) + (size_t)len;
	if (q->used > q->len)
		return 0;
	memcpy(q->given, body, (size_t)len);
	q->given[len] = '\0';
	ledger_word(q->given);
	return 1;
}

/* False: the connection is of no use any more. */
static int read_request(int peer, struct request *q)
{
	ssize_t got;
	int is_whole;

	while ((is_whole = parse(q)) == 0) {
		if (q->len == REQUEST_MAX)
			return 0;
		got = read(peer, q->text + q->len, REQUEST_MAX - q->len);
		if (got <= 0)
			return 0;
		q->len += (size_t)got;
	}
	return is_whole > 0;
}

static int answer(int peer, int status, const char *body)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "HTTP/1.1 %d Whatever\r\n"
			   "Content-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   status, strlen(body), body);

	return write(peer, text, (size_t)len) == len;
}

/* False: hang up. */
static int perform(int peer, const struct request *q)
{
	static long count;
	long number = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	char digest[128], body[160];

	note(q, "start", q->given);
	if (ms_max > 0)
		usleep((useconds_t)(number * 7919 % ms_max) * 1000);
	if (must_fail(q->key, q->attempt, percent)) {
		note(q, "end", "failed");
		return number % 2 && answer(peer, 503, "\"not now\"");
	}
	snprintf(digest, sizeof(digest), "%s-api%ld-%lld", q->step, number,
		 now_ms());
	note(q, "end", digest);
	snprintf(body, sizeof(body), "\"%s\"", digest);
	return answer(peer, 200, body);
}

static void *serve(void *arg)
{
	int peer = (int)(intptr_t)arg;
	struct request q = {.len = 0};

	while (read_request(peer, &q) && perform(peer, &q)) {
		memmove(q.text, q.text + q.used, q.len - q.used);
		q.len -= q.used;
	}
	close(peer);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	socklen_t len = sizeof(at);
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	ledger = ledger_open(argc > 1 ? argv[1] : NULL);
	ms_max = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	percent = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 1024) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		return 71;
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	while ((peer = accept(listener, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, NULL, serve,
				   (void *)(intptr_t)peer) != 0)
			close(peer);
		else
			pthread_detach(thread);
	}
	return 71;
}
