/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_CALL_H
#define SIMULATOR_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One call of the library, as actors, model and connection see it: numbers
 * instead of names. What they are called in Redis is said here alone.
 */
#define ITEMS_MAX 6
#define QUEUES 3
#define KEYS 6
#define TEXT_MAX 96
#define INPUT_SMALL 64 /* bytes that the hash of a run takes in */

enum function {
#define FUNCTION(name, access, arguments, text) CALL_##name,
#include "treadle/functions.def"
#undef FUNCTION
	CALL_COUNT
};

enum class {
#define FAILURE(name, text, is_retried, meaning) CLASS_##name,
#include "treadle/failures.def"
#undef FAILURE
	CLASS_COUNT
};

struct entry {
	int64_t ms, seq;
};

/* Payloads are numbers; 0 is the empty text. */
struct item {
	int run, step, queue, attempt;
	struct entry entry;
	uint32_t payload; /* submit: the input; complete: the output */
	uint32_t memo, log, progress, cost;
	int64_t when; /* fail: delay or -1; defer: due; submit: deadline */
	enum class class;
	int definition, key; /* submit; key -1: none */
	bool wants_heir;     /* complete */
	bool is_skipped;     /* complete: its condition does not hold */
};

struct call {
	enum function function;
	int who; /* the worker or coordinator */
	int count;
	struct item items[ITEMS_MAX];
	int64_t lease_ms; /* of a worker, or of a lead */
	int64_t limit, retention_ms, runs_max;
	int64_t since, read; /* reclaim: the watch over the clock */
	unsigned queues;     /* register: a bit for each */
	int run, step, queue, definition; /* operators; step -1: none */
	struct entry entry;               /* drop */
	int once; /* retry, forget, drop: which of the operator's */
};

const char *call_name(enum function f);
const char *class_name(enum class class);
/* True for functions that Redis refuses when it has no memory left. */
bool call_takes_memory(enum function f);

/* Each writes a text of at most TEXT_MAX bytes, and returns it. */
const char *name_run(char text[TEXT_MAX], int run);
const char *name_step(char text[TEXT_MAX], int step);
const char *name_queue(char text[TEXT_MAX], int queue);
const char *name_worker(char text[TEXT_MAX], int worker);
const char *name_coordinator(char text[TEXT_MAX], int coordinator);
const char *name_key(char text[TEXT_MAX], int key);
const char *name_entry(char text[TEXT_MAX], struct entry entry);
const char *name_payload(char text[TEXT_MAX], char kind, uint32_t payload);

int entry_compare(struct entry a, struct entry b);
/* "<ms>-<seq>"; false if it isn't one. */
bool entry_read(const char *text, struct entry *entry);
/* The number in a name that begins with that many letters; -1: no such. */
int number_of_run(const char *text);
int number_behind(const char *text, size_t letters);

#endif
