/* SPDX-License-Identifier: MIT */
#include "reclaim.h"

#include <inttypes.h>
#include <stdlib.h>

#include "treadle/clock.h"
#include "answer.h"
#include "coordinator.h"

#define RECLAIM_MAX 200
#define LOOK_MS 1000
#define UNMOVED_MS 50
/* A third of the shortest lease: what is less takes no lease away. */
#define DOUBT_MS 333

static struct reclaim *reclaim_of(struct duty *d)
{
	return (struct reclaim *)((char *)d - offsetof(struct reclaim, duty));
}

/* --- the watch ---------------------------------------------------------- */

/*
 * For no more than a lead before our last reading, in which a leader must
 * have looked as well: while we stood by, the clock may have gone back and
 * returned, and he have shortened leases in between.
 */
static void vouch(struct reclaim *r, int64_t redis_now)
{
	int64_t earliest = r->read_at - r->duty.lead_ms;

	if (!r->read_at)
		r->since = redis_now;
	else if (r->since < earliest)
		r->since = earliest;
	r->read_at = redis_now;
	r->duty.more[0] = r->since;
	r->duty.more[1] = r->read_at;
	r->duty.more_count = 2;
}

static void judge(struct reclaim *r, enum guard_verdict verdict, int64_t ms)
{
	if (verdict == GUARD_CALM)
		return;
	r->read_at = 0; /* from here on we watch anew */
	if (verdict == GUARD_JUMP)
		log_warn("clock jumped", NULL,
			 "Redis' clock by %" PRId64 " ms; is its machine's "
			 "time kept by hand?",
			 ms);
	else
		log_info("redis silent", NULL,
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
	verdict = guard_check(&r->guard, redis_now, r->sent_at, now, &ms);
	judge(r, verdict, ms);
	vouch(r, redis_now);
	if (r->duty.is_stopped)
		duty_wait(&r->duty, 0);
	else
		duty_call(&r->duty);
}

static void look(struct duty *d)
{
	/* No deadline: how long Redis is silent is what we want to know. */
	static const struct call_options patient = {.mode = CALL_REPLAY,
						    .deadline_ms = -1};
	struct reclaim *r = reclaim_of(d);
	struct command c;

	r->sent_at = clock_monotonic_ms();
	command_init(&c, "TIME");
	redis_call(store_redis(d->coordinator->store), &c, &patient, on_time,
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
	int64_t spared = answer_number(answer, "spared", 0);
	jv workers = answer_array(answer, "workers");

	(void)d;
	if (spared)
		log_warn("leases renewed", NULL,
			 "those of %" PRId64 " workers, which may have had no "
			 "chance to: Redis was away, or nobody watched its "
			 "clock",
			 spared);
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
	*r = (struct reclaim){.guard.tolerance_ms = DOUBT_MS,
			      .guard.silence_ms = DOUBT_MS};
	duty_start(&r->duty, c, &reclaim, c->config->coordinator.lead);
}

void reclaim_stop(struct reclaim *r)
{
	duty_stop(&r->duty);
}
