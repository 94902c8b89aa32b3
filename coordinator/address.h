/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ADDRESS_H
#define TREADLE_ADDRESS_H

#include "treadle/base.h"

/*
 * Where the coordinator listens: "host:port", "[::1]:port", or ":port" for all
 * addresses of this machine; port 0 takes a free one. Names are looked up
 * while the caller waits: not for use inside of the loop.
 */
struct address {
	char host[256]; /* "" for all */
	char port[8];
};

int address_parse(const char *text, struct address *a, struct error *err);

/* Each gives a socket, or -1. The one that listens does not block. */
int address_listen(const struct address *a, struct error *err);
/* To whoever listens there; to all is to this machine. */
int address_connect(const struct address *a, struct error *err);

#define ADDRESS_URL_MAX 128
/* Of a socket that listens: "http://127.0.0.1:7420". */
void address_url(int fd, char url[ADDRESS_URL_MAX]);

#endif
