/* SPDX-License-Identifier: MIT */
#include "store_rig.h"

/* --- opening ------------------------------------------------------------- */

static void assert_library_is_ours(struct shop *shop)
{
	struct answer a;

	ask(&shop->client, &a, "FCALL_RO treadle_version 1 treadle:{0}");
	assert_int_equal(a.integer, library_version());
}

static void opening_brings_the_library(void **state)
{
	struct shop shop;

	shop_open(&shop, *state);
	assert_library_is_ours(&shop);
	assert_string_equal(store_keys(shop.store), "treadle:{0}");
	shop_close(&shop);
}

static void an_older_library_is_replaced(void **state)
{
	struct shop shop;

	shop_open(&shop, *state);
	shop_library(&shop, library_version() - 1, "");
	shop_close(&shop);
	shop_open(&shop, *state);
	assert_library_is_ours(&shop);
	shop_close(&shop);
}

static void a_newer_library_is_left_alone(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	shop_open(&shop, rig);
	shop_library(&shop, library_version() + 1, "");
	shop_close(&shop);
	shop_open_at(&shop, rig, rig->url, -1);
	run_until(rig, shop.opened);
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_USAGE);
	assert_contains(shop.error.text, "upgrade the program");
	shop_close(&shop);
}

static void a_redis_that_may_forget_is_refused(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	server_start(rig, "--maxmemory-policy allkeys-lru");
	shop_open_at(&shop, rig, rig->url, -1);
	run_until(rig, shop.opened);
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_UNAVAILABLE);
	assert_contains(shop.error.text, "allkeys-lru");
	assert_contains(shop.error.text,
			"config set maxmemory-policy noeviction");
	shop_close(&shop);
}

static void trying_is_over_at_the_deadline(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	shop_open_at(&shop, rig, "redis://127.0.0.1:1", 200);
	run_until(rig, shop.opened);
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_UNAVAILABLE);
	assert_contains(shop.error.text, "connection refused");
	shop_close(&shop);
}

static void it_opens_when_redis_comes(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	shop_open_at(&shop, rig, rig->url, -1);
	run_until(rig, shop.client.outages);
	run_for(rig, 50);
	assert_int_equal(shop.opened, 0);
	server_start(rig, "");
	run_until(rig, shop.opened);
	assert_false(shop.is_refused);
	shop_close(&shop);
}

static void what_waiting_cannot_mend_is_told_at_once(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	server_start(rig, "--requirepass so-secret");
	shop_open_at(&shop, rig, rig->url, -1);
	run_until(rig, shop.opened);
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_USAGE);
	assert_contains(shop.error.text, "--redis-password-file");
	shop_close(&shop);
}

/* --- rights -------------------------------------------------------------- */

static void open_as(struct shop *shop, struct rig *rig, const char *rules)
{
	char url[160], words[160];

	shop_open(shop, rig);
	snprintf(words, sizeof(words), "ACL SETUSER some on >pass ~* %s",
		 rules);
	shop_say(shop, words);
	shop_say(shop, "FUNCTION FLUSH");
	shop_close(shop);
	snprintf(url, sizeof(url), "unix://some:pass@%s", rig->socket);
	shop_open_at(shop, rig, url, -1);
	run_until(rig, shop->opened);
}

static void who_may_not_load_is_told_so(void **state)
{
	struct shop shop;

	open_as(&shop, *state, "+@all -function|load");
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_USAGE);
	assert_contains(shop.error.text, "cannot load the library");
	assert_contains(shop.error.text, "NOPERM");
	shop_close(&shop);
}

static void who_may_not_read_info_is_trusted(void **state)
{
	struct shop shop;

	open_as(&shop, *state, "+@all -info");
	assert_false(shop.is_refused);
	shop_close(&shop);
}

/* --- losing the library -------------------------------------------------- */

static void a_lost_library_is_brought_again(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_say(&shop, "FUNCTION FLUSH");
	shop_ask(&shop, &t, STORE_queues, NULL);
	if (t.is_error)
		fail_msg("%s", t.error.text);
	assert_library_is_ours(&shop);
	shop_close(&shop);
}

static void a_new_redis_gets_the_library_too(void **state)
{
	struct rig *rig = *state;
	struct shop shop;
	struct told t;

	shop_open(&shop, rig);
	server_kill(rig);
	shop_begin(&shop, &t, STORE_queues, NULL, -1);
	server_start(rig, "");
	run_until(rig, t.calls);
	assert_false(t.is_error);
	assert_int_equal(shop.opened, 1);
	shop_close(&shop);
}

static void loading_waits_for_memory(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	server_start(rig, "--maxmemory 1");
	shop_open_at(&shop, rig, rig->url, -1);
	run_for(rig, 150);
	assert_int_equal(shop.opened, 0);
	shop_say(&shop, "CONFIG SET maxmemory 0");
	run_until(rig, shop.opened);
	assert_false(shop.is_refused);
	shop_close(&shop);
}

/* --- questions ----------------------------------------------------------- */

static void answers_are_values(void **state)
{
	struct shop shop;
	struct told t;
	char want[32];

	shop_open(&shop, *state);
	shop_ask(&shop, &t, STORE_version, NULL);
	snprintf(want, sizeof(want), "%lld", (long long)library_version());
	assert_string_equal(t.json, want);
	shop_ask(&shop, &t, STORE_stats, NULL);
	assert_int_equal(t.json[0], '{');
	shop_close(&shop);
}

static void errors_have_the_kind_that_the_library_names(void **state)
{
	static const struct {
		const char *reply;
		enum error_kind kind;
		const char *text;
	} cases[] = {
		{"ABSENT there is no run x", ERR_ABSENT, "there is no run x"},
		{"CONFLICT too late", ERR_CONFLICT, "too late"},
		{"INPUT bad", ERR_INPUT, "bad"},
		{"USAGE odd", ERR_USAGE, "odd"},
		{"UNAVAILABLE later", ERR_UNAVAILABLE, "later"},
	};
	struct shop shop;
	char text[1000] = "";
	struct told t;

	shop_open(&shop, *state);
	shop_library(&shop, library_version(),
		     "public('find', function(k, a)\n"
		     "  return redis.error_reply(a[1]) end, {'no-writes'})");
	for (size_t i = 0; i < countof(cases); i++) {
		shop_ask(&shop, &t, STORE_find, cases[i].reply);
		assert_true(t.is_error);
		assert_int_equal(t.error.kind, cases[i].kind);
		assert_string_equal(t.error.text, cases[i].text);
	}
	shop_ask(&shop, &t, STORE_find, "ODD as it is");
	assert_contains(t.error.text, "ODD as it is");
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "INPUT ", 6);
	shop_ask(&shop, &t, STORE_find, text);
	assert_int_equal(strlen(t.error.text), 400);
	shop_close(&shop);
}

static void a_fault_of_the_library_is_a_fault_of_ours(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_library(&shop, library_version(),
		     "public('find', function(k, a) return k.x.y end, "
		     "{'no-writes'})\n"
		     "public('list', function() return 'no JSON' end, "
		     "{'no-writes'})");
	shop_ask(&shop, &t, STORE_find, "a");
	assert_int_equal(t.error.kind, ERR_BUG);
	assert_contains(t.error.text, "treadle_find failed inside of redis");
	shop_ask(&shop, &t, STORE_list, "a");
	assert_int_equal(t.error.kind, ERR_BUG);
	assert_contains(t.error.text, "treadle_list answered in a form");
	shop_close(&shop);
}

static void a_question_may_have_a_deadline(void **state)
{
	struct rig *rig = *state;
	struct shop shop;
	struct told t;

	shop_open(&shop, rig);
	server_kill(rig);
	shop_begin(&shop, &t, STORE_queues, NULL, 300);
	run_until(rig, t.calls);
	assert_int_equal(t.error.kind, ERR_UNAVAILABLE);
	assert_contains(t.error.text, "gave up after 300ms");
	shop_close(&shop);
}

static void stopping_answers_questions(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_begin(&shop, &t, STORE_queues, NULL, -1);
	shop_close(&shop);
	assert_int_equal(t.calls, 1);
	assert_true(t.is_error);
}

static void it_can_be_stopped_while_opening(void **state)
{
	struct rig *rig = *state;

	for (int turns = 0; turns < 12; turns++) {
		struct shop shop;

		shop_open_at(&shop, rig, rig->url, 1000);
		for (int i = 0; i < turns; i++)
			uv_run(&rig->loop, UV_RUN_NOWAIT);
		shop_close(&shop);
	}
}

/* --- explanations -------------------------------------------------------- */

static void explained(struct rig *rig, const char *url, struct slice arg,
		      const char *want)
{
	struct shop shop;
	struct buf line;

	buf_init(&line, 4096);
	shop_open_at(&shop, rig, url, -1);
	store_explain(shop.store, STORE_status, &arg, 1, &line);
	assert_string_equal(line.data, want);
	shop_close(&shop);
	buf_clear(&line);
}

static void a_call_is_explained_for_redis_cli(void **state)
{
	explained(*state, "redis://127.0.0.1:6379/0", SLICE("01k3v0"),
		  "redis-cli -u redis://127.0.0.1:6379/0 FCALL_RO "
		  "treadle_status 1 'treadle:{0}' 01k3v0");
	explained(*state, "unix:///run/redis.sock?db=2", SLICE("it's"),
		  "redis-cli -s /run/redis.sock -n 2 FCALL_RO "
		  "treadle_status 1 'treadle:{0}' 'it'\\''s'");
	explained(*state, "redis://me:hush@h", SLICE(""),
		  "redis-cli -u 'redis://me:***@h' FCALL_RO "
		  "treadle_status 1 'treadle:{0}' ''");
	explained(*state, "redis+sentinel://me:hush@s,t/mine/2", SLICE(""),
		  "redis-cli $(redis-cli -h s -p 26379 SENTINEL "
		  "GET-MASTER-ADDR-BY-NAME mine | xargs printf '-h %s -p %s') "
		  "-n 2 FCALL_RO treadle_status 1 'treadle:{0}' ''");
	explained(*state, "redis://h", SLICE("a\nb\\'\xff"),
		  "redis-cli -u redis://h FCALL_RO "
		  "treadle_status 1 'treadle:{0}' $'a\\x0ab\\x5c\\x27\\xff'");
	explained(*state, "redis://h", SLICE("a\0b"),
		  "redis-cli -u redis://h FCALL_RO "
		  "treadle_status 1 'treadle:{0}' $'a\\x00b'");
}

static void queues_have_keys(void **state)
{
	struct shop shop;
	char key[32];

	shop_open_at(&shop, *state, "redis://h", -1);
	assert_int_equal(store_queue_key(shop.store, "gpu", key, sizeof(key)),
			 21);
	assert_string_equal(key, "treadle:{0}:queue:gpu");
	assert_int_equal(store_queue_key(shop.store, "gpu", key, 21), 0);
	assert_int_equal(store_queue_key(shop.store, "gpu", key, 22), 21);
	shop_close(&shop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(opening_brings_the_library),
		WITH_SERVER(an_older_library_is_replaced),
		WITH_SERVER(a_newer_library_is_left_alone),
		ALONE(a_redis_that_may_forget_is_refused),
		ALONE(trying_is_over_at_the_deadline),
		ALONE(it_opens_when_redis_comes),
		ALONE(what_waiting_cannot_mend_is_told_at_once),
		WITH_SERVER(who_may_not_load_is_told_so),
		WITH_SERVER(who_may_not_read_info_is_trusted),
		WITH_SERVER(a_lost_library_is_brought_again),
		WITH_SERVER(a_new_redis_gets_the_library_too),
		ALONE(loading_waits_for_memory),
		WITH_SERVER(answers_are_values),
		WITH_SERVER(errors_have_the_kind_that_the_library_names),
		WITH_SERVER(a_fault_of_the_library_is_a_fault_of_ours),
		WITH_SERVER(a_question_may_have_a_deadline),
		WITH_SERVER(stopping_answers_questions),
		WITH_SERVER(it_can_be_stopped_while_opening),
		ALONE(a_call_is_explained_for_redis_cli),
		ALONE(queues_have_keys),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
