/* SPDX-License-Identifier: MIT */
#include "http_rig.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server other;

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

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in: %s", part, text);
}

static void an_answer_comes_whole(void **state)
{
	struct call c;

	(void)state;
	get(&c, "/json");
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(c.status, 200);
	assert_string_equal(c.body, "{\"hello\":\"world\",\"list\":[1,2,3]}");
	contains(c.head, "Content-Type: application/json\r\n");
	lacks(c.head, "HTTP/1.1");
	assert_int_equal(c.retry_after_ms, -1);
	call_clear(&c);
}

static void echo(struct call *c, const char *method, const char *body)
{
	call_init(c, "/echo?a=b");
	c->request.method = method;
	c->request.has_body = body != NULL;
	c->request.body = slice_of(body);
	c->headers[0] = "X-Colour: green";
	c->headers[1] = "X-Empty;";
	call_begin(c);
	call_wait(c);
	assert_int_equal(c->status, 200);
}

static void requests_are_as_wished(void **state)
{
	struct call c;

	(void)state;
	echo(&c, "GET", NULL);
	contains(c.body, "\"method\":\"GET\"");
	contains(c.body, "\"query\":\"a=b\"");
	contains(c.body, "\"X-Colour\":\"green\"");
	contains(c.body, "\"X-Empty\":\"\"");
	contains(c.body, "\"Accept-Encoding\":\"gzip\"");
	lacks(c.body, "Content-Length");
	lacks(c.body, "Expect");
	call_clear(&c);
	echo(&c, "POST", "some text");
	contains(c.body, "\"body\":\"some text\"");
	call_clear(&c);
	echo(&c, "DELETE", NULL);
	contains(c.body, "\"method\":\"DELETE\"");
	lacks(c.body, "Content-Length");
	call_clear(&c);
	echo(&c, "PUT", NULL);
	contains(c.body, "\"Content-Length\":\"0\"");
	call_clear(&c);
	echo(&c, "PURGE", "x");
	contains(c.body, "\"method\":\"PURGE\"");
	call_clear(&c);
}

static void a_large_body_is_sent(void **state)
{
	static char text[3 << 20];
	struct call c;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	call_init(&c, "/echo");
	c.request.method = "POST";
	c.request.has_body = true;
	c.request.body = slice_of(text);
	c.request.body_max = 8 << 20;
	call_begin(&c);
	call_wait(&c);
	assert_int_equal(c.status, 200);
	assert_true(c.body_len > sizeof(text));
	call_clear(&c);
}

static void connections_are_kept(void **state)
{
	struct call c;
	long before, after;

	(void)state;
	get(&c, "/stats");
	before = strtol(strchr(c.body, ':') + 1, NULL, 10);
	call_clear(&c);
	for (int i = 0; i < 20; i++) {
		get(&c, i % 2 ? "/status/503" : "/gzip/1000");
		call_clear(&c);
	}
	get(&c, "/stats");
	after = strtol(strchr(c.body, ':') + 1, NULL, 10);
	call_clear(&c);
	assert_int_equal(after, before);
}

static void many_are_in_flight(void **state)
{
	static struct call calls[500];
	uint64_t begun = uv_hrtime();

	(void)state;
	for (size_t i = 0; i < countof(calls); i++) {
		call_init(&calls[i], "/delay/100");
		call_begin(&calls[i]);
	}
	for (size_t i = 0; i < countof(calls); i++) {
		call_wait(&calls[i]);
		assert_int_equal(calls[i].status, 200);
		call_clear(&calls[i]);
	}
	/* One after the other they would take 50 s. */
	assert_true(uv_hrtime() - begun < 25ULL * 1000 * 1000 * 1000);
}

static void failures_are_told_apart(void **state)
{
	struct call c;

	(void)state;
	get(&c, "http://127.0.0.1:1/");
	assert_int_equal(c.result, HTTP_UNREACHABLE);
	assert_int_equal(c.status, 0);
	call_clear(&c);
	get(&c, "http://no-such-host.invalid/");
	assert_int_equal(c.result, HTTP_UNREACHABLE);
	call_clear(&c);
	get(&c, "/reset");
	assert_int_equal(c.result, HTTP_UNREACHABLE);
	call_clear(&c);
	get(&c, "/close-early");
	assert_int_equal(c.result, HTTP_UNREACHABLE);
	call_clear(&c);
	get(&c, "http://[::1/");
	assert_int_equal(c.result, HTTP_MALFORMED);
	call_clear(&c);
	get(&c, "https://127.0.0.1:1/");
	assert_int_equal(c.result, HTTP_UNREACHABLE);
	call_clear(&c);
}

static void all_end(const char *host, enum http_result result)
{
	static struct call calls[100];

	for (size_t i = 0; i < countof(calls); i++) {
		char url[128];

		snprintf(url, sizeof(url), "http://%s:%d/json", host,
			 server.port);
		call_init(&calls[i], url);
		call_begin(&calls[i]);
	}
	http_cancel(calls[50].call); /* one that waits for the name */
	for (size_t i = 0; i < countof(calls); i++) {
		call_wait(&calls[i]);
		assert_int_equal(calls[i].result,
				 i == 50 ? HTTP_CANCELLED : result);
		call_clear(&calls[i]);
	}
}

static void names_are_asked_for_by_one_first(void **state)
{
	(void)state;
	all_end("localhost", HTTP_ANSWERED);
	all_end("no-such-host.invalid", HTTP_UNREACHABLE);
	all_end("localhost", HTTP_ANSWERED);
}

static void brief(const char *path, int status, const char *body)
{
	struct call c;

	get(&c, path);
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(c.status, status);
	assert_string_equal(c.body, body);
	call_clear(&c);
}

static void wishes_for_later_are_read(void **state)
{
	struct call c;

	(void)state;
	brief("/status/500", 500, "{\"status\":500}");
	get(&c, "/retry-after/7");
	assert_int_equal(c.retry_after_ms, 7000);
	call_clear(&c);
	get(&c, "/throttled/99999999");
	assert_int_equal(c.status, 429);
	assert_int_equal(c.retry_after_ms, 6 * 60 * 60 * 1000);
	call_clear(&c);
	get(&c, "/retry-date");
	assert_true(c.retry_after_ms >= 90000 && c.retry_after_ms <= 100000);
	call_clear(&c);
}

static void gzip_is_unpacked(void **state)
{
	struct call c;

	(void)state;
	get(&c, "/gzip/10000");
	assert_int_equal(c.result, HTTP_ANSWERED);
	assert_int_equal(c.body_len, 10000);
	assert_int_equal(strspn(c.body, "a"), 10000);
	call_clear(&c);
	call_init(&c, "/gzip/10000");
	c.request.is_unpacked = false;
	call_begin(&c);
	call_wait(&c);
	assert_true(c.body_len < 1000);
	call_clear(&c);
}

static void redirect(struct call *c, const char *method, int port,
		     const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "/redirect?to=http://127.0.0.1:%d%s", port,
		 path);
	call_init(c, url);
	c->request.method = method;
	c->headers[0] = "X-Api-Key: hidden";
	call_begin(c);
	call_wait(c);
	assert_int_equal(c->result, HTTP_ANSWERED);
}

static void redirects_stay_within_the_origin(void **state)
{
	struct call c;

	(void)state;
	redirect(&c, "GET", server.port, "/echo");
	assert_int_equal(c.status, 200);
	contains(c.body, "\"X-Api-Key\":\"hidden\"");
	assert_null(c.location);
	call_clear(&c);
	redirect(&c, "GET", other.port, "/charge");
	assert_int_equal(c.status, 302);
	contains(c.location, "/charge");
	call_clear(&c);
	redirect(&c, "POST", server.port, "/echo");
	assert_int_equal(c.status, 302);
	call_clear(&c);
	get(&c, "/redirect?to=file:///etc/passwd");
	assert_int_equal(c.status, 302);
	call_clear(&c);
	get(&c, "/redirect?to=//localhost/");
	assert_int_equal(c.status, 302);
	call_clear(&c);
	get(&c, "/redirect?to=/json");
	assert_int_equal(c.status, 200);
	call_clear(&c);
	/* Whoever accepts a redirect gets it. */
	call_init(&c, "/redirect?to=/json");
	c.accepts = 302;
	call_begin(&c);
	call_wait(&c);
	assert_int_equal(c.status, 302);
	assert_string_equal(c.body, "it has moved");
	call_clear(&c);
	/* Nobody ever came to the other one. */
	snprintf(c.url, sizeof(c.url), "http://127.0.0.1:%d/stats", other.port);
	get(&c, strdupa(c.url));
	contains(c.body, "\"requests\":1}");
	call_clear(&c);
}

static void circles_end(void **state)
{
	struct call c;

	(void)state;
	get(&c, "/redirect?to=/redirect?to=/redirect");
	assert_int_equal(c.status, 302);
	call_clear(&c);
}

static void nothing_of_the_environment_counts(void **state)
{
	struct call c;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	get(&c, "/json");
	unsetenv("http_proxy");
	assert_int_equal(c.status, 200);
	call_clear(&c);
}

static void what_is_cancelled_ends_once(void **state)
{
	struct call c;

	(void)state;
	call_init(&c, "/slow-dribble");
	call_begin(&c);
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_ONCE);
	http_cancel(c.call);
	assert_int_equal(c.ends, 0);
	http_cancel(c.call);
	call_wait(&c);
	assert_int_equal(c.result, HTTP_CANCELLED);
	call_clear(&c);
}

/* A port that answers no SYN: as many wait to be accepted as may. */
static int stuck_port(int fds[3])
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fds[0], (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fds[0], 0), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&at, &len), 0);
	for (int i = 1; i < 3; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&at, len);
	}
	return ntohs(at.sin_port);
}

/*
 * libcurl closes the socket of a connection that never was without a word.
 * The number of that descriptor comes again; then we must not think it the
 * same, nor wait for its end.
 */
static void a_connection_that_never_was_is_forgotten(void **state)
{
	char url[64];
	struct call c;
	int fds[3];

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", stuck_port(fds));
	for (int i = 0; i < 3; i++) {
		call_init(&c, url);
		call_begin(&c);
		for (int turn = 0; turn < 20; turn++)
			uv_run(&loop, UV_RUN_NOWAIT);
		assert_int_equal(c.ends, 0);
		http_cancel(c.call);
		call_wait(&c);
		call_clear(&c);
		get(&c, "/json");
		assert_int_equal(c.status, 200);
		call_clear(&c);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

/* Its second half is in tear_down. */
static struct call waiting;

static void those_in_progress_are_cancelled(void **state)
{
	(void)state;
	call_init(&waiting, "/delay/100000");
	call_begin(&waiting);
	uv_run(&loop, UV_RUN_ONCE);
}

static int tear_down_waiting(void **state)
{
	tear_down(state);
	assert_int_equal(waiting.ends, 1);
	assert_int_equal(waiting.result, HTTP_CANCELLED);
	call_clear(&waiting);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_comes_whole),
		TEST(requests_are_as_wished),
		TEST(a_large_body_is_sent),
		TEST(connections_are_kept),
		TEST(many_are_in_flight),
		TEST(failures_are_told_apart),
		TEST(names_are_asked_for_by_one_first),
		TEST(wishes_for_later_are_read),
		TEST(gzip_is_unpacked),
		TEST(redirects_stay_within_the_origin),
		TEST(circles_end),
		TEST(nothing_of_the_environment_counts),
		TEST(what_is_cancelled_ends_once),
		TEST(a_connection_that_never_was_is_forgotten),
		cmocka_unit_test_setup_teardown(those_in_progress_are_cancelled,
						set_up, tear_down_waiting),
	};
	int result;

	signal(SIGPIPE, SIG_IGN);
	server_start(&server);
	server_start(&other);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	result |= server_stop(&server);
	return result | server_stop(&other);
}
