/* SPDX-License-Identifier: MIT */
#include "reclaim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "treadle/clock.h"
#include "answer.h"
#include "coordinator.h"

#define RECLAIM_MAX 500
#define LOOK_MS 1000
#define UNMOVED_MS 50
#define LEASE_MS 15000 /* while no worker has told us of its own */

static struct reclaim *reclaim_of(struct duty *d)
{
	return (struct reclaim *)((char *)d - offsetof(struct reclaim, duty));
}

/* --- the pause -------------------------------------------------------------
 */

static void on_workers(void *arg, jv answer, const struct error *err)
{
	struct reclaim *r = arg;
	jv workers;

	if (err) {
		duty_fail(&r->duty, err);
		return;
	}
	r->lease_ms = 0;
	workers = answer_array(answer, "workers");
	jv_array_foreach (workers, i, worker) {
		int64_t lease_ms = answer_number(worker, "lease_ms", 0);

		if (lease_ms > r->lease_ms)
			r->lease_ms = lease_ms;
		jv_free(worker);
	}
	jv_free(workers);
	if (!r->lease_ms)
		r->lease_ms = LEASE_MS;
	r->paused_until = clock_monotonic_ms() + r->lease_ms;
	log_warn("reclaiming paused", NULL,
		 "for %" PRId64 " ms, the longest lease of a worker",
		 r->lease_ms);
	duty_wait(&r->duty, r->lease_ms);
}

static void pause_reclaiming(struct reclaim *r, enum guard_verdict verdict,
			     int64_t ms)
{
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
	store_ask(r->duty.coordinator->store, STORE_workers, NULL, 0,
		  r->duty.coordinator->patience_ms, on_workers, r);
}

/* --- the time --------------------------------------------------------------
 */

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
	if (r->duty.is_stopped)
		duty_wait(&r->duty, 0);
	else if (verdict != GUARD_CALM)
		pause_reclaiming(r, verdict, ms);
	else if (now < r->paused_until)
		duty_wait(&r->duty, r->paused_until - now);
	else
		duty_call(&r->duty);
}

static void ask_time(struct duty *d)
{
	struct reclaim *r = reclaim_of(d);
	/*
	 * No deadline: how long Redis was silent is what we want to know.
	 */
	static const struct call_options patient = {.mode = CALL_REPLAY,
						    .deadline_ms = -1};
	struct command c;

	r->sent_at = clock_monotonic_ms();
	command_init(&c, "TIME");
	redis_call(store_redis(d->coordinator->store), &c, &patient, on_time,
		   r);
}

/* --- the duty --------------------------------------------------------------
 */

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
	.begin = ask_time,
	.on_answer = on_reclaimed,
};

void reclaim_start(struct reclaim *r, struct coordinator *c)
{
	*r = (struct reclaim){
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
