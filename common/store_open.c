/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"
#include "treadle/loop.h"
#include "treadle/redis_info.h"

#include "library.h"
#include "store_call.h"

/*
 * Before the first call, and after each reconnect (for it may be another
 * Redis, or one that has lost its memory):
 *
 *   eviction policy --> version of the library --> open
 *                            ^       | older
 *                            `--load-'
 *
 * A library that is missing shows itself by "Function not found", here as
 * later: it is loaded, and whatever was refused is sent again by redis.c. A
 * library that is there, but lacks a function, may be a newer one: so it is
 * replaced only after its version was asked for.
 */
#define LOAD_PAUSE_MS 5000 /* after a refusal that waiting may not mend */
#define NOT_FOUND "ERR Function not found"
#define IS_THERE "already exists"

static void ask_version(struct store *s);

static struct call_options opening(const struct store *s)
{
	struct call_options o = {.mode = CALL_REPLAY, .deadline_ms = -1};

	if (!s->on_open || s->deadline_at < 0)
		return o;
	o.deadline_ms = s->deadline_at - clock_monotonic_ms();
	if (o.deadline_ms < 0)
		o.deadline_ms = 0;
	return o;
}

/* Tells the opener, or, once it was told, the log. */
static void finish(struct store *s, const struct error *err)
{
	store_open_fn *on_open = s->on_open;

	s->is_checking = false;
	s->on_open = NULL;
	if (on_open)
		on_open(s->open_arg, err);
	else if (err)
		log_error("redis not usable", NULL, "%s", err->text);
}

/* --- the library --------------------------------------------------------- */

static bool is_there(const struct redis_failure *failure)
{
	return failure && failure->cause == REDIS_REFUSED &&
	       memmem(failure->text.data, failure->text.len, IS_THERE,
		      strlen(IS_THERE));
}

/* There is a library without a function that we called. */
static void on_there(struct store *s)
{
	bool is_waiting = s->asks_again;

	s->lacks_function = true;
	s->asks_again = false;
	if (is_waiting)
		ask_version(s);
	else
		store_check(s);
}

static void on_loaded(void *arg, const struct reply *reply,
		      const struct redis_failure *failure)
{
	struct store *s = arg;

	(void)reply;
	s->is_loading = false;
	if (failure && failure->cause == REDIS_STOPPED)
		return;
	if (is_there(failure)) {
		on_there(s);
		return;
	}
	if (failure) {
		s->load_error = failure->error;
		error_prefix(&s->load_error, "cannot load the library: ");
		if (failure->cause == REDIS_REFUSED)
			s->load_refused_at = clock_monotonic_ms();
		if (!s->on_open)
			log_error("library refused", NULL, "%s",
				  s->load_error.text);
	} else {
		s->lacks_function = false;
		log_info("library loaded", NULL, "version %lld",
			 (long long)library_version());
	}
	if (s->asks_again && failure)
		finish(s, &s->load_error);
	else if (s->asks_again)
		ask_version(s);
	s->asks_again = false;
}

/* True if the library is being loaded; false if that was just refused. */
static bool load(struct store *s, bool replaces)
{
	struct call_options o = opening(s);
	struct command c;

	if (s->is_loading)
		return true;
	if (s->load_refused_at >= 0 &&
	    clock_monotonic_ms() - s->load_refused_at < LOAD_PAUSE_MS)
		return false;
	if (!s->on_open)
		log_warn("library missing", NULL,
			 "redis has lost the functions, or has older ones: "
			 "loading them");
	s->is_loading = true;
	s->load_refused_at = -1;
	library_load_command(&c, replaces);
	redis_call(s->redis, &c, &o, on_loaded, s);
	return true;
}

static bool on_refused(void *arg, struct slice text)
{
	struct store *s = arg;

	return slice_starts(text, NOT_FOUND) && !s->is_outdated &&
	       load(s, false);
}

static void refuse_newer(struct store *s, int64_t version)
{
	store_outdated_fn *on_outdated = s->on_outdated;
	struct error *err = &s->load_error;

	if (s->is_outdated && !s->on_open) {
		s->is_checking = false; /* as was said */
		return;
	}
	s->is_outdated = true;
	error_set(err, ERR_USAGE,
		  "this program speaks version %lld of the library, redis has "
		  "%lld: upgrade the program",
		  (long long)library_version(), (long long)version);
	if (s->on_open || !on_outdated) {
		finish(s, err);
		return;
	}
	s->is_checking = false;
	s->on_outdated = NULL;
	on_outdated(s->outdated_arg, err);
}

/* An older library is replaced, and then asked again. */
static void judge_version(struct store *s, int64_t version)
{
	if (version > library_version()) {
		refuse_newer(s, version);
		return;
	}
	s->is_outdated = false;
	if (version == library_version() && !s->lacks_function)
		finish(s, NULL);
	else if (load(s, true))
		s->asks_again = true;
	else
		finish(s, &s->load_error);
}

void store_on_outdated(struct store *s, store_outdated_fn *on_outdated,
		       void *arg)
{
	s->on_outdated = on_outdated;
	s->outdated_arg = arg;
}

static void on_version(void *arg, const struct reply *reply,
		       const struct redis_failure *failure)
{
	struct store *s = arg;
	struct redis_failure explained;

	if (failure && failure->cause != REDIS_STOPPED && s->is_loading) {
		s->asks_again = true; /* what becomes of that tells more */
		return;
	}
	if (failure) {
		explained = *failure;
		store_explain_failure(s, STORE_version, &explained);
		if (failure->cause != REDIS_STOPPED)
			finish(s, &explained.error);
		return;
	}
	judge_version(s, reply->type == REPLY_INTEGER ? reply->integer : 0);
}

static void ask_version(struct store *s)
{
	struct call_options o = opening(s);
	struct command c;

	store_begin(s, STORE_version, &c);
	redis_call(s->redis, &c, &o, on_version, s);
}

/* --- the server ---------------------------------------------------------- */

/* Who may not read INFO is trusted to have set the policy. */
static void on_info(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct store *s = arg;
	struct slice policy = SLICE("");
	struct error err;

	if (failure && failure->cause == REDIS_STOPPED)
		return;
	if (failure && failure->cause != REDIS_REFUSED) {
		finish(s, &failure->error);
		return;
	}
	if (reply)
		policy = redis_info(reply->text, "maxmemory_policy");
	if (policy.len == 0 || slice_is(policy, "noeviction")) {
		ask_version(s);
		return;
	}
	error_set(&err, ERR_UNAVAILABLE,
		  "redis may throw away what it was asked to keep: its "
		  "maxmemory-policy is %.*s (redis-cli config set "
		  "maxmemory-policy noeviction)",
		  (int)policy.len, policy.data);
	finish(s, &err);
}

void store_check(struct store *s)
{
	struct call_options o = opening(s);
	struct command c;

	if (s->is_checking)
		return;
	s->is_checking = true;
	s->load_refused_at = -1;
	command_init(&c, "INFO");
	command_text(&c, "memory");
	redis_call(s->redis, &c, &o, on_info, s);
}

static void on_state(void *arg, const struct error *reason)
{
	struct store *s = arg;

	if (!reason) {
		log_debug("redis reached", NULL, "client %lld",
			  (long long)redis_client_id(s->redis));
		store_check(s);
		return;
	}
	if (s->on_open && reason->kind != ERR_UNAVAILABLE)
		finish(s, reason);
	else
		log_warn("redis unreachable", NULL, "%s -- trying again",
			 reason->text);
}

void store_open_options(struct store *s, struct redis_options *o)
{
	o->on_state = on_state;
	o->on_refused = on_refused;
	o->arg = s;
}

/* --- trying -------------------------------------------------------------- */

struct trial {
	struct store *store;
	struct error *err;
	bool has_failed;
};

static void on_tried(void *arg, const struct error *err)
{
	struct trial *t = arg;

	t->has_failed = err != NULL;
	if (err)
		*t->err = *err;
	store_stop(t->store, NULL, NULL);
}

int store_try(const struct config *c, const char *name, struct error *err)
{
	struct trial t = {.err = err};
	uv_loop_t loop;

	if (loop_init(&loop, err) < 0)
		return -1;
	t.store = store_start(&loop, c, name, c->redis.timeout, on_tried, &t);
	uv_run(&loop, UV_RUN_DEFAULT);
	loop_close(&loop);
	return t.has_failed ? -1 : 0;
}

/* --- for who only looks --------------------------------------------------- */

struct slice store_library(void)
{
	return library_text();
}

int64_t store_library_version(struct slice text)
{
	return library_version_of(text);
}
