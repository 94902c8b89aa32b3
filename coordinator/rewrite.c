/* SPDX-License-Identifier: MIT */
#include "rewrite.h"

#include <string.h>

#include "treadle/redis_info.h"
#include "coordinator.h"

#define UNDER_WAY "already in progress"

static void ask(struct rewrite *r, const char *command, const char *of,
		enum call_mode mode, redis_reply_fn *on_reply)
{
	struct call_options o = {.mode = mode,
				 .deadline_ms = r->coordinator->patience_ms};
	struct command c;

	command_init(&c, command);
	if (of)
		command_text(&c, of);
	redis_call(store_redis(r->coordinator->store), &c, &o, on_reply, r);
}

static void on_begun(void *arg, const struct reply *reply,
		     const struct redis_failure *failure)
{
	struct rewrite *r = arg;

	if (reply) {
		log_info("append-only file", NULL,
			 "is written anew, once after each start of redis");
		r->is_told = false;
		return;
	}
	if (r->is_told || failure->cause != REDIS_REFUSED ||
	    memmem(failure->text.data, failure->text.len, UNDER_WAY,
		   strlen(UNDER_WAY)))
		return;
	r->is_told = true;
	log_warn("append-only file", NULL,
		 "is not written anew: %s; run redis-check-aof --fix before "
		 "each start of redis, or half a call may come back",
		 failure->error.text);
}

static void on_persistence(void *arg, const struct reply *reply,
			   const struct redis_failure *failure)
{
	struct rewrite *r = arg;

	/* Who may not even read INFO is trusted to know what he does. */
	if (failure || r->coordinator->is_stopping)
		return;
	if (redis_info_int(reply->text, "aof_enabled") == 1 &&
	    redis_info_int(reply->text, "aof_rewrite_in_progress") == 0 &&
	    redis_info_int(reply->text, "aof_rewrite_scheduled") == 0 &&
	    slice_is(redis_info(reply->text, "aof_last_rewrite_time_sec"),
		     "-1"))
		ask(r, "BGREWRITEAOF", NULL, CALL_ONCE, on_begun);
}

void rewrite_look(struct rewrite *r)
{
	ask(r, "INFO", "persistence", CALL_REPLAY, on_persistence);
}
