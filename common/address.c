/* SPDX-License-Identifier: MIT */
#include "treadle/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "treadle/text.h"

static int read_range(const char *text, struct address_range *range,
		      struct error *err)
{
	struct slice rest = slice_trim(slice_of(text));
	struct slice number = slice_cut(&rest, '/');
	bool has_bits = number.len < strlen(text) && strchr(text, '/');
	char copy[ADDRESS_TEXT_MAX];
	int64_t bits;

	if (number.len >= sizeof(copy))
		number.len = 0;
	memcpy(copy, number.data, number.len);
	copy[number.len] = '\0';
	*range = (struct address_range){0};
	range->is_ipv4 = inet_pton(AF_INET, copy, range->bytes) == 1;
	if (!range->is_ipv4 && inet_pton(AF_INET6, copy, range->bytes) != 1)
		return error_set(err, ERR_INPUT,
				 "worker.http_deny: \"%s\" is no range of "
				 "addresses such as 10.0.0.0/8 or fe80::/10",
				 text);
	range->bits = range->is_ipv4 ? 32 : 128;
	if (!has_bits)
		return 0;
	if (slice_int(rest, 0, range->bits, &bits) < 0)
		return error_set(err, ERR_INPUT,
				 "worker.http_deny: the prefix of \"%s\" must "
				 "be a number from 0 to %d",
				 text, range->bits);
	range->bits = (int)bits;
	return 0;
}

int address_ranges_read(const struct text_list *list,
			struct address_ranges *ranges, struct error *err)
{
	ranges->count = 0;
	if (list->count > ADDRESS_RANGES_MAX)
		return error_set(err, ERR_INPUT,
				 "worker.http_deny has more than %d ranges",
				 ADDRESS_RANGES_MAX);
	for (size_t i = 0; i < list->count; i++)
		if (read_range(list->items[i], &ranges->items[ranges->count++],
			       err) < 0)
			return -1;
	return 0;
}

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	if (memcmp(bytes, prefix, (size_t)whole) != 0)
		return false;
	return !rest || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static bool is_in(const struct address_ranges *ranges, const uint8_t *bytes,
		  bool is_ipv4)
{
	for (size_t i = 0; i < ranges->count; i++) {
		const struct address_range *r = &ranges->items[i];

		if (r->is_ipv4 == is_ipv4 &&
		    has_prefix(bytes, r->bytes, r->bits))
			return true;
	}
	return false;
}

static bool is_ipv4_denied(const struct address_ranges *ranges,
			   const uint8_t *bytes)
{
	return bytes[0] == 0 || bytes[0] >= 224 || is_in(ranges, bytes, true);
}

static bool is_ipv6_denied(const struct address_ranges *ranges,
			   const uint8_t *bytes)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {[1] = 0x64, [2] = 0xff, [3] = 0x9b};
	static const uint8_t unspecified[16];

	if (memcmp(bytes, mapped, 12) == 0 || memcmp(bytes, nat64, 12) == 0)
		return is_ipv4_denied(ranges, bytes + 12);
	return bytes[0] == 0xff || memcmp(bytes, unspecified, 16) == 0 ||
	       is_in(ranges, bytes, false);
}

bool address_is_denied(const struct address_ranges *ranges,
		       const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		return is_ipv4_denied(ranges, (const uint8_t *)&in.sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		return is_ipv6_denied(ranges, in6.sin6_addr.s6_addr);
	}
	return true;
}

const char *address_format(const struct sockaddr *address,
			   char text[ADDRESS_TEXT_MAX])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	const void *number = NULL;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		number = &in.sin_addr;
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		number = &in6.sin6_addr;
	}
	if (!number ||
	    !inet_ntop(address->sa_family, number, text, ADDRESS_TEXT_MAX))
		snprintf(text, ADDRESS_TEXT_MAX, "an unknown kind of address");
	return text;
}
