/* SPDX-License-Identifier: MIT */
#include "reclaim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "treadle/clock.h"
#include "treadle/redis_info.h"
#include "answer.h"
#include "coordinator.h"

#define RECLAIM_MAX 200
#define LOOK_MS 1000
#define UNMOVED_MS 50
#define LEASE_MS 15000    /* while no worker has told us of its own */
#define RECONNECT_MS 2000 /* redis.h: 1 s between two tries, and a beat */

static struct reclaim *reclaim_of(struct duty *d)
{
	return (struct reclaim *)((char *)d - offsetof(struct reclaim, duty));
}

/* --- the pause ---------------------------------------------------------- */

static int64_t longest_lease(jv answer)
{
	jv workers = answer_array(answer, "workers");
	int64_t longest_ms = 0;

	jv_array_foreach (workers, i, worker) {
		int64_t lease_ms = answer_number(worker, "lease_ms", 0);

		if (lease_ms > longest_ms)
			longest_ms = lease_ms;
		jv_free(worker);
	}
	jv_free(workers);
	return longest_ms;
}

/* Also in a pause the clock is watched: one more trouble, one more pause. */
static void wait_and_watch(struct reclaim *r, int64_t pause_ms)
{
	duty_wait(&r->duty, pause_ms < LOOK_MS ? pause_ms : LOOK_MS);
}

static void on_workers(void *arg, jv answer, const struct error *err)
{
	struct reclaim *r = arg;
	int64_t lease_ms, pause_ms, now;

	if (err) {
		r->is_pausing = true; /* the next time, that is */
		duty_fail(&r->duty, err);
		return;
	}
	lease_ms = longest_lease(answer);
	if (!lease_ms) { /* nobody is there to be wronged */
		duty_wait(&r->duty, 0);
		return;
	}
	r->lease_ms = lease_ms;
	pause_ms = lease_ms + r->reconnect_ms;
	now = clock_monotonic_ms();
	/* The clock may jump while a longer pause has yet to end. */
	if (now + pause_ms > r->paused_until)
		r->paused_until = now + pause_ms;
	log_warn("reclaiming paused", NULL,
		 "for %" PRId64 " ms, so that workers can renew their leases",
		 pause_ms);
	wait_and_watch(r, pause_ms);
}

static void pause_reclaiming(struct reclaim *r)
{
	r->is_pausing = false;
	store_ask(r->duty.coordinator->store, STORE_workers, NULL, 0,
		  r->duty.coordinator->patience_ms, on_workers, r);
}

static void judge(struct reclaim *r, enum guard_verdict verdict, int64_t ms)
{
	if (verdict == GUARD_CALM)
		return;
	r->is_pausing = true;
	r->reconnect_ms = verdict == GUARD_SILENT ? RECONNECT_MS : 0;
	if (verdict == GUARD_JUMP)
		log_warn("clock jumped", NULL,
			 "Redis' clock by %" PRId64 " ms; is its machine's "
			 "time kept by hand?",
			 ms);
	else
		log_warn("redis silent", NULL,
			 "for %" PRId64 " ms; workers could not renew their "
			 "leases",
			 ms);
}

/* --- the time ----------------------------------------------------------- */

/* TIME answers [seconds, microseconds], as texts. */
static int read_time(const struct reply *reply, int64_t *ms)
{
	int64_t s, us;

	if (reply->type != REPLY_ARRAY || reply->count != 2)
		return -1;
	if (slice_int(reply->items[0].text, 0, INT64_MAX / 1000 - 1, &s) ||
	    slice_int(reply->items[1].text, 0, 999999, &us))
		return -1;
	*ms = s * 1000 + us / 1000;
	return 0;
}

static void on_time(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct reclaim *r = arg;
	int64_t now = clock_monotonic_ms(), redis_now, ms;
	enum guard_verdict verdict;
	struct error err;

	if (failure) {
		duty_fail(&r->duty, &failure->error);
		return;
	}
	if (read_time(reply, &redis_now)) {
		error_set(&err, ERR_UNAVAILABLE,
			  "redis answered TIME with something else");
		duty_fail(&r->duty, &err);
		return;
	}
	r->guard.silence_ms = r->lease_ms / 4;
	verdict = guard_check(&r->guard, redis_now, r->sent_at, now, &ms);
	/* A call that is repeated after an outage must not act on this look. */
	r->duty.valid_until = redis_now + r->guard.silence_ms;
	judge(r, verdict, ms);
	if (r->duty.is_stopped)
		duty_wait(&r->duty, 0);
	else if (r->is_pausing)
		pause_reclaiming(r);
	else if (now < r->paused_until)
		wait_and_watch(r, r->paused_until - now);
	else
		duty_call(&r->duty);
}

static void ask_time(struct reclaim *r)
{
	/* No deadline: how long Redis is silent is what we want to know. */
	static const struct call_options patient = {.mode = CALL_REPLAY,
						    .deadline_ms = -1};
	struct command c;

	r->sent_at = clock_monotonic_ms();
	command_init(&c, "TIME");
	redis_call(store_redis(r->duty.coordinator->store), &c, &patient,
		   on_time, r);
}

/* --- the first look ----------------------------------------------------- */

/*
 * The guard knows no time before our own start. If Redis has just started as
 * well, leases ended while it was away, and workers which are well come back.
 */
static void on_info(void *arg, const struct reply *reply,
		    const struct redis_failure *failure)
{
	struct reclaim *r = arg;
	int64_t uptime_s =
		reply ? redis_info_int(reply->text, "uptime_in_seconds") : -1;

	r->is_first = false;
	if (failure && failure->cause == REDIS_STOPPED) {
		duty_fail(&r->duty, &failure->error);
		return;
	}
	r->is_pausing = uptime_s >= 0 && uptime_s * 1000 < r->lease_ms;
	r->reconnect_ms = RECONNECT_MS;
	ask_time(r);
}

static void look(struct duty *d)
{
	static const struct call_options replayed = {.mode = CALL_REPLAY,
						     .deadline_ms = -1};
	struct reclaim *r = reclaim_of(d);
	struct command c;

	if (!r->is_first) {
		ask_time(r);
		return;
	}
	command_init(&c, "INFO");
	command_text(&c, "server");
	redis_call(store_redis(d->coordinator->store), &c, &replayed, on_info,
		   r);
}

/* --- the duty ----------------------------------------------------------- */

static void say_lost(jv worker)
{
	char *id = answer_text(worker, "worker");
	char *host = answer_text(worker, "host");
	int64_t recovered = answer_number(worker, "recovered", 0);
	int64_t returned = answer_number(worker, "returned", 0);
	int64_t dead = answer_number(worker, "dead", 0);

	log_warn("worker lost", ABOUT(.worker = id),
		 "pid %" PRId64 " on %s; of its steps %" PRId64
		 " are tried again, %" PRId64 " had not begun, %" PRId64
		 " are dead letters now",
		 answer_number(worker, "pid", 0), host, recovered, returned,
		 dead);
	free(id);
	free(host);
}

static int64_t on_reclaimed(struct duty *d, jv answer)
{
	int64_t now = answer_number(answer, "now", 0);
	int64_t next_due = answer_number(answer, "next_due", INT64_MAX);
	jv workers = answer_array(answer, "workers");

	(void)d;
	jv_array_foreach (workers, i, worker) {
		say_lost(worker);
		jv_free(worker);
	}
	jv_free(workers);
	if (answer_is_true(answer, "more"))
		return 0;
	if (next_due <= now)
		return UNMOVED_MS;
	return next_due - now < LOOK_MS ? next_due - now : LOOK_MS;
}

static const struct duty_kind reclaim = {
	.name = "reclaim",
	.function = STORE_reclaim,
	.limit = RECLAIM_MAX,
	.begin = look,
	.on_answer = on_reclaimed,
};

void reclaim_start(struct reclaim *r, struct coordinator *c)
{
	*r = (struct reclaim){
		.is_first = true,
		.lease_ms = LEASE_MS,
		.guard.tolerance_ms = c->config->coordinator.lead / 4,
	};
	duty_start(&r->duty, c, &reclaim, c->config->coordinator.lead);
}

void reclaim_stop(struct reclaim *r)
{
	/* Letting go of the lead is a call like any other: not in a pause. */
	if (clock_monotonic_ms() < r->paused_until)
		r->duty.is_leader = false;
	duty_stop(&r->duty);
}
