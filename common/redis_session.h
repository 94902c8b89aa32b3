/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_SESSION_H
#define TREADLE_REDIS_SESSION_H

#include "redis_calls.h"
#include "redis_link.h"
#include "resp.h"

/*
 * The inside of struct redis, shared by its two halves: redis.c has the
 * calls, redis_session.c the connection that they travel on.
 *
 *   DOWN --> (ASKING -->) CONNECTING --link up--> GREETING --> UP
 *     ^         |             |                      |         |
 *     `---------+-------------+----------------------+---------'
 *
 * Where the URL names Sentinels, each try begins by asking where Redis is, one
 * Sentinel after the other; the try has failed when none could say. The one
 * that could is asked first the next time, unless it led us astray.
 *
 * One timer serves all: it is set to the earliest time at which anything may
 * be due, and then looks at what is.
 */
enum session_state {
	SESSION_DOWN,       /* no link; the next one is started at connect_at */
	SESSION_ASKING,     /* a Sentinel; given up at connect_at */
	SESSION_CONNECTING, /* as well */
	SESSION_GREETING,   /* as well */
	SESSION_UP,
	SESSION_STOPPING, /* nothing happens any more but closing */
};

struct redis {
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_prepare_t flusher; /* writes what is waiting, before the poll */
	uv_idle_t waker;      /* keeps the poll short until that was done */
	int open;             /* handles and links that are not closed yet */
	int64_t timer_at;

	struct redis_url url; /* user is NULL until it was understood */
	char *url_text, *password_file, *name;
	char *sentinel_user, *sentinel_password_file;
	int64_t connect_timeout_ms, timeout_ms;
	redis_state_fn *on_state;
	redis_refused_fn *on_refused;
	void *arg;
	void (*on_stopped)(void *arg);
	void *stopped_arg;

	enum session_state state;
	struct redis_link *link; /* NULL when DOWN */
	struct resp_reader *reader;
	bool is_congested; /* the link has what was pushed still to write */
	int greetings;     /* answers to it, or to a question, to come */
	size_t sentinel;   /* which one is asked, modulo their number */
	size_t asked;      /* how many were, in this try */
	struct error why_unknown; /* the most telling of their failures */
	int64_t id;
	int64_t connect_at, up_at;
	unsigned tries;      /* connections since the last useful one */
	int64_t heard_at;    /* the last byte, or since an answer is due */
	size_t unsent;       /* when silence was last looked into */
	bool is_suspect;     /* silence was noticed; one more look */
	bool is_outage_told; /* to on_state */
	struct error told;   /* the last one that was */
	struct error reason; /* of the outage; kind is NONE while up */

	struct calls waiting, flight, parked; /* redis.c */
	int64_t deadline_min;                 /* no deadline is earlier */
	int64_t resume_min;          /* no parked call is due earlier */
	struct error refusal;        /* the last one for the moment */
	int64_t refusal_quiet_until; /* the same one is not told again */
};

/* Sees to it that redis_on_time() comes at `at`, or earlier. */
void session_arm(struct redis *r, int64_t at);

/* Full jitter: anything from 0 to the exponential limit. */
int64_t session_backoff_ms(unsigned tries);

/* When the silence will have been too long; NEVER if no answer is due. */
int64_t session_silence_at(const struct redis *r);

/* Connects, greets for too long or too silent: what the time demands. */
void session_check(struct redis *r, int64_t now);

/* Gives the connection up; from the loop only, for callbacks follow. */
void session_drop(struct redis *r, const struct error *reason);
void session_close(struct redis *r); /* in silence */

/* What the session needs of redis.c. */
void redis_on_time(struct redis *r);
void redis_on_answer(struct redis *r, const struct reply *reply);
void redis_flush(struct redis *r);
void redis_release(struct redis *r); /* one of `open` is closed */

#endif
