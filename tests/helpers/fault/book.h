/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_FAULT_BOOK_H
#define TREADLE_TEST_FAULT_BOOK_H

#include "treadle/base.h"
#include "treadle/text.h"

/*
 * What fault_proxy does to whom: rules for the replies to calls by name, and
 * the state of the wire. Orders (fault_proxy.c lists them) are read into it.
 */
#define BOOK_CALLS_MAX 128 /* names that were ever seen */
#define BOOK_RULES_MAX 256
#define BOOK_NAME_MAX 32

enum action {
	ACTION_NONE,
	ACTION_LOSE,  /* the call was applied, its reply is lost: reset */
	ACTION_CUT,   /* half of the reply arrives, then the end */
	ACTION_SPOIL, /* something else arrives in its place */
	ACTION_MUTE,  /* nothing arrives any more, and nobody hangs up */
	ACTION_COUNT
};

struct rule {
	enum action action;
	char name[BOOK_NAME_MAX]; /* of a call, or "*" */
	long left, percent, done;
};

enum { STALL_UP = 1, STALL_DOWN = 2 };

struct book {
	struct rule rules[BOOK_RULES_MAX];
	size_t rule_count;
	char calls[BOOK_CALLS_MAX][BOOK_NAME_MAX];
	long seen[BOOK_CALLS_MAX];
	size_t call_count;
	uint64_t random;
	char target[256];

	/* The wire. */
	uint64_t latency_ms, bytes_per_ms, bytes_per_s; /* 0: as it is */
	int stall;
	bool is_hole; /* swallows all */
};

void book_init(struct book *b, const char *target, uint64_t seed);

/* A call was seen: its number, which stands for its name. */
size_t book_call(struct book *b, const char *name);

/* What becomes of its reply, by the first rule that has its way. */
enum action book_judge(struct book *b, size_t call);

/* What an order demands to be done with the links there are. */
enum touch { TOUCH_NONE, TOUCH_GO_ON, TOUCH_RESET };

/* Carries out one order, a line; the answer goes to out. */
enum touch book_obey(struct book *b, const char *line, struct buf *out);

#endif
