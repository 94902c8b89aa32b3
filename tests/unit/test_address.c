/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "treadle/address.h"

static int read_list(const char *const *items, size_t count,
		     struct address_ranges *ranges, struct error *err)
{
	struct text_list list = {(char **)items, count};

	return address_ranges_read(&list, ranges, err);
}

static bool is_denied(const struct address_ranges *ranges, const char *number)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, number, &in.sin_addr) == 1)
		return address_is_denied(ranges, (struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, number, &in6.sin6_addr), 1);
	return address_is_denied(ranges, (struct sockaddr *)&in6);
}

static void ranges_end_where_they_say(void **state)
{
	static const char *const items[] = {"10.0.0.0/8", " 172.16.0.0/12 ",
					    "192.0.2.7", "fe80::/10",
					    "2001:db8::1"};
	static const char *const in[] = {
		"10.0.0.0",        "10.255.255.255",
		"172.16.0.0",      "172.31.255.255",
		"192.0.2.7",       "fe80::1",
		"febf::",          "2001:db8::1",
		"::ffff:10.1.2.3", "64:ff9b::10.1.2.3",
	};
	static const char *const out[] = {
		"9.255.255.255",   "11.0.0.0",  "172.15.255.255",
		"172.32.0.0",      "192.0.2.6", "192.0.2.8",
		"fe7f::",          "fec0::",    "2001:db8::2",
		"::ffff:11.0.0.0", "127.0.0.1", "::1",
	};
	struct address_ranges ranges;

	(void)state;
	assert_int_equal(read_list(items, countof(items), &ranges, NULL), 0);
	for (size_t i = 0; i < countof(in); i++)
		if (!is_denied(&ranges, in[i]))
			fail_msg("%s", in[i]);
	for (size_t i = 0; i < countof(out); i++)
		if (is_denied(&ranges, out[i]))
			fail_msg("%s", out[i]);
}

static void some_are_always_denied(void **state)
{
	static const char *const always[] = {
		"0.0.0.0", "0.1.2.3", "224.0.0.1",      "255.255.255.255",
		"::",      "ff02::1", "::ffff:0.0.0.0",
	};
	struct address_ranges none = {.count = 0};
	struct sockaddr_un path = {.sun_family = AF_UNIX};

	(void)state;
	for (size_t i = 0; i < countof(always); i++)
		assert_true(is_denied(&none, always[i]));
	assert_true(address_is_denied(&none, (struct sockaddr *)&path));
	assert_false(is_denied(&none, "169.254.169.254"));
}

static void zero_bits_are_everything(void **state)
{
	static const char *const items[] = {"1.2.3.4/0"};
	struct address_ranges ranges;

	(void)state;
	assert_int_equal(read_list(items, 1, &ranges, NULL), 0);
	assert_true(is_denied(&ranges, "9.9.9.9"));
	assert_false(is_denied(&ranges, "2001:db8::1"));
}

static void what_is_no_range_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"10.0.0",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"fe80::/129",
		"localhost",
		"10.0.0.0/",
		"10.0.0.0/8/8",
		"10.0.0.0 /8x",
		"0000000000000000000000000000000000000000000000010.0.0.0",
	};
	struct address_ranges ranges;
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		if (read_list(&bad[i], 1, &ranges, &err) == 0)
			fail_msg("\"%s\"", bad[i]);
		assert_int_equal(err.kind, ERR_INPUT);
		assert_non_null(strstr(err.text, "worker.http_deny"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_end_where_they_say),
		cmocka_unit_test(some_are_always_denied),
		cmocka_unit_test(zero_bits_are_everything),
		cmocka_unit_test(what_is_no_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
