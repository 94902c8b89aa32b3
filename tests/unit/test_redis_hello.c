/* SPDX-License-Identifier: MIT */
#include "false_redis.h"
#include "redis_client.h"

static void greeted_with(struct rig *rig, const char *greeting,
			 enum error_kind kind, const char *complaint)
{
	const struct act acts[] = {SAY(greeting), SAY(HELLO)};
	struct false_redis f;
	struct client c;
	char url[96];

	false_start(&f, rig, acts, countof(acts));
	snprintf(url, sizeof(url), "redis://me:hush@127.0.0.1:%d", f.port);
	client_start(&c, rig, url);
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, kind);
	assert_contains(c.outage.text, complaint);
	assert_null(strstr(c.outage.text, "hush"));
	assert_non_null(strstr(f.seen, "AUTH\r\n$2\r\nme\r\n$4\r\nhush\r\n"));
	run_until(rig, c.ups);
	client_stop(&c);
	false_stop(&f);
}

static void an_unfit_server_is_refused_with_a_remedy(void **state)
{
	struct rig *rig = *state;

	greeted_with(rig, HELLO_AS("redis", "6.2.14", "master"), ERR_USAGE,
		     "too old, 6.2.14: treadle needs Redis >= 7.0");
	greeted_with(rig, HELLO_AS("valkey", "7.1.0", "master"), ERR_USAGE,
		     "too old");
	greeted_with(rig, "-ERR unknown command `HELLO`, with args\r\n",
		     ERR_USAGE, "treadle needs Redis >= 7.0");
	greeted_with(rig, HELLO_AS("redis", "7.2.4", "replica"),
		     ERR_UNAVAILABLE, "is a replica: connect to its primary");
	greeted_with(rig,
		     "*6\r\n+server\r\n+redis\r\n+version\r\n+7.0.15\r\n"
		     "+mode\r\n+sentinel\r\n",
		     ERR_USAGE, "is a sentinel: write redis+sentinel://127.0");
	greeted_with(rig, "*2\r\n+hello\r\n+world\r\n", ERR_USAGE,
		     "is not redis");
	greeted_with(rig, "-WRONGPASS invalid username-password pair\r\n",
		     ERR_USAGE, "correct the user or the password");
	greeted_with(rig, "-NOAUTH HELLO must be called\r\n", ERR_USAGE,
		     "give a password");
	greeted_with(rig, "-ERR max number of clients reached\r\n",
		     ERR_UNAVAILABLE, "raise maxclients");
	greeted_with(rig, "-LOADING patience\r\n", ERR_UNAVAILABLE, "reading");
}

static void valkey_is_welcome(void **state)
{
	static const char *const greetings[] = {
		HELLO_AS("valkey", "7.2.4", "master"),
		HELLO_AS("valkey", "8.1.0", "master"),
		HELLO_AS("redis", "7.2.4", "master"),
		HELLO_AS("redis", "10.0.1", "master"),
	};

	for (size_t i = 0; i < countof(greetings); i++) {
		const struct act acts[] = {SAY(greetings[i])};
		struct false_redis f;
		struct client c;

		false_start(&f, *state, acts, countof(acts));
		client_start(&c, *state, f.url);
		run_until(c.rig, c.ups);
		assert_int_equal(redis_client_id(c.redis), 77);
		client_stop(&c);
		false_stop(&f);
	}
}

static void a_password_is_needed_used_and_never_shown(void **state)
{
	struct rig *rig = *state;
	char url[160];
	struct client c;
	struct answer a;

	server_start(rig, "--requirepass so-secret");
	client_start(&c, rig, rig->url);
	run_until(rig, c.outages);
	assert_contains(c.outage.text, "NOAUTH");
	assert_contains(c.outage.text, "--redis-password-file");
	client_stop(&c);

	snprintf(url, sizeof(url), "unix://:wr%%6fng@%s", rig->socket);
	client_start(&c, rig, url);
	run_until(rig, c.outages);
	assert_contains(c.outage.text, "WRONGPASS");
	assert_null(strstr(c.outage.text, "wrong@"));
	client_stop(&c);

	snprintf(url, sizeof(url), "unix://default:so%%2dsecret@%s",
		 rig->socket);
	client_start(&c, rig, url);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "PONG");
	client_stop(&c);
}

static void a_password_file_is_read_at_each_try(void **state)
{
	struct rig *rig = *state;
	struct client c = {.rig = rig};
	struct redis_options o = options(rig->url, &c);
	char path[128];
	struct answer a;
	FILE *file;

	server_start(rig, "--requirepass so-secret");
	snprintf(path, sizeof(path), "%s/password", rig->folder);
	o.password_file = path;
	c.redis = redis_start(&rig->loop, &o);
	run_until(rig, c.outages);
	assert_contains(c.outage.text, path);
	assert_int_equal(c.outage.kind, ERR_USAGE);
	file = fopen(path, "w");
	fputs("so-secret\n", file);
	fclose(file);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "PONG");
	client_stop(&c);
}

/* Who waits for Redis, or lost it, learns that it is there and refuses. */
static void a_refusal_amid_an_outage_is_told_once(void **state)
{
	struct rig *rig = *state;
	struct client c;

	client_start(&c, rig, rig->url);
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, ERR_UNAVAILABLE);
	server_start(rig, "--requirepass so-secret");
	run_until(rig, c.outages == 2);
	assert_int_equal(c.outage.kind, ERR_USAGE);
	assert_contains(c.outage.text, "NOAUTH");
	server_kill(rig);
	server_start(rig, "--requirepass so-secret");
	run_for(rig, 1000);
	assert_int_equal(c.outages, 2);
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(an_unfit_server_is_refused_with_a_remedy),
		ALONE(valkey_is_welcome),
		ALONE(a_password_is_needed_used_and_never_shown),
		ALONE(a_password_file_is_read_at_each_try),
		ALONE(a_refusal_amid_an_outage_is_told_once),
	};

	return cmocka_run_group_tests_name("redis hello", tests, NULL, NULL);
}
