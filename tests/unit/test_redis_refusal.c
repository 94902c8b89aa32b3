/* SPDX-License-Identifier: MIT */
#include "false_redis.h"
#include "redis_client.h"

/* --- refusals ------------------------------------------------------------ */

static void what_is_refused_for_now_is_tried_again(void **state)
{
	static const char *const refusals[] = {
		"-LOADING Redis is loading the dataset in memory\r\n",
		"-BUSY Redis is busy running a script.\r\n",
		"-MASTERDOWN Link with MASTER is down\r\n",
		"-MISCONF Errors writing to the AOF file\r\n",
		"-NOREPLICAS Not enough good replicas to write.\r\n",
		"-OOM command not allowed\r\n",
		"-CLUSTERDOWN The cluster is down\r\n",
		"-TRYAGAIN Multiple keys request\r\n",
	};

	for (size_t i = 0; i < countof(refusals); i++) {
		const struct act acts[] = {SAY(HELLO), SAY(refusals[i]),
					   SAY(refusals[i]), SAY("+now\r\n")};
		struct false_redis f;
		struct client c;
		struct answer a;

		false_start(&f, *state, acts, countof(acts));
		client_start(&c, *state, f.url);
		ask(&c, &a, "PING");
		assert_string_equal(a.text, "now");
		assert_int_equal(f.connections, 1);
		client_stop(&c);
		false_stop(&f);
	}
}

static void a_refused_call_does_not_hold_up_others(void **state)
{
	static const struct act acts[] = {
		SAY(HELLO), SAY("-OOM full\r\n"), SAY("+other\r\n"),
		SAY("-OOM full\r\n"), SAY("-OOM full\r\n")};
	struct rig *rig = *state;
	struct false_redis f;
	struct answer a, b;
	struct client c;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	send_as(&c, &a, "SET k v", (struct call_options){.deadline_ms = 500});
	ask(&c, &b, "PING");
	assert_string_equal(b.text, "other");
	assert_int_equal(a.calls, 0);
	run_until(rig, a.calls);
	assert_int_equal(a.cause, REDIS_LATE);
	assert_contains(a.error.text, "raise maxmemory");
	client_stop(&c);
	false_stop(&f);
}

static void a_call_made_once_is_not_tried_again(void **state)
{
	static const struct act acts[] = {SAY(HELLO), SAY("-LOADING wait\r\n")};
	struct rig *rig = *state;
	struct false_redis f;
	struct client c;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	send_as(&c, &a, "PING",
		(struct call_options){.mode = CALL_ONCE, .deadline_ms = -1});
	run_until(rig, a.calls);
	assert_int_equal(a.cause, REDIS_REFUSED);
	assert_string_equal(a.code, "LOADING");
	client_stop(&c);
	false_stop(&f);
}

static void a_demoted_primary_is_left(void **state)
{
	static const struct act acts[] = {
		SAY(HELLO),
		SAY("-READONLY You can't write against a replica.\r\n"),
		SAY(HELLO), SAY("+primary\r\n")};
	struct rig *rig = *state;
	struct false_redis f;
	struct client c;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	ask(&c, &a, "SET k v");
	assert_string_equal(a.text, "primary");
	assert_int_equal(f.connections, 2);
	assert_contains(c.outage.text, "it is a replica");
	client_stop(&c);
	false_stop(&f);
}

static bool on_refused(void *arg, struct slice text)
{
	struct client *c = arg;

	assert_true(slice_is(text, "ERR Function not found"));
	c->outages += 100;
	return c->outages < 200;
}

static void the_owner_may_have_a_call_sent_again(void **state)
{
	static const struct act acts[] = {SAY(HELLO),
					  SAY("-ERR Function not found\r\n"),
					  SAY("-ERR Function not found\r\n")};
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o;
	struct false_redis f;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	o = options(f.url, &c);
	o.on_refused = on_refused;
	c.redis = redis_start(&rig->loop, &o);
	ask(&c, &a, "FCALL f 0");
	assert_int_equal(f.next, countof(acts));
	assert_int_equal(a.cause, REDIS_REFUSED);
	assert_string_equal(a.code, "ERR");
	client_stop(&c);
	false_stop(&f);
}

/* --- hostile replies ----------------------------------------------------- */

/* Says the bytes instead of an answer, and behaves when asked again. */
static void survives(struct rig *rig, const char *bytes, size_t len,
		     enum act_end end, const char *complaint)
{
	const struct act acts[] = {
		SAY(HELLO), {bytes, end, len}, SAY(HELLO), SAY("+good\r\n")};
	struct false_redis f;
	struct client c;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "good");
	assert_int_equal(c.outages, 1);
	assert_contains(c.outage.text, complaint);
	client_stop(&c);
	false_stop(&f);
}

static void garbage_ends_the_connection_and_no_more(void **state)
{
	survives(*state, "HTTP/1.1 400 Bad Request\r\n", 0, STAY,
		 "not a reply of redis");
	survives(*state, "\0\xff\0", 3, STAY, "not a reply of redis");
	survives(*state, "$12x\r\n", 0, STAY, "not a reply of redis");
	survives(*state, "*-7\r\n", 0, STAY, "not a reply of redis");
	survives(*state, ":not a number\r\n", 0, STAY, "not a reply of redis");
	survives(*state,
		 "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		 0, STAY, "not a reply of redis");
	survives(*state, "%1\r\n+a\r\n+b\r\n", 0, STAY, "not a reply of redis");
}

static void what_is_too_much_is_not_waited_for(void **state)
{
	survives(*state, "$536870913\r\n", 0, STAY, "more than 512 MiB");
	survives(*state, "$9223372036854775807\r\n", 0, STAY,
		 "not a reply of redis");
	survives(*state, "*2\r\n$1\r\nx\r\n$536870912\r\nab", 0, STAY,
		 "more than 512 MiB");
	survives(*state, "*16777217\r\n", 0, STAY, "16777216 items");
	survives(*state, "*2\r\n*10000000\r\n", 0, RESET, "lost redis");
}

static void half_a_reply_is_none(void **state)
{
	survives(*state, "$10\r\nhalf", 0, RESET, "lost redis");
	survives(*state, "$10\r\nhalf", 0, CLOSE, "it closed the connection");
	survives(*state, "*3\r\n+a\r\n+b\r\n", 0, CLOSE,
		 "it closed the connection");
	survives(*state, NULL, 0, CLOSE, "it closed the connection");
}

static void an_answer_to_nothing_is_not_believed(void **state)
{
	static const struct act acts[] = {SAY(HELLO "+unasked\r\n"), SAY(HELLO),
					  SAY("+good\r\n")};
	struct rig *rig = *state;
	struct false_redis f;
	struct client c;
	struct answer a;

	false_start(&f, rig, acts, countof(acts));
	client_start(&c, rig, f.url);
	run_until(rig, c.outages);
	assert_contains(c.outage.text, "answered what was not asked");
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "good");
	client_stop(&c);
	false_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(what_is_refused_for_now_is_tried_again),
		ALONE(a_refused_call_does_not_hold_up_others),
		ALONE(a_call_made_once_is_not_tried_again),
		ALONE(a_demoted_primary_is_left),
		ALONE(the_owner_may_have_a_call_sent_again),
		ALONE(garbage_ends_the_connection_and_no_more),
		ALONE(what_is_too_much_is_not_waited_for),
		ALONE(half_a_reply_is_none),
		ALONE(an_answer_to_nothing_is_not_believed),
	};

	return cmocka_run_group_tests_name("redis refusal", tests, NULL, NULL);
}
