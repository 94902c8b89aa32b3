/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_WORKER_RIG_H
#define TREADLE_TEST_WORKER_RIG_H

#include "hush.h"
#include "store_rig.h"

#include "../../worker/core.h"

/*
 * A worker in the loop of the test, at work on a real Redis. The library is
 * ours, but that it refuses what the test says: a function, or any of its
 * arguments ("complete 01k..."); or answers to a function what the test
 * says in Lua.
 */
struct plant {
	struct shop shop; /* who submits and looks */
	struct config *config;
	struct worker worker;
	int calls; /* answers to what was asked last */
};

static const char refuser[] =
	"local plain = public\n"
	"local function public(name, body, flags)\n"
	"  plain(name, function(p, args)\n"
	"    for i = 0, #args do\n"
	"      local what = name .. (args[i] and ' ' .. args[i] or '')\n"
	"      if call('SISMEMBER', 'refused', what) == 1 then\n"
	"        complain('INPUT', 'not today')\n"
	"      end\n"
	"    end\n"
	"    local said = call('HGET', 'answered', name)\n"
	"    if said then\n"
	"      return assert(loadstring(said))(p, args, body)\n"
	"    end\n"
	"    return body(p, args)\n"
	"  end, flags)\n"
	"end\n";

/* Has Redis do a command, beside the worker. */
static inline void plant_call(struct plant *p, struct command *c)
{
	struct call_options o = {.deadline_ms = -1};
	struct answer a = {0};

	redis_call(p->shop.client.redis, c, &o, on_reply, &a);
	run_until(p->shop.rig, a.calls);
	if (a.is_failure)
		fail_msg("%s", a.error.text);
}

/* The library, with that put before its functions are made public. */
static inline void plant_library(struct plant *p)
{
	struct slice text = library_text();
	const char *at = memmem(text.data, text.len, "\npublic('", 9);
	struct command c;
	char *library;

	assert_non_null(at);
	library = xasprintf("%.*s\n%s%.*s", (int)(at - text.data), text.data,
			    refuser, (int)(text.data + text.len - at), at);
	command_init(&c, "FUNCTION");
	command_text(&c, "LOAD");
	command_text(&c, "REPLACE");
	command_text(&c, library);
	free(library);
	plant_call(p, &c);
}

static inline void plant_open(struct plant *p, struct rig *rig)
{
	*p = (struct plant){.calls = 0};
	hush();
	shop_open(&p->shop, rig);
	plant_library(p);
}

static inline void plant_close(struct plant *p)
{
	shop_close(&p->shop);
	unhush();
}

/* A worker for a queue begins. */
static inline void hire(struct plant *p, const char *queue)
{
	char *argv[] = {(char *)"--redis-url",
			p->shop.rig->url,
			(char *)"--worker-queues",
			(char *)queue,
			(char *)"--worker-slots",
			(char *)"4096",
			(char *)"--worker-grace",
			(char *)"100ms",
			(char *)"--worker-lease",
			(char *)"2s",
			NULL};
	int argc = (int)countof(argv) - 1;
	struct error err;

	if (config_load(CONFIG_WORKER, &argc, argv, &p->config, &err) < 0)
		fail_msg("%s", err.text);
	worker_start(&p->worker, &p->shop.rig->loop, p->config);
}

static inline bool is_gone(const struct worker *w)
{
	return uv_is_closing((const uv_handle_t *)&w->wake);
}

/* It is told to stop, if it was not, and does. Returns its exit code. */
static inline int dismiss(struct plant *p)
{
	if (p->worker.phase < WORKER_DRAINING)
		worker_stop(&p->worker);
	run_until(p->shop.rig, is_gone(&p->worker));
	run_for(p->shop.rig, 1);
	config_free(p->config);
	return p->worker.exit_code;
}

static inline void refuse(struct plant *p, const char *what)
{
	struct command c;

	command_init(&c, "SADD");
	command_text(&c, "refused");
	command_text(&c, what);
	plant_call(p, &c);
}

static inline void accept_all(struct plant *p)
{
	shop_say(&p->shop, "DEL refused answered");
}

#endif
