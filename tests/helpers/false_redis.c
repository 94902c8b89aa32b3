/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "treadle/base.h"

/*
 * A server on a unix socket that is no Redis, or not quite one.
 *
 * false_redis SOCKET is VERSION   greets as a Redis of that version, and knows
 *                                 nothing else; "5" does not know HELLO either
 * false_redis SOCKET loses WORD TARGET
 *                                 hands everything on to the Redis at TARGET;
 *                                 but a connection on which WORD was said is
 *                                 closed instead of being answered, once
 *
 * One process for each connection; ends at SIGTERM.
 */
static const char *word, *version, *target;
static char *lost_mark; /* a file that is there once an answer was lost */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_socket(const char *path, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || strlen(path) >= sizeof(address->sun_path))
		die(path);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, strlen(path) + 1);
	return fd;
}

static void say(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n <= 0)
			exit(0);
		bytes += n;
		len -= (size_t)n;
	}
}

/* --- it is an old one ---------------------------------------------------- */

static void greet(int fd, const char *bytes, size_t len)
{
	char answer[256] = "-ERR unknown command\r\n";

	if (memmem(bytes, len, "HELLO", 5) && strcmp(version, "5") != 0)
		snprintf(answer, sizeof(answer),
			 "*6\r\n+server\r\n+redis\r\n+version\r\n+%s\r\n"
			 "+role\r\n+master\r\n",
			 version);
	say(fd, answer, strlen(answer));
}

/* --- it loses an answer -------------------------------------------------- */

/* True to one process alone, the first that asks. */
static bool may_lose(void)
{
	FILE *mark = fopen(lost_mark, "wxe");

	return mark && fclose(mark) == 0;
}

static void hand_on(int client)
{
	struct sockaddr_un address;
	int server = open_socket(target, &address);
	struct pollfd fds[2] = {{.fd = client, .events = POLLIN},
				{.fd = server, .events = POLLIN}};
	static char bytes[1 << 16];
	bool is_said = false;

	if (connect(server, (struct sockaddr *)&address, sizeof(address)))
		exit(0);
	while (poll(fds, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, bytes, sizeof(bytes));
			if (n <= 0)
				exit(0);
			if (i == 1 && is_said && may_lose())
				exit(0);
			is_said = i == 0 &&
				  memmem(bytes, (size_t)n, word, strlen(word));
			say(fds[1 - i].fd, bytes, (size_t)n);
		}
	}
}

/* --- connections --------------------------------------------------------- */

static void serve(int client)
{
	static char bytes[1 << 16];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (target)
		hand_on(client);
	while ((n = read(client, bytes, sizeof(bytes))) > 0)
		greet(client, bytes, (size_t)n);
	exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address;
	int listener;

	if (argc == 4 && strcmp(argv[2], "is") == 0)
		version = argv[3];
	else if (argc == 5 && strcmp(argv[2], "loses") == 0)
		word = argv[3], target = argv[4];
	else
		return 2;
	lost_mark = xasprintf("%s.lost", argv[1]);
	signal(SIGCHLD, SIG_IGN);
	listener = open_socket(argv[1], &address);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 16))
		die(argv[1]);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client >= 0 && fork() == 0)
			serve(client);
		if (client >= 0)
			close(client);
	}
}
