/* SPDX-License-Identifier: MIT */
#include "false_redis.h"
#include "redis_client.h"

/* --- ordinary life ------------------------------------------------------- */

static void it_connects_and_says_who_it_is(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, rig->url);
	assert_false(redis_is_up(c.redis));
	assert_int_equal(redis_client_id(c.redis), -1);
	run_until(rig, c.ups);
	assert_true(redis_is_up(c.redis));
	assert_null(redis_reason(c.redis));
	ask(&c, &a, "CLIENT ID");
	assert_int_equal(a.integer, redis_client_id(c.redis));
	ask(&c, &a, "CLIENT GETNAME");
	assert_string_equal(a.text, "test-program");
	assert_int_equal(c.outages, 0);
	client_stop(&c);
}

static void it_reads_every_kind_of_reply(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, rig->url);
	ask(&c, &a, "SET k v");
	assert_int_equal(a.type, REPLY_STATUS);
	assert_string_equal(a.text, "OK");
	ask(&c, &a, "GET k");
	assert_int_equal(a.type, REPLY_TEXT);
	assert_string_equal(a.text, "v");
	ask(&c, &a, "GET nothing");
	assert_int_equal(a.type, REPLY_NIL);
	ask(&c, &a, "DECR number");
	assert_int_equal(a.type, REPLY_INTEGER);
	assert_int_equal(a.integer, -1);
	ask(&c, &a, "MGET k nothing");
	assert_int_equal(a.type, REPLY_ARRAY);
	assert_int_equal(a.count, 2);
	ask(&c, &a, "KEYS z*");
	assert_int_equal(a.type, REPLY_ARRAY);
	assert_int_equal(a.count, 0);
	client_stop(&c);
}

static void check_nested(void *arg, const struct reply *reply,
			 const struct redis_failure *failure)
{
	assert_null(failure);
	assert_int_equal(reply->count, 4);
	assert_int_equal(reply->items[0].integer, 1);
	assert_int_equal(reply->items[1].count, 2);
	assert_int_equal(reply->items[1].items[0].type, REPLY_ERROR);
	assert_true(slice_is(reply->items[1].items[0].text, "ODD thing"));
	assert_int_equal(reply->items[1].items[1].type, REPLY_NIL);
	assert_int_equal(reply->items[2].text.len, 3);
	assert_memory_equal(reply->items[2].text.data, "a\0b", 3);
	assert_true(slice_is(reply->items[3].text, ""));
	*(bool *)arg = true;
}

static void arrays_hold_arrays_and_errors_and_bytes(void **state)
{
	struct call_options o = {.deadline_ms = -1};
	struct rig *rig = *state;
	struct command command;
	bool is_done = false;
	struct client c;

	client_start(&c, rig, rig->url);
	command_init(&command, "EVAL");
	command_text(&command, "return {1, {redis.error_reply('ODD thing'), "
			       "false}, ARGV[1], ''}");
	command_int(&command, 0);
	command_slice(&command, (struct slice){"a\0b", 3});
	redis_call(c.redis, &command, &o, check_nested, &is_done);
	assert_int_equal(command.body.len, 0);
	command_clear(&command);
	run_until(rig, is_done);
	client_stop(&c);
}

static void an_error_is_a_failure_with_its_code(void **state)
{
	struct rig *rig = *state;
	struct client c;
	struct answer a;

	client_start(&c, rig, rig->url);
	ask(&c, &a, "RPUSH list x");
	ask(&c, &a, "GET list");
	assert_true(a.is_failure);
	assert_int_equal(a.cause, REDIS_REFUSED);
	assert_string_equal(a.code, "WRONGTYPE");
	assert_contains(a.error.text, rig->socket);
	client_stop(&c);
}

static void numbers_are_written_in_decimal(void **state)
{
	const int64_t numbers[] = {0,         7,        -1, 1234567890123,
				   INT64_MAX, INT64_MIN};
	struct command c;
	char want[64], digits[32];

	(void)state;
	for (size_t i = 0; i < countof(numbers); i++) {
		int len = snprintf(digits, sizeof(digits), "%lld",
				   (long long)numbers[i]);

		snprintf(want, sizeof(want), "$1\r\nX\r\n$%d\r\n%s\r\n", len,
			 digits);
		command_init(&c, "X");
		command_int(&c, numbers[i]);
		assert_string_equal(c.body.data, want);
		assert_int_equal(c.count, 2);
		command_clear(&c);
	}
}

static void many_calls_are_answered_in_order(void **state)
{
	static struct answer answers[ANSWERS_MAX];
	struct rig *rig = *state;
	struct client c;

	client_start(&c, rig, rig->url);
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		send_words(&c, &answers[i], "INCR n");
	run_until(rig, answers[ANSWERS_MAX - 1].calls);
	for (size_t i = 0; i < ANSWERS_MAX; i++) {
		assert_int_equal(answers[i].calls, 1);
		assert_int_equal(answers[i].integer, i + 1);
	}
	client_stop(&c);
}

static void large_texts_pass_both_ways(void **state)
{
	const size_t size = (size_t)24 << 20;
	struct call_options o = {.deadline_ms = -1};
	struct rig *rig = *state;
	char *text = xmalloc(size);
	struct command command;
	struct answer a, b;
	struct client c;

	memset(text, 'x', size);
	client_start(&c, rig, rig->url);
	run_until(rig, c.ups);
	a = (struct answer){.client = &c};
	command_init(&command, "ECHO");
	command_slice(&command, (struct slice){text, size});
	redis_call(c.redis, &command, &o, on_reply, &a);
	send_words(&c, &b, "ECHO after");
	run_until(rig, b.calls);
	assert_int_equal(a.len, size);
	assert_string_equal(b.text, "after");
	client_stop(&c);
	free(text);
}

/* The sixth turn of the loop still finds what one turn gave. */
static void calls_of_one_turn_travel_together(void **state)
{
	static const struct act acts[] = {SAY(HELLO)};
	static struct answer answers[100];
	struct rig *rig = *state;
	struct false_redis f;
	struct client c;
	int reads;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	run_until(rig, c.ups);
	reads = f.reads;
	for (size_t i = 0; i < countof(answers); i++)
		send_words(&c, &answers[i], "PING");
	run_until(rig, f.commands == 1 + (int)countof(answers));
	assert_int_equal(f.reads, reads + 1);
	client_stop(&c);
	false_stop(&f);
}

static void what_is_too_large_is_refused(void **state)
{
	struct call_options o = {.deadline_ms = -1};
	struct rig *rig = *state;
	struct command command;
	struct answer a = {0}, b;
	struct client c;

	client_start(&c, rig, rig->url);
	command_init(&command, "ECHO");
	command_slice(&command, (struct slice){"", (size_t)512 << 20});
	redis_call(c.redis, &command, &o, on_reply, &a);
	ask(&c, &b, "PING");
	run_until(rig, a.calls);
	assert_int_equal(a.cause, REDIS_REFUSED);
	assert_int_equal(a.error.kind, ERR_INPUT);
	client_stop(&c);
}

static void it_uses_the_database_of_the_url(void **state)
{
	struct rig *rig = *state;
	char url[160];
	struct client c;
	struct answer a;

	snprintf(url, sizeof(url), "%s?db=3", rig->url);
	client_start(&c, rig, url);
	ask(&c, &a, "CLIENT INFO");
	assert_contains(a.text, " db=3 ");
	client_stop(&c);
	snprintf(url, sizeof(url), "%s?db=99", rig->url);
	client_start(&c, rig, url);
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, ERR_USAGE);
	assert_contains(c.outage.text, "databases");
	client_stop(&c);
}

/* --- stopping ------------------------------------------------------------ */

static void stopping_answers_what_is_outstanding(void **state)
{
	static const struct act acts[] = {SAY(HELLO), SAY("-LOADING wait\r\n")};
	struct rig *rig = *state;
	struct answer parked, flying, waiting;
	struct false_redis f;
	struct client c;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	send_words(&c, &parked, "PING");
	send_words(&c, &flying, "PING");
	run_until(rig, f.commands == 3);
	send_words(&c, &waiting, "PING");
	redis_stop(c.redis, on_stopped, &c.is_stopped);
	redis_stop(c.redis, NULL, NULL);
	assert_false(redis_is_up(c.redis));
	assert_int_equal(parked.calls + flying.calls + waiting.calls, 0);
	run_until(rig, c.is_stopped);
	assert_int_equal(parked.calls, 1);
	assert_int_equal(flying.calls, 1);
	assert_int_equal(waiting.calls, 1);
	assert_int_equal(flying.cause, REDIS_STOPPED);
	assert_int_equal(waiting.cause, REDIS_STOPPED);
	false_stop(&f);
}

static void it_can_be_stopped_at_any_stage(void **state)
{
	static const char *const urls[] = {
		"redis://127.0.0.1:1", "redis://nowhere.invalid",
		"unix:///nowhere/at/all", "redis://localhost:1", "bad://url"};
	struct rig *rig = *state;

	for (size_t turns = 0; turns < 6; turns++) {
		for (size_t i = 0; i < countof(urls); i++) {
			struct client c;

			client_start(&c, rig, urls[i]);
			for (size_t t = 0; t < turns; t++)
				uv_run(&rig->loop, UV_RUN_NOWAIT);
			if (turns > 3)
				run_for(rig, 20);
			client_stop(&c);
		}
	}
}

static void stop_from_within(void *arg, const struct reply *reply,
			     const struct redis_failure *failure)
{
	struct client *c = arg;

	(void)reply, (void)failure;
	redis_stop(c->redis, on_stopped, &c->is_stopped);
}

static void it_can_be_stopped_from_a_callback(void **state)
{
	struct call_options o = {.deadline_ms = -1};
	struct rig *rig = *state;
	struct command command;
	struct answer after;
	struct client c;

	client_start(&c, rig, rig->url);
	run_until(rig, c.ups);
	command_init(&command, "PING");
	redis_call(c.redis, &command, &o, stop_from_within, &c);
	send_words(&c, &after, "PING");
	run_until(rig, c.is_stopped);
	assert_int_equal(after.calls, 1);
	assert_int_equal(after.cause, REDIS_STOPPED);
}

static void call_again(void *arg, const struct reply *reply,
		       const struct redis_failure *failure)
{
	struct answer *a = arg;

	assert_null(reply);
	assert_int_equal(failure->cause, REDIS_STOPPED);
	send_words(a->client, a, "PING");
}

static void a_call_made_while_stopping_is_answered(void **state)
{
	struct call_options o = {.deadline_ms = -1};
	struct rig *rig = *state;
	struct command command;
	struct answer a;
	struct client c;

	client_start(&c, rig, rig->url);
	a = (struct answer){.client = &c};
	command_init(&command, "PING");
	redis_call(c.redis, &command, &o, call_again, &a);
	client_stop(&c);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.cause, REDIS_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_written_in_decimal),
		WITH_SERVER(it_connects_and_says_who_it_is),
		WITH_SERVER(it_reads_every_kind_of_reply),
		WITH_SERVER(arrays_hold_arrays_and_errors_and_bytes),
		WITH_SERVER(an_error_is_a_failure_with_its_code),
		WITH_SERVER(many_calls_are_answered_in_order),
		WITH_SERVER(large_texts_pass_both_ways),
		ALONE(calls_of_one_turn_travel_together),
		WITH_SERVER(what_is_too_large_is_refused),
		WITH_SERVER(it_uses_the_database_of_the_url),
		ALONE(stopping_answers_what_is_outstanding),
		ALONE(it_can_be_stopped_at_any_stage),
		WITH_SERVER(it_can_be_stopped_from_a_callback),
		WITH_SERVER(a_call_made_while_stopping_is_answered),
	};

	return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
