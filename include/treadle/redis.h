/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_REDIS_H
#define TREADLE_REDIS_H

#include <uv.h>

#include "treadle/config.h"

/*
 * One connection to Redis that keeps its promises.
 *
 * A call is a command and a callback that comes exactly once, later. The
 * connection connects by itself, again and again with full jitter (50 ms up
 * to 1 s), where the URL names Sentinels after asking them for the address, and
 * greets with HELLO, which says who the server is; a server too old, or a
 * replica, is an error that says so.
 *
 * Most of what we send is idempotent by design (the library answers a repeat
 * with what it answered first), so a call of mode CALL_REPLAY is simply sent
 * again, in order, after the connection was lost or when the server refused
 * for the moment (LOADING, BUSY, READONLY, MASTERDOWN, MISCONF, NOREPLICAS,
 * OOM, CLUSTERDOWN, TRYAGAIN). A call of mode CALL_ONCE fails with
 * REDIS_LOST instead: whether it took effect is then unknown. Calls are
 * answered in the order they were made, but for one that the server refused
 * for the moment: it is sent again after a back-off with full jitter (50 ms
 * up to 1 s), and later ones may overtake it.
 *
 * libuv carries the bytes and resolves names without blocking; hiredis'
 * reader parses what comes back. hiredis' own async context is not used: it
 * resolves names synchronously, knows no deadlines in 0.14, and allocates
 * each element of a reply, where we fill an arena.
 */
struct redis;

enum reply_type {
	REPLY_NIL,
	REPLY_STATUS,
	REPLY_TEXT,
	REPLY_INTEGER,
	REPLY_ARRAY,
	REPLY_ERROR, /* only inside of arrays */
};

/* Lives until the callback that was given it returns. */
struct reply {
	enum reply_type type;
	int64_t integer;
	struct slice text;   /* STATUS, TEXT, ERROR; else empty */
	struct reply *items; /* count of them, for ARRAY */
	size_t count;
};

enum redis_cause {
	REDIS_REFUSED, /* the server answered with an error, for good */
	REDIS_LOST,    /* the connection broke; for CALL_ONCE only */
	REDIS_LATE, /* its time is over; the error says what stood in the way */
	REDIS_STOPPED, /* redis_stop() was called */
};

struct redis_failure {
	enum redis_cause cause;
	struct slice code;  /* for REFUSED: the first word, "NOGROUP" */
	struct slice text;  /* for REFUSED: the whole error reply */
	struct error error; /* ready to be shown, with a remedy */
};

/* Exactly one of reply and failure is not NULL; both are borrowed. */
typedef void redis_reply_fn(void *arg, const struct reply *reply,
			    const struct redis_failure *failure);

/*
 * Called when the connection is ready (reason NULL), and when it was lost or
 * could not be made (reason says why; once for each outage, not each try, and
 * once more if a server is there again, but refuses us).
 */
typedef void redis_state_fn(void *arg, const struct error *reason);

/*
 * Asked when the server refuses a call of mode CALL_REPLAY for good: true if
 * what stands in its way is being removed, so that it is worth sending again
 * after a back-off, as after LOADING. text is the whole error reply.
 */
typedef bool redis_refused_fn(void *arg, struct slice text);

/*
 * An error of kind ERR_UNAVAILABLE may mend itself in time; with any other
 * kind somebody must act (password, version, URL). All go on being tried.
 */
struct redis_options {
	const char *url;
	const char *password_file;                          /* "" for none */
	const char *sentinel_user, *sentinel_password_file; /* likewise */
	const char *name; /* shown by CLIENT LIST */
	int64_t connect_timeout_ms;
	int64_t timeout_ms;           /* silence, while an answer is due */
	redis_state_fn *on_state;     /* may be NULL */
	redis_refused_fn *on_refused; /* may be NULL */
	void *arg;
};

/* What the configuration says; borrows all. */
struct redis_options redis_options(const struct config *c, const char *name);

/* 0 if the URL can be used; else an error that says what is wrong with it. */
int redis_check_url(const char *url, struct error *err);

/*
 * Borrows the loop; copies the options. Begins to connect. The process must
 * ignore SIGPIPE.
 */
struct redis *redis_start(uv_loop_t *loop, const struct redis_options *o);

/*
 * Closes; in the last close callback fails what is outstanding with
 * REDIS_STOPPED, frees r, and then calls on_stopped(arg) if not NULL. Of
 * several calls the first decides.
 */
void redis_stop(struct redis *r, void (*on_stopped)(void *arg), void *arg);

bool redis_is_up(const struct redis *r);
int64_t redis_client_id(const struct redis *r); /* of the connection, or -1 */
/* Why it is not up, for messages; NULL when it is up or still trying first. */
const struct error *redis_reason(const struct redis *r);

/* A command under construction. */
struct command {
	struct buf body; /* in RESP, without the leading count */
	size_t count;
};

void command_init(struct command *c, const char *name);
void command_text(struct command *c, const char *text);
void command_slice(struct command *c, struct slice bytes);
void command_int(struct command *c, int64_t number);
void command_clear(struct command *c);

enum call_mode { CALL_REPLAY, CALL_ONCE };

struct call_options {
	enum call_mode mode;
	int64_t block_ms;    /* how long the server itself may block: 0 */
	int64_t deadline_ms; /* from now, for all tries together; -1: none */
};

/* Owns c's bytes, c is empty after it. */
void redis_call(struct redis *r, struct command *c,
		const struct call_options *o, redis_reply_fn *on_reply,
		void *arg);

#endif
