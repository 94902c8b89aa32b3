/* SPDX-License-Identifier: MIT */
#include "false_redis.h"
#include "redis_client.h"

static void an_outage_is_told_once_with_its_remedy(void **state)
{
	struct rig *rig = *state;
	struct client c;

	client_start(&c, rig, "redis://127.0.0.1:1");
	run_for(rig, 400);
	assert_int_equal(c.outages, 1);
	assert_string_equal(
		c.outage.text,
		"cannot reach redis at 127.0.0.1:1: connection refused (is it "
		"running? set --redis-url or TREADLE_REDIS_URL)");
	assert_non_null(redis_reason(c.redis));
	client_stop(&c);
}

static void all_addresses_of_a_name_are_tried(void **state)
{
	static const struct act acts[] = {SAY(HELLO)};
	struct rig *rig = *state;
	struct false_redis f;
	struct client c;
	char url[64];

	false_start(&f, rig, acts, countof(acts));
	snprintf(url, sizeof(url), "redis://localhost:%d", f.port);
	client_start(&c, rig, url);
	run_until(rig, c.ups);
	assert_int_equal(c.outages, 0);
	client_stop(&c);
	false_stop(&f);
	client_start(&c, rig, "redis://nowhere.invalid");
	run_until(rig, c.outages);
	assert_contains(c.outage.text, "nowhere.invalid:6379");
	assert_int_equal(c.outage.kind, ERR_UNAVAILABLE);
	client_stop(&c);
}

static void a_call_that_is_late_says_what_stood_in_the_way(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, "redis://127.0.0.1:1");
	send_as(&c, &a, "PING", (struct call_options){.deadline_ms = 300});
	run_until(rig, a.calls);
	assert_int_equal(a.cause, REDIS_LATE);
	assert_int_equal(a.error.kind, ERR_UNAVAILABLE);
	assert_contains(a.error.text, "gave up after 300ms: cannot reach");
	client_stop(&c);
}

static void a_late_answer_is_not_taken_for_another(void **state)
{
	static const struct act acts[] = {SAY(HELLO), HUSH,
					  SAY("+first\r\n+second\r\n")};
	struct rig *rig = *state;
	struct false_redis f;
	struct answer a, b;
	struct client c;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	send_as(&c, &a, "PING", (struct call_options){.deadline_ms = 200});
	run_until(rig, a.calls);
	assert_int_equal(a.cause, REDIS_LATE);
	ask(&c, &b, "PING");
	assert_string_equal(b.text, "second");
	assert_int_equal(a.calls, 1);
	assert_int_equal(f.connections, 1);
	client_stop(&c);
	false_stop(&f);
}

static void lost_calls_are_sent_again_in_order(void **state)
{
	static const struct act acts[] = {SAY(HELLO),
					  HUSH,
					  HUSH,
					  HUSH,
					  {"+half", RESET, 0},
					  SAY(HELLO),
					  SAY("+one\r\n"),
					  SAY("+two\r\n"),
					  SAY("+four\r\n")};
	struct rig *rig = *state;
	struct answer a, b, once, d;
	struct false_redis f;
	struct client c;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	send_words(&c, &a, "ECHO 1");
	send_words(&c, &b, "ECHO 2");
	send_as(&c, &once, "ECHO 3",
		(struct call_options){.mode = CALL_ONCE, .deadline_ms = -1});
	send_words(&c, &d, "ECHO 4");
	run_until(rig, d.calls);
	assert_string_equal(a.text, "one");
	assert_string_equal(b.text, "two");
	assert_string_equal(d.text, "four");
	assert_int_equal(once.cause, REDIS_LOST);
	assert_true(once.order < a.order && a.order < b.order &&
		    b.order < d.order);
	assert_int_equal(c.outages, 1);
	assert_int_equal(c.ups, 2);
	client_stop(&c);
	false_stop(&f);
}

/* What was never sent is not lost. */
static void a_call_made_during_an_outage_waits(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, rig->url);
	run_until(rig, c.outages);
	send_as(&c, &a, "PING",
		(struct call_options){.mode = CALL_ONCE, .deadline_ms = -1});
	server_start(rig, "");
	run_until(rig, a.calls);
	assert_string_equal(a.text, "PONG");
	client_stop(&c);
}

static void it_survives_the_death_of_redis(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, rig->url);
	ask(&c, &a, "PING");
	server_kill(rig);
	run_until(rig, c.outages);
	assert_false(redis_is_up(c.redis));
	send_words(&c, &a, "ECHO back");
	run_for(rig, 100);
	assert_int_equal(a.calls, 0);
	server_start(rig, "");
	run_until(rig, a.calls);
	assert_string_equal(a.text, "back");
	assert_int_equal(c.outages, 1);
	client_stop(&c);
}

static void silence_is_an_outage(void **state)
{
	static const struct act acts[] = {SAY(HELLO), HUSH, SAY(HELLO),
					  SAY("+at last\r\n")};
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o;
	struct false_redis f;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	o = options(f.url, &c);
	o.timeout_ms = 150;
	c.redis = redis_start(&rig->loop, &o);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "at last");
	assert_contains(c.outage.text, "silent for 150ms");
	assert_int_equal(f.connections, 2);
	client_stop(&c);
	false_stop(&f);
}

static void a_stopped_redis_is_an_outage_too(void **state)
{
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o = options(rig->url, &c);
	struct answer a;

	o.timeout_ms = 200;
	o.connect_timeout_ms = 200;
	c.redis = redis_start(&rig->loop, &o);
	ask(&c, &a, "PING");
	kill(rig->server, SIGSTOP);
	send_words(&c, &a, "ECHO on");
	run_until(rig, c.outages);
	run_for(rig, 300);
	assert_int_equal(a.calls, 0);
	assert_contains(redis_reason(c.redis)->text, "no answer within 200ms");
	kill(rig->server, SIGCONT);
	run_until(rig, a.calls);
	assert_string_equal(a.text, "on");
	assert_int_equal(c.outages, 1);
	client_stop(&c);
}

static void a_call_may_block_longer_than_silence_lasts(void **state)
{
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o = options(rig->url, &c);
	struct answer a;

	o.timeout_ms = 200;
	c.redis = redis_start(&rig->loop, &o);
	send_as(&c, &a, "BLPOP nothing 0.5",
		(struct call_options){.block_ms = 500, .deadline_ms = -1});
	run_until(rig, a.calls);
	assert_int_equal(a.type, REPLY_NIL);
	assert_int_equal(c.outages, 0);
	client_stop(&c);
}

/* A server on a thread of its own that reads slowly. */
struct slow {
	uv_thread_t thread;
	int listener;
	char url[64];
	size_t size; /* how much it reads before it answers */
};

/* Reads 64 KiB every few milliseconds. */
static void read_slowly(void *arg)
{
	static char bytes[65536];
	const struct slow *slow = arg;
	int fd = accept(slow->listener, NULL, NULL);
	ssize_t len = read(fd, bytes, sizeof(bytes));
	size_t seen = 0;

	assert_true(len > 0);
	assert_true(write(fd, HELLO, strlen(HELLO)) > 0);
	while (seen < slow->size &&
	       (len = read(fd, bytes, sizeof(bytes))) > 0) {
		seen += (size_t)len;
		poll(NULL, 0, 4);
	}
	assert_true(write(fd, "+all\r\n", 6) == 6);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

static void slow_start(struct slow *slow, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	slow->size = size;
	slow->listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(slow->listener, (struct sockaddr *)&address, len),
			 0);
	assert_int_equal(listen(slow->listener, 1), 0);
	getsockname(slow->listener, (struct sockaddr *)&address, &len);
	snprintf(slow->url, sizeof(slow->url), "redis://127.0.0.1:%d",
		 ntohs(address.sin_port));
	uv_thread_create(&slow->thread, read_slowly, slow);
}

static void a_slow_path_is_not_silence(void **state)
{
	const size_t size = (size_t)24 << 20;
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o;
	char *words = xmalloc(size + 1);
	struct answer a;
	struct slow slow;

	memset(words, 'x', size);
	memcpy(words, "ECHO ", 5);
	words[size] = '\0';
	slow_start(&slow, size);
	o = options(slow.url, &c);
	o.timeout_ms = 700;
	c.redis = redis_start(&rig->loop, &o);
	ask(&c, &a, words);
	assert_string_equal(a.text, "all");
	assert_int_equal(c.outages, 0);
	client_stop(&c);
	uv_thread_join(&slow.thread);
	close(slow.listener);
	free(words);
}

static void a_server_that_never_greets_is_given_up(void **state)
{
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o;
	struct false_redis f;

	false_start(&f, rig, NULL, 0);
	o = options(f.url, &c);
	o.connect_timeout_ms = 150;
	c.redis = redis_start(&rig->loop, &o);
	run_until(rig, f.connections > 1);
	assert_int_equal(c.outages, 1);
	assert_contains(c.outage.text, "no answer within 150ms");
	client_stop(&c);
	false_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(an_outage_is_told_once_with_its_remedy),
		ALONE(all_addresses_of_a_name_are_tried),
		ALONE(a_call_that_is_late_says_what_stood_in_the_way),
		ALONE(a_late_answer_is_not_taken_for_another),
		ALONE(lost_calls_are_sent_again_in_order),
		ALONE(a_call_made_during_an_outage_waits),
		WITH_SERVER(it_survives_the_death_of_redis),
		ALONE(silence_is_an_outage),
		WITH_SERVER(a_stopped_redis_is_an_outage_too),
		WITH_SERVER(a_call_may_block_longer_than_silence_lasts),
		ALONE(a_slow_path_is_not_silence),
		ALONE(a_server_that_never_greets_is_given_up),
	};

	return cmocka_run_group_tests_name("redis outage", tests, NULL, NULL);
}
