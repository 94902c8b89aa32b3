/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_STORE_CALL_H
#define TREADLE_STORE_CALL_H

#include "treadle/crypto.h"
#include "treadle/store_blob.h"
#include "treadle/store_cache.h"
#include "treadle/store_each.h"
#include "treadle/store_worker.h"

/*
 * The inside of the store: store.c has the calls, store_worker.c those of a
 * worker, store_open.c what is done to Redis before them.
 */
struct store {
	struct redis *redis;
	char *url, *keys;
	void (*on_stopped)(void *arg);
	void *stopped_arg;
	bool is_stopping;

	/* store_open.c */
	store_open_fn *on_open; /* NULL after it was called */
	void *open_arg;
	int64_t deadline_at;     /* of the opening, or -1 */
	bool is_checking;        /* the library's version is being asked for */
	bool is_loading;         /* the library is being loaded */
	bool asks_again;         /* for the version, after that */
	bool lacks_function;     /* the library that is there */
	bool is_outdated;        /* redis has a newer library than ours */
	int64_t load_refused_at; /* monotonic, or -1 */
	struct error load_error; /* why a function is not there */
	store_outdated_fn *on_outdated;
	void *outdated_arg;

	/* Who repeats what can be done but once: control.lua. */
	char caller[WORKER_ID_LEN + 1]; /* "" before the first such call */
	int64_t once;                   /* how many of these */

	/* What answers are unpacked into; grows, and is kept. */
	struct taken *taken;
	size_t taken_size;
	enum end_code *codes;
	size_t codes_size;
	struct committed *committed;
	size_t committed_size;
};

struct store_call;

/*
 * Unpacks the reply and calls back; false, and no callback, if it has not the
 * shape that was agreed. With failure it must call back.
 */
typedef bool store_read_fn(struct store_call *call, const struct reply *reply,
			   const struct redis_failure *failure);

struct store_call {
	struct store *store;
	enum store_function function;
	size_t count; /* of items asked about */
	store_read_fn *read;
	union {
		store_done_fn *done;
		store_submit_fn *submit;
		store_answer_fn *answer;
		store_take_fn *take;
		store_end_fn *end;
		store_complete_fn *complete;
		store_beat_fn *beat;
		store_bytes_fn *bytes;
		store_recall_fn *recall;
		store_remember_fn *remember;
		store_hold_fn *hold;
		store_code_fn *code;
		store_results_fn *results;
	} to;
	void *arg;
};

/* FCALL, the function's name, its one key. */
void store_begin(struct store *s, enum store_function f, struct command *c);

/* Sends what was begun; copies the call. */
void store_send(struct store *s, struct command *c,
		const struct store_call *call, int64_t deadline_ms);

/* QUEUE ENTRY RUN STEP ATTEMPT */
void store_command_attempt(struct command *c, const struct step_ref *ref);
/* What became of an end; false for a word that says none. */
bool store_read_code(struct slice word, enum end_code *code);

/* A read for calls that answer OK alone. */
bool store_read_done(struct store_call *call, const struct reply *reply,
		     const struct redis_failure *failure);

/* The failure as the library, or as the loading of it, means it. */
void store_explain_failure(const struct store *s, enum store_function f,
			   struct redis_failure *failure);

/* Sets what redis_start() is to tell us. */
void store_open_options(struct store *s, struct redis_options *o);

#endif
