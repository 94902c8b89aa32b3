/* SPDX-License-Identifier: MIT */
#include "store_rig.h"

#include "false_redis.h"
#include "hush.h"

/*
 * Opening a store where something is in its way, and looking again later.
 */

/* --- a library that can't be loaded ----------------------------------------
 */

static void loading_is_over_at_the_deadline(void **state)
{
	struct rig *rig = *state;
	struct shop shop;

	server_start(rig, "--maxmemory 1");
	shop_open_at(&shop, rig, rig->url, 300);
	run_until(rig, shop.opened);
	assert_true(shop.is_refused);
	assert_int_equal(shop.error.kind, ERR_UNAVAILABLE);
	assert_contains(shop.error.text, "gave up after");
	shop_close(&shop);
}

/* Opens as somebody who may not load a library any more. */
static void open_powerless(struct shop *shop, struct rig *rig)
{
	char url[160];

	shop_open(shop, rig);
	shop_say(shop, "ACL SETUSER some on >pass ~* +@all");
	shop_close(shop);
	snprintf(url, sizeof(url), "unix://some:pass@%s", rig->socket);
	shop_open_at(shop, rig, url, -1);
	run_until(rig, shop->opened);
	assert_false(shop->is_refused);
	shop_say(shop, "ACL SETUSER some -function|load");
	hush();
}

static void who_may_not_load_it_again_says_so_to_each_caller(void **state)
{
	struct shop shop;
	struct told t;

	open_powerless(&shop, *state);
	shop_say(&shop, "FUNCTION FLUSH");
	for (int i = 0; i < 2; i++) { /* the second time without trying */
		shop_ask(&shop, &t, STORE_queues, NULL);
		assert_true(t.is_error);
		assert_contains(t.error.text, "cannot load the library");
		assert_contains(t.error.text, "NOPERM");
	}
	unhush();
	shop_close(&shop);
}

/* The load is refused before the version is known, or while it is awaited. */
static void an_older_library_may_stay_where_nobody_may_load(void **state)
{
	struct shop shop;
	struct told t;

	open_powerless(&shop, *state);
	for (int i = 0; i < 2; i++) {
		shop_library(&shop, library_version() - 1, "");
		if (i > 0)
			store_check(shop.store);
		shop_begin(&shop, &t, STORE_queues, NULL, -1);
		if (i == 0)
			store_check(shop.store);
		run_until(shop.rig, t.calls);
		assert_true(t.is_error);
		run_for(shop.rig, 50);
		store_check(shop.store);
		run_for(shop.rig, 50);
	}
	unhush();
	shop_close(&shop);
}

/* It is found out by two at once: by a call, and by a look at the version. */
static void an_older_library_is_replaced_once_it_is_missed(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_library(&shop, library_version() - 1, "");
	store_check(shop.store);
	shop_ask(&shop, &t, STORE_queues, NULL);
	assert_false(t.is_error);
	shop_close(&shop);
}

static void a_newer_library_is_told_once(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_library(&shop, library_version() + 1, "");
	hush();
	for (int i = 0; i < 2; i++) {
		store_check(shop.store);
		store_check(shop.store);
		run_for(shop.rig, 50);
	}
	shop_ask(&shop, &t, STORE_queues, NULL);
	assert_true(t.is_error);
	unhush();
	assert_contains(t.error.text, "upgrade the program");
	assert_int_equal(shop.opened, 1);
	shop_close(&shop);
}

static void a_policy_that_evicts_ends_no_store_that_is_open(void **state)
{
	struct shop shop;
	struct told t;

	shop_open(&shop, *state);
	shop_say(&shop, "CONFIG SET maxmemory-policy allkeys-lru");
	hush();
	store_check(shop.store);
	shop_ask(&shop, &t, STORE_queues, NULL);
	unhush();
	assert_false(t.is_error);
	assert_int_equal(shop.opened, 1);
	shop_close(&shop);
}

/* --- stopped on the way ------------------------------------------------------
 */

#define NO_POLICY SAY("$-1\r\n")
#define OLDER SAY(":0\r\n")

/* Redis falls silent after these acts: it is stopped, and tells nobody. */
static void stopped_after(struct rig *rig, const struct act *acts, size_t count)
{
	struct false_redis f;
	struct shop shop;

	false_start(&f, rig, acts, count);
	shop_open_at(&shop, rig, f.url, -1);
	run_until(rig, f.commands > (int)count);
	shop_close(&shop);
	assert_int_equal(shop.opened, 0);
	false_stop(&f);
}

static void it_can_be_stopped_before_each_answer(void **state)
{
	const struct act acts[] = {SAY(HELLO), NO_POLICY, OLDER};

	for (size_t count = 0; count <= countof(acts); count++)
		stopped_after(*state, acts, count);
}

static void a_version_that_is_no_number_is_an_old_one(void **state)
{
	const struct act acts[] = {
		SAY(HELLO),          NO_POLICY,     SAY("+old\r\n"),
		SAY("+treadle\r\n"), SAY(":1\r\n"),
	};
	struct rig *rig = *state;
	struct false_redis f;
	struct shop shop;

	false_start(&f, rig, acts, countof(acts));
	shop_open_at(&shop, rig, f.url, -1);
	run_until(rig, shop.opened);
	assert_false(shop.is_refused);
	assert_non_null(strstr(f.seen, "REPLACE"));
	shop_close(&shop);
	false_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(loading_is_over_at_the_deadline),
		WITH_SERVER(who_may_not_load_it_again_says_so_to_each_caller),
		WITH_SERVER(an_older_library_may_stay_where_nobody_may_load),
		WITH_SERVER(an_older_library_is_replaced_once_it_is_missed),
		WITH_SERVER(a_newer_library_is_told_once),
		WITH_SERVER(a_policy_that_evicts_ends_no_store_that_is_open),
		ALONE(it_can_be_stopped_before_each_answer),
		ALONE(a_version_that_is_no_number_is_an_old_one),
	};

	return cmocka_run_group_tests_name("store open", tests, NULL, NULL);
}
