/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_STORE_RIG_H
#define TREADLE_TEST_STORE_RIG_H

#include "redis_client.h"

#include "../../common/library.h"
#include "treadle/store.h"

/* A store, how its opening went, and a plain client beside it. */
struct shop {
	struct rig *rig;
	struct config config;
	struct store *store;
	struct client client;
	int opened;
	bool is_refused, is_stopped;
	struct error error;
};

static inline void on_open(void *arg, const struct error *err)
{
	struct shop *shop = arg;

	shop->opened++;
	shop->is_refused = err;
	if (err)
		shop->error = *err;
}

static inline void shop_open_at(struct shop *shop, struct rig *rig,
				const char *url, int64_t deadline_ms)
{
	*shop = (struct shop){.rig = rig};
	shop->config.redis.url = (char *)url;
	shop->config.redis.password_file = (char *)"";
	shop->config.redis.prefix = (char *)"treadle";
	shop->config.redis.connect_timeout = 2000;
	shop->config.redis.timeout = 5000;
	client_start(&shop->client, rig, rig->url);
	shop->store = store_start(&rig->loop, &shop->config, "test",
				  deadline_ms, on_open, shop);
	assert_int_equal(shop->opened, 0);
}

/* Opens, and expects that to succeed. */
static inline void shop_open(struct shop *shop, struct rig *rig)
{
	shop_open_at(shop, rig, rig->url, -1);
	run_until(rig, shop->opened);
	if (shop->is_refused)
		fail_msg("%s", shop->error.text);
}

static inline void shop_close(struct shop *shop)
{
	store_stop(shop->store, on_stopped, &shop->is_stopped);
	store_stop(shop->store, NULL, NULL);
	run_until(shop->rig, shop->is_stopped);
	assert_true(shop->opened <= 1);
	client_stop(&shop->client);
}

/* Says a command by the plain client, and expects no error. */
static inline void shop_say(struct shop *shop, const char *words)
{
	struct answer a;

	ask(&shop->client, &a, words);
	if (a.is_failure)
		fail_msg("%s: %s", words, a.error.text);
}

/*
 * Puts a library of the test's own in place of ours. body is Lua, in which
 * public(name, function) registers treadle_<name>.
 */
static inline void shop_library(struct shop *shop, int64_t version,
				const char *body)
{
	struct call_options o = {.deadline_ms = -1};
	struct answer a = {0};
	struct command c;
	char *text;

	text = xasprintf(
		"#!lua name=treadle\n"
		"local function public(name, body, flags)\n"
		"  redis.register_function({function_name = 'treadle_' .. name,\n"
		"    callback = body, flags = flags or {'allow-oom'}})\n"
		"end\n"
		"public('version', function() return %lld end, {'no-writes'})\n"
		"%s",
		(long long)version, body);
	command_init(&c, "FUNCTION");
	command_text(&c, "LOAD");
	command_text(&c, "REPLACE");
	command_text(&c, text);
	free(text);
	redis_call(shop->client.redis, &c, &o, on_reply, &a);
	run_until(shop->rig, a.calls);
	if (a.is_failure)
		fail_msg("%s", a.error.text);
}

struct told {
	int calls;
	bool is_error;
	struct error error;
	char json[512];
};

static inline void on_told(void *arg, jv answer, const struct error *err)
{
	struct told *t = arg;
	struct buf json;

	t->calls++;
	t->is_error = err;
	if (err) {
		t->error = *err;
		assert_false(jv_is_valid(answer));
		return;
	}
	buf_init(&json, 1 << 20);
	json_print(answer, &json);
	copy_text(t->json, sizeof(t->json), buf_slice(&json));
	buf_clear(&json);
}

static inline void shop_begin(struct shop *shop, struct told *t,
			      enum store_function f, const char *arg,
			      int64_t deadline_ms)
{
	struct slice args[] = {slice_of(arg)};

	*t = (struct told){0};
	store_ask(shop->store, f, args, arg ? 1 : 0, deadline_ms, on_told, t);
	assert_int_equal(t->calls, 0);
}

static inline void shop_ask(struct shop *shop, struct told *t,
			    enum store_function f, const char *arg)
{
	shop_begin(shop, t, f, arg, -1);
	run_until(shop->rig, t->calls);
	assert_int_equal(t->calls, 1);
}

#endif
