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
#define CACHES 6
#define TEXT_MAX 96
#define PAYLOAD_NUMBER 0xffffff00u /* with it: a number in msgpack */
#define PAYLOAD_NIL 0xffffffc0u
#define INPUT_SMALL 64 /* bytes that the hash of a run takes in */

/*
 * A step is a number: that of a step of the graph, below STEPS_MAX; or beyond,
 * of an item of the list that one of these is performed for.
 */
#define STEPS_MAX 7
#define LIST_MAX 5
#define PLACES_MAX (STEPS_MAX * (1 + LIST_MAX))

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

/* What rounds leave: how many, 0: none; what no longer counts; the output. */
struct left {
	int rounds, attempts, before;
	uint32_t output;
};

/* Payloads are numbers; 0 is the empty text, or none. */
struct item {
	int run, step, queue, attempt;
	struct entry entry;
	uint32_t payload; /* submit: the input; else the output */
	uint32_t memo, log, progress, cost;
	int64_t when; /* a delay or -1; when due; a deadline; a life */
	enum class class;
	int definition, key; /* submit; key -1: none */
	bool wants_heir;     /* complete */
	bool is_skipped;     /* complete: its condition does not hold */
	struct left left;    /* defer: a round is over */
	int cache;           /* recall, remember: which work it is */
	/* complete: the step whose output the cache gave; run 0: none did. */
	int source_run, source_step;
	/* expand: `size` items from `first` on; complete: the total */
	int first, size, total;
	uint32_t list;
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
	uint32_t data;                    /* signal */
	bool is_uncached; /* submit: no step of these runs asks the cache */
	int once; /* retry, signal, forget, drop: which of the operator's */
};

const char *call_name(enum function f);
const char *class_name(enum class class);
/* True for functions that Redis refuses when it has no memory left. */
bool call_takes_memory(enum function f);

/* Each writes a text of at most TEXT_MAX bytes, and returns it. */
const char *name_run(char text[TEXT_MAX], int run);
const char *name_step(char text[TEXT_MAX], int step);
/* The same in a complaint. */
#define STEP_NAME(step) name_step((char[TEXT_MAX]){0}, step)
const char *name_queue(char text[TEXT_MAX], int queue);
const char *name_worker(char text[TEXT_MAX], int worker);
const char *name_coordinator(char text[TEXT_MAX], int coordinator);
const char *name_key(char text[TEXT_MAX], int key);
const char *name_entry(char text[TEXT_MAX], struct entry entry);
const char *name_payload(char text[TEXT_MAX], char kind, uint32_t payload);
const char *name_cache(char text[TEXT_MAX], int cache);
/* A step of a run, from which something comes. */
const char *name_source(char text[TEXT_MAX], int run, int step);
const char *name_left(char text[TEXT_MAX], const struct left *left);

/* Of a list that is numbered so. */
static inline uint32_t item_payload(uint32_t list, int index)
{
	return list * 8 + (uint32_t)index;
}

static inline int base_of(int step)
{
	return step % STEPS_MAX;
}

static inline bool is_item(int step)
{
	return step >= STEPS_MAX;
}

static inline int index_of(int item)
{
	return item / STEPS_MAX - 1;
}

static inline int item_of(int base, int index)
{
	return base + STEPS_MAX * (index + 1);
}

/* -1: no such name. */
int number_of_step(const char *text);
/* Of two steps of a run, whose name stands before the other's? */
int step_compare(int a, int b);

int entry_compare(struct entry a, struct entry b);
/* "<ms>-<seq>"; false if it isn't one. */
bool entry_read(const char *text, struct entry *entry);
/* The number in a name that begins with that many letters; -1: no such. */
int number_of_run(const char *text);
int number_behind(const char *text, size_t letters);

#endif
