/* SPDX-License-Identifier: MIT */
#include "health.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "address.h"

#define TIMEOUT_S 3

/* Whether the answer is the one of a healthy coordinator. */
static int exchange(int fd, struct error *err)
{
	static const char question[] = "GET /healthz HTTP/1.1\r\n"
				       "Host: localhost\r\n"
				       "Connection: close\r\n\r\n";
	static const char wanted[] = "HTTP/1.1 200 ";
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	char answer[sizeof(wanted) - 1];
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
		return error_set(err, ERR_UNAVAILABLE, "asking /healthz: %s",
				 strerror(errno));
	got = recv(fd, answer, sizeof(answer), MSG_WAITALL);
	if (got < 0)
		return error_set(err, ERR_UNAVAILABLE,
				 "/healthz gave no answer for %d s", TIMEOUT_S);
	if ((size_t)got < sizeof(answer) ||
	    memcmp(answer, wanted, sizeof(answer)) != 0)
		return error_set(err, ERR_UNAVAILABLE,
				 "/healthz did not answer 200");
	return 0;
}

int health_ask(const char *listen, struct error *err)
{
	struct address address;
	int fd, status;

	if (address_parse(listen, &address, err))
		return -1;
	fd = address_connect(&address, err);
	if (fd < 0)
		return -1;
	status = exchange(fd, err);
	close(fd);
	return status;
}
