/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ADDRESS_H
#define TREADLE_ADDRESS_H

#include <sys/socket.h>

#include "treadle/config.h"

/*
 * Ranges of IP addresses that no http step may connect to.
 *
 * What is checked is the address that a connection is about to be made to,
 * so neither a name that resolves to it, nor a redirect, nor another spelling
 * of the number leads around it. IPv4 inside of IPv6 (::ffff:0:0/96,
 * 64:ff9b::/96) is judged as IPv4. 0.0.0.0/8, :: and multicast are always
 * denied: nobody answers there who was meant.
 */
struct address_range {
	uint8_t bytes[16];
	int bits;     /* of the prefix */
	bool is_ipv4; /* then 4 bytes count */
};

#define ADDRESS_RANGES_MAX 64
struct address_ranges {
	struct address_range items[ADDRESS_RANGES_MAX];
	size_t count;
};

/* "169.254.0.0/16", "fe80::/10", "10.1.2.3"; an error names the culprit. */
int address_ranges_read(const struct text_list *list,
			struct address_ranges *ranges, struct error *err);

/* Anything but IPv4 and IPv6 is denied as well. */
bool address_is_denied(const struct address_ranges *ranges,
		       const struct sockaddr *address);

/* The number as text, for messages; returns text. */
#define ADDRESS_TEXT_MAX 64
const char *address_format(const struct sockaddr *address,
			   char text[ADDRESS_TEXT_MAX]);

#endif
