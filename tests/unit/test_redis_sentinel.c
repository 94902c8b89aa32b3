/* SPDX-License-Identifier: MIT */
#include "false_redis.h"
#include "redis_client.h"

/* What a Sentinel says when it is asked: that Redis is at a port. */
struct naming {
	char text[64];
};

static const char *names(struct naming *n, int port)
{
	char digits[16];
	int len = snprintf(digits, sizeof(digits), "%d", port);

	snprintf(n->text, sizeof(n->text),
		 "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len, digits);
	return n->text;
}

static void follow(char url[128], int first, int second)
{
	snprintf(url, 128,
		 "redis+sentinel://me:hush@127.0.0.1:%d,127.0.0.1:%d/mine/3",
		 first, second);
}

static void redis_is_where_a_sentinel_says(void **state)
{
	const struct act here[] = {SAY(HELLO), SAY("+OK\r\n"),
				   SAY("+PONG\r\n")};
	struct rig *rig = *state;
	struct false_redis redis, sentinel;
	struct naming naming;
	struct act says[] = {HUSH};
	struct client c;
	struct answer a;
	char url[128];

	false_start(&redis, rig, here, countof(here));
	says[0].bytes = names(&naming, redis.port);
	false_start(&sentinel, rig, says, countof(says));
	follow(url, sentinel.port, sentinel.port);
	client_start(&c, rig, url);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "PONG");
	assert_int_equal(c.outages, 0);
	assert_non_null(strstr(sentinel.seen, "\r\nmine\r\n"));
	assert_null(strstr(sentinel.seen, "hush"));
	assert_non_null(strstr(redis.seen, "\r\nme\r\n$4\r\nhush\r\n"));
	assert_non_null(strstr(redis.seen, "SELECT\r\n$1\r\n3\r\n"));
	assert_int_equal(sentinel.connections, 1);
	assert_int_equal(sentinel.open, 0);
	client_stop(&c);
	false_stop(&sentinel);
	false_stop(&redis);
}

/* The first is asked again only after the second has failed as well. */
static void one_sentinel_that_knows_is_enough(void **state)
{
	static const char *const useless[] = {
		NULL, /* it says nothing */
		"$-1\r\n",
		"*-1\r\n",
		"+OK\r\n",
		"*1\r\n$9\r\n127.0.0.1\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
		"*2\r\n$9\r\n127.0.0.1\r\n$0\r\n\r\n",
		"*2\r\n$0\r\n\r\n$1\r\n9\r\n",
		"*2\r\n$3\r\nn\ne\r\n$1\r\n9\r\n",
		"*2\r\n*0\r\n:6379\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"-ERR unknown command 'SENTINEL'\r\n",
		"-IDONTKNOW\r\n",
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < countof(useless); i++) {
		const struct act here[] = {SAY(HELLO), SAY("+OK\r\n")};
		struct act bad[] = {SAY(useless[i])}, good[] = {HUSH};
		struct false_redis redis, first, second;
		struct client c;
		struct naming naming;
		char url[128];

		false_start(&redis, rig, here, countof(here));
		good[0].bytes = names(&naming, redis.port);
		false_start(&first, rig, bad, countof(bad));
		false_start(&second, rig, good, countof(good));
		follow(url, first.port, second.port);
		client_start(&c, rig, url);
		run_until(rig, c.ups);
		assert_int_equal(c.outages, 0);
		assert_int_equal(first.connections, 1);
		client_stop(&c);
		false_stop(&first);
		false_stop(&second);
		false_stop(&redis);
	}
}

static void told(struct rig *rig, const char *says, enum error_kind kind,
		 const char *complaint)
{
	const struct act acts[] = {SAY(says)};
	struct false_redis sentinel;
	struct client c;
	char url[128];

	false_start(&sentinel, rig, acts, countof(acts));
	follow(url, sentinel.port, 1);
	client_start(&c, rig, url);
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, kind);
	assert_contains(c.outage.text, complaint);
	assert_contains(c.outage.text, "none of 2 sentinels is of use: ");
	assert_null(strstr(c.outage.text, "hush"));
	client_stop(&c);
	false_stop(&sentinel);
}

/* Nobody is at the second: what somebody must mend comes before that. */
static void when_none_knows_the_most_telling_is_told(void **state)
{
	struct rig *rig = *state;

	told(rig, "*-1\r\n", ERR_USAGE,
	     "knows no \"mine\": correct the name in --redis-url");
	told(rig, "-ERR unknown command 'SENTINEL'\r\n", ERR_USAGE,
	     "it is none: name sentinels in --redis-url");
	told(rig, "-NOAUTH Authentication required.\r\n", ERR_USAGE,
	     "--redis-sentinel-password-file");
	told(rig, "-NOPERM nothing for you\r\n", ERR_USAGE, "ACL SETUSER");
	told(rig, "-ERR not\r\n", ERR_UNAVAILABLE,
	     "cannot reach sentinel at 127.0.0.1:1: connection refused");
	told(rig, "+OK\r\n", ERR_UNAVAILABLE, "connection refused");
}

static void what_stays_wrong_is_told_once(void **state)
{
	const struct act acts[] = {SAY("*-1\r\n"), SAY("*-1\r\n"),
				   SAY("*-1\r\n"), SAY("*-1\r\n"),
				   SAY("*-1\r\n"), SAY("*-1\r\n")};
	struct rig *rig = *state;
	struct false_redis sentinel;
	struct client c;
	char url[128];

	false_start(&sentinel, rig, acts, countof(acts));
	follow(url, sentinel.port, sentinel.port);
	client_start(&c, rig, url);
	run_until(rig, sentinel.commands > 4);
	assert_int_equal(c.outages, 1);
	client_stop(&c);
	false_stop(&sentinel);
}

static void one_that_names_a_replica_is_not_asked_next(void **state)
{
	const struct act there[] = {SAY(HELLO_AS("redis", "7.0.15", "replica")),
				    SAY("+OK\r\n")};
	const struct act here[] = {SAY(HELLO), SAY("+OK\r\n")};
	struct rig *rig = *state;
	struct false_redis old, redis, stale, fresh;
	struct naming namings[2];
	struct act lies[] = {HUSH, HUSH}, says[] = {HUSH};
	struct client c;
	char url[128];

	false_start(&old, rig, there, countof(there));
	false_start(&redis, rig, here, countof(here));
	lies[0].bytes = lies[1].bytes = names(&namings[0], old.port);
	says[0].bytes = names(&namings[1], redis.port);
	false_start(&stale, rig, lies, countof(lies));
	false_start(&fresh, rig, says, countof(says));
	follow(url, stale.port, fresh.port);
	client_start(&c, rig, url);
	run_until(rig, c.outages);
	assert_contains(c.outage.text, "(mine) is a replica: a failover");
	run_until(rig, c.ups);
	assert_int_equal(stale.connections, 1);
	client_stop(&c);
	false_stop(&fresh);
	false_stop(&stale);
	false_stop(&redis);
	false_stop(&old);
}

/* The first Redis refuses one call after the other with `refusal`. */
static void followed_after(struct rig *rig, const char *refusal)
{
	struct act there[64], says[8];
	const struct act here[] = {SAY(HELLO), SAY("+OK\r\n"),
				   SAY("+PONG\r\n")};
	struct false_redis old, redis, sentinel;
	struct naming namings[2];
	struct client c;
	struct answer a;
	char url[128];

	for (size_t i = 0; i < countof(there); i++)
		there[i] = (struct act)SAY(refusal);
	there[0].bytes = HELLO;
	there[1].bytes = "+OK\r\n";
	false_start(&old, rig, there, countof(there));
	false_start(&redis, rig, here, countof(here));
	for (size_t i = 0; i < countof(says); i++)
		says[i] = (struct act)SAY(names(&namings[1], redis.port));
	says[0].bytes = names(&namings[0], old.port);
	false_start(&sentinel, rig, says, countof(says));
	follow(url, sentinel.port, sentinel.port);
	client_start(&c, rig, url);
	ask(&c, &a, "PING");
	assert_string_equal(a.text, "PONG");
	assert_int_equal(c.ups, 2);
	assert_int_equal(old.connections, 1);
	client_stop(&c);
	false_stop(&sentinel);
	false_stop(&redis);
	false_stop(&old);
}

static void a_deposed_primary_is_left(void **state)
{
	followed_after(*state, "-READONLY You can't write\r\n");
	followed_after(*state, "-NOREPLICAS Not enough good replicas\r\n");
}

/* user may be NULL; said is how both are told. */
static void introduced(struct rig *rig, const char *user, const char *said)
{
	const struct act here[] = {SAY(HELLO), SAY("+OK\r\n")};
	struct act says[] = {SAY("-WRONGPASS invalid\r\n"), HUSH,
			     SAY("+OK\r\n"), HUSH};
	struct false_redis redis, sentinel;
	struct client c = {.rig = rig};
	struct naming naming;
	struct redis_options o;
	char url[128], path[128];
	FILE *file;

	false_start(&redis, rig, here, countof(here));
	says[3].bytes = names(&naming, redis.port);
	false_start(&sentinel, rig, says, countof(says));
	snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/mine/1",
		 sentinel.port);
	snprintf(path, sizeof(path), "%s/password", rig->folder);
	o = options(url, &c);
	o.sentinel_user = user;
	o.sentinel_password_file = path;
	c.redis = redis_start(&rig->loop, &o);
	run_until(rig, c.outages);
	assert_int_equal(c.outage.kind, ERR_USAGE);
	assert_contains(c.outage.text, path);
	assert_contains(c.outage.text, "--redis-sentinel-password-file");
	file = fopen(path, "w");
	fputs("psst\n", file);
	fclose(file);
	run_until(rig, c.outages > 1);
	assert_contains(c.outage.text, "WRONGPASS");
	assert_null(strstr(c.outage.text, "psst"));
	run_until(rig, c.ups);
	assert_contains(sentinel.seen, said);
	assert_null(strstr(redis.seen, "psst"));
	client_stop(&c);
	false_stop(&sentinel);
	false_stop(&redis);
	unlink(path);
}

static void sentinels_may_have_a_password(void **state)
{
	introduced(*state, NULL, "*2\r\n$4\r\nAUTH\r\n$4\r\npsst\r\n");
}

static void sentinels_may_know_users(void **state)
{
	introduced(*state, "guest", "AUTH\r\n$5\r\nguest\r\n$4\r\npsst\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(redis_is_where_a_sentinel_says),
		ALONE(one_sentinel_that_knows_is_enough),
		ALONE(when_none_knows_the_most_telling_is_told),
		ALONE(what_stays_wrong_is_told_once),
		ALONE(one_that_names_a_replica_is_not_asked_next),
		ALONE(a_deposed_primary_is_left),
		ALONE(sentinels_may_have_a_password),
		ALONE(sentinels_may_know_users),
	};

	return cmocka_run_group_tests_name("redis sentinel", tests, NULL, NULL);
}
