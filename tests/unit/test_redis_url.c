/* SPDX-License-Identifier: MIT */
#include "redis_client.h"

static void good_urls_are_accepted(void **state)
{
	static const char *const urls[] = {
		"redis://localhost",
		"redis://localhost/",
		"redis://10.0.0.1:7000/15",
		"redis://[::1]:6379",
		"redis://[::1]",
		"redis://:p%40ss@h",
		"redis://user:p:a@s/s@host:1/2",
		"redis://user@host",
		"unix:///run/redis.sock",
		"unix:///run/a@b.sock?db=2",
		"unix://user:pass@/run/redis.sock",
		"redis+sentinel://s/mymaster",
		"redis+sentinel://s:1,[::1],[::2]:3,10.0.0.1/my-master_1.0/2",
		"redis+sentinel://user:p:a@s/s,s@s,t/mymaster/",
	};

	(void)state;
	for (size_t i = 0; i < countof(urls); i++) {
		struct error err = {0};

		if (redis_check_url(urls[i], &err) < 0)
			fail_msg("%s: %s", urls[i], err.text);
	}
}

static void bad_urls_are_explained_without_their_secrets(void **state)
{
	static const struct {
		const char *url, *complaint;
	} cases[] = {
		{"", "no scheme of ours"},
		{"localhost:6379", "no scheme of ours"},
		{"http://me:hush@host", "\"http://me:***@host\""},
		{"me:hush@host:1", "\"me:***@host:1\""},
		{"rediss://me:hush@host", "TLS"},
		{"redis://", "host is missing"},
		{"redis://me:hush@:6379", "host is missing"},
		{"redis://hush@host:0", "the port is not"},
		{"redis://host:65536", "the port is not"},
		{"redis://host:six", "the port is not"},
		{"redis://host/db", "database is not a number"},
		{"redis://host/-1", "database is not a number"},
		{"redis://[::1", "host"},
		{"redis://[::1]6379", "colon"},
		{"redis://me:hush%0@host", "percent-encoded"},
		{"redis://me:hush%00@host", "percent-encoded"},
		{"unix://run/redis.sock", "begin with a slash"},
		{"unix:///a?base=1", "?db=NUMBER"},
		{"unix:///a?db=x", "database is not a number"},
		{"redis://host/0?password=hush", "host/0?***\""},
		{"redis+sentinel://", "host is missing"},
		{"redis+sentinel:///mine", "host is missing"},
		{"redis+sentinel://me:hush@s,/mine", "host is missing"},
		{"redis+sentinel://s,,t/mine", "host is missing"},
		{"redis+sentinel://s:0/mine", "the port is not"},
		{"redis+sentinel://s,[::1/mine", "bracket"},
		{"redis+sentinel://s t/mine", "host is not a name"},
		{"redis+sentinel://s", "the primary by"},
		{"redis+sentinel://me:hush@s,t/", "the primary by"},
		{"redis+sentinel://s//2", "the primary by"},
		{"redis+sentinel://s/mi%6ee", "the primary by"},
		{"redis+sentinel://s/mine?sentinel_password=hush", "mine?***"},
		{"redis+sentinel://s/mine/two", "database is not a number"},
		{"rediss+sentinel://me:hush@s/mine", "TLS"},
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		assert_int_equal(redis_check_url(cases[i].url, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_contains(err.text, cases[i].complaint);
		assert_contains(err.text, "redis://[user:password@]host");
		assert_null(strstr(err.text, "hush"));
	}
}

static void a_bad_url_is_an_outage(void **state)
{
	struct rig *rig = *state;
	struct client c;

	client_start(&c, rig, "redis://me:hush@host:six");
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, ERR_USAGE);
	assert_null(strstr(c.outage.text, "hush"));
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_accepted),
		cmocka_unit_test(bad_urls_are_explained_without_their_secrets),
		ALONE(a_bad_url_is_an_outage),
	};

	return cmocka_run_group_tests_name("redis url", tests, NULL, NULL);
}
