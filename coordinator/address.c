/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "treadle/text.h"

#define BACKLOG 128

/* --- reading ---------------------------------------------------------------
 */

/* "[::1]" without its brackets; -1 for colons without brackets. */
static int unbracket(struct slice *host)
{
	if (!slice_starts(*host, "["))
		return memchr(host->data, ':', host->len) ? -1 : 0;
	if (host->len < 3 || host->data[host->len - 1] != ']')
		return -1;
	*host = (struct slice){host->data + 1, host->len - 2};
	return 0;
}

int address_parse(const char *text, struct address *a, struct error *err)
{
	const char *colon = strrchr(text, ':');
	struct slice host = {text, colon ? (size_t)(colon - text) : 0};
	int64_t port;

	if (!colon || unbracket(&host) || host.len >= sizeof(a->host) ||
	    slice_int(slice_of(colon + 1), 0, 65535, &port))
		return error_set(err, ERR_USAGE,
				 "coordinator.listen is \"%s\", which is not "
				 "an address and a port, like 127.0.0.1:7420 "
				 "or [::1]:7420",
				 text);
	memcpy(a->host, host.data, host.len);
	a->host[host.len] = '\0';
	snprintf(a->port, sizeof(a->port), "%d", (int)port);
	return 0;
}

/* --- opening ---------------------------------------------------------------
 */

static int listen_at(int fd, const struct addrinfo *at)
{
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG);
}

static int connect_to(int fd, const struct addrinfo *at)
{
	return connect(fd, at->ai_addr, at->ai_addrlen);
}

/* The first address at which use succeeds; else -1 with errno set. */
static int open_any(const struct addrinfo *at, int flags,
		    int (*use)(int fd, const struct addrinfo *at))
{
	int problem = EADDRNOTAVAIL;

	for (; at; at = at->ai_next) {
		int fd = socket(at->ai_family, at->ai_socktype | flags,
				at->ai_protocol);

		if (fd >= 0 && use(fd, at) == 0)
			return fd;
		problem = errno;
		if (fd >= 0)
			close(fd);
	}
	errno = problem;
	return -1;
}

static int look_up(const struct address *a, int flags, struct addrinfo **found,
		   struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = flags};
	int status =
		getaddrinfo(*a->host ? a->host : NULL, a->port, &hints, found);

	if (!status)
		return 0;
	return error_set(err, ERR_USAGE, "looking up coordinator.listen %s: %s",
			 a->host, gai_strerror(status));
}

int address_listen(const struct address *a, struct error *err)
{
	struct addrinfo *found;
	int fd;

	if (look_up(a, AI_PASSIVE, &found, err))
		return -1;
	fd = open_any(found, SOCK_CLOEXEC | SOCK_NONBLOCK, listen_at);
	if (fd < 0)
		error_set(err, ERR_SYSTEM,
			  "listening on %s:%s: %s; choose another address with "
			  "--coordinator-listen, or none with an empty one",
			  a->host, a->port, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int address_connect(const struct address *a, struct error *err)
{
	struct addrinfo *found;
	int fd;

	if (look_up(a, 0, &found, err))
		return -1;
	fd = open_any(found, SOCK_CLOEXEC, connect_to);
	if (fd < 0)
		error_set(err, ERR_UNAVAILABLE, "connecting to %s:%s: %s",
			  a->host, a->port, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

void address_url(int fd, char url[ADDRESS_URL_MAX])
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64] = "?", port[8] = "?";

	memset(&address, 0, sizeof(address));
	getsockname(fd, (struct sockaddr *)&address, &len);
	getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(url, ADDRESS_URL_MAX,
		 address.ss_family == AF_INET6 ? "http://[%s]:%s"
					       : "http://%s:%s",
		 host, port);
}
