/* SPDX-License-Identifier: MIT */
#include "http_rig.h"

static void get(struct call *c, const char *path)
{
	call_init(c, path);
	call_begin(c);
	call_wait(c);
}

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void too_large(const char *path, const char *what)
{
	struct call c;

	get(&c, path);
	assert_int_equal(c.result, HTTP_TOO_LARGE);
	contains(c.reason, what);
	call_clear(&c);
}

static void all_that_comes_is_bounded(void **state)
{
	struct call c;

	(void)state;
	get(&c, "/bytes/1048576");
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(c.body_len, 1 << 20);
	call_clear(&c);
	too_large("/bytes/1048577", "body");
	too_large("/bytes/1000000000", "body");
	/* A megabyte on the wire, a gigabyte in memory. */
	too_large("/gzip-bomb", "body");
	too_large("/headers-flood", "headers");
	too_large("/interim-flood", "headers");
}

static void of_a_failure_the_beginning_is_kept(void **state)
{
	struct call c;

	(void)state;
	call_init(&c, "/bytes/1000000000");
	c.accepts = 204;
	call_begin(&c);
	call_wait(&c);
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(c.status, 200);
	assert_int_equal(c.body_len, 4096);
	call_clear(&c);
}

/* Streams: one that pauses at every piece, and one that has enough */

static int64_t streamed;
static bool is_paused, is_enough;

static enum http_flow on_piece(void *arg, struct slice bytes)
{
	(void)arg;
	if (is_enough && streamed > 100000)
		return HTTP_STOP;
	is_paused = !is_paused;
	if (is_paused) {
		uv_stop(&loop);
		return HTTP_PAUSE;
	}
	streamed += (int64_t)bytes.len;
	return HTTP_GO;
}

static void stream(struct call *c, const char *path, size_t max)
{
	streamed = 0;
	is_paused = false;
	call_init(c, path);
	c->use = HTTP_STREAM;
	c->request.on_body = on_piece;
	c->request.body_max = max;
	call_begin(c);
	while (!c->ends) {
		uv_run(&loop, UV_RUN_ONCE);
		if (is_paused && c->call)
			http_resume(c->call);
	}
}

static void a_stream_can_pause(void **state)
{
	struct call c;

	(void)state;
	stream(&c, "/bytes/3000000", 3000000);
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(streamed, 3000000);
	call_clear(&c);
	stream(&c, "/bytes/3000000", 2000000);
	assert_int_equal(c.result, HTTP_TOO_LARGE);
	call_clear(&c);
	is_enough = true;
	stream(&c, "/bytes/3000000", 3000000);
	assert_int_equal(c.result, HTTP_STOPPED);
	is_enough = false;
	call_clear(&c);
}

static int set_up_denied(void **state)
{
	(void)state;
	http_begin("127.0.0.0/8");
	return 0;
}

/* However it is written, it is the address that counts. */
static void denied_addresses_are_not_reached(void **state)
{
	static const char *const hosts[] = {
		"127.0.0.1",       "localhost",  "127.1", "2130706433",
		"0x7f.1",          "0177.0.0.1", "0",     "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[::]",
	};
	struct call c;

	(void)state;
	for (size_t i = 0; i < countof(hosts); i++) {
		char url[128];

		snprintf(url, sizeof(url), "http://%s:%d/json", hosts[i],
			 server.port);
		get(&c, url);
		/* localhost may be ::1 as well, where nobody listens. */
		if (c.result != HTTP_DENIED && c.result != HTTP_UNREACHABLE)
			fail_msg("%s: %d %s", url, c.result, c.reason);
		if (strcmp(hosts[i], "localhost") != 0)
			contains(c.reason, "is denied by worker.http_deny");
		call_clear(&c);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_comes_is_bounded),
		TEST(of_a_failure_the_beginning_is_kept),
		TEST(a_stream_can_pause),
		cmocka_unit_test_setup_teardown(
			denied_addresses_are_not_reached, set_up_denied,
			tear_down),
	};
	int result;

	signal(SIGPIPE, SIG_IGN);
	server_start(&server);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	return result | server_stop(&server);
}
