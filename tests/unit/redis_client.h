/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_REDIS_CLIENT_H
#define TREADLE_TEST_REDIS_CLIENT_H

#include "redis_rig.h"

#include "treadle/redis.h"

/* One connection, what it told us, and what came of its last calls. */
struct client {
	struct rig *rig;
	struct redis *redis;
	int ups, outages;
	struct error outage;
	bool is_stopped;
};

#define ANSWERS_MAX 4096
struct answer {
	struct client *client;
	int calls; /* how often the callback came */
	int order; /* when, among all */
	bool is_failure;
	enum reply_type type;
	int64_t integer;
	size_t count;
	char text[256], code[32];
	size_t len;
	enum redis_cause cause;
	struct error error;
};

static int answers_seen;

static inline void on_state(void *arg, const struct error *reason)
{
	struct client *c = arg;

	if (reason) {
		c->outages++;
		c->outage = *reason;
	} else {
		c->ups++;
	}
}

static inline struct redis_options options(const char *url, struct client *c)
{
	return (struct redis_options){
		.url = url,
		.password_file = "",
		.name = "test program",
		.connect_timeout_ms = 2000,
		.timeout_ms = 5000,
		.on_state = on_state,
		.arg = c,
	};
}

static inline void client_start(struct client *c, struct rig *rig,
				const char *url)
{
	struct redis_options o = options(url, c);

	*c = (struct client){.rig = rig};
	c->redis = redis_start(&rig->loop, &o);
}

static inline void on_stopped(void *arg)
{
	*(bool *)arg = true;
}

static inline void client_stop(struct client *c)
{
	redis_stop(c->redis, on_stopped, &c->is_stopped);
	run_until(c->rig, c->is_stopped);
}

static inline void copy_text(char *to, size_t size, struct slice from)
{
	size_t len = from.len < size ? from.len : size - 1;

	memcpy(to, from.data, len);
	to[len] = '\0';
}

static inline void on_reply(void *arg, const struct reply *reply,
			    const struct redis_failure *failure)
{
	struct answer *a = arg;

	assert_true(!reply != !failure);
	a->calls++;
	a->order = ++answers_seen;
	if (failure) {
		a->is_failure = true;
		a->cause = failure->cause;
		a->error = failure->error;
		copy_text(a->code, sizeof(a->code), failure->code);
		return;
	}
	a->type = reply->type;
	a->integer = reply->integer;
	a->count = reply->count;
	a->len = reply->text.len;
	copy_text(a->text, sizeof(a->text), reply->text);
}

/* Sends words separated by blanks. */
static inline void send_as(struct client *c, struct answer *a,
			   const char *words, struct call_options o)
{
	struct slice rest = slice_of(words), word = slice_cut(&rest, ' ');
	char name[32];
	struct command command;

	*a = (struct answer){.client = c};
	copy_text(name, sizeof(name), word);
	command_init(&command, name);
	while (rest.len)
		command_slice(&command, slice_cut(&rest, ' '));
	redis_call(c->redis, &command, &o, on_reply, a);
	assert_int_equal(a->calls, 0);
}

static inline void send_words(struct client *c, struct answer *a,
			      const char *words)
{
	send_as(c, a, words, (struct call_options){.deadline_ms = -1});
}

static inline void ask(struct client *c, struct answer *a, const char *words)
{
	send_words(c, a, words);
	run_until(c->rig, a->calls);
	assert_int_equal(a->calls, 1);
}

static inline void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" lacks \"%s\"", text, part);
}

#endif
