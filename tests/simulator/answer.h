/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_ANSWER_H
#define SIMULATOR_ANSWER_H

#include "shape.h"

#define STOPS_MAX 64

/* What a call should be answered: texts, or "" where it isn't one. */
struct item_answer {
	char word[TEXT_MAX];  /* of an item that is not begun, too */
	char count[TEXT_MAX]; /* take: "<attempt> <base> <recoveries> <gen>" */
	uint32_t memo, input, reads[STEPS_MAX];
	int reads_count;
	struct left left; /* take: of a step that is repeated */
	bool is_repeated;
	uint32_t element;            /* take: of an item of a list */
	int source_run, source_step; /* recall: whose output; run 0: none */
	uint32_t output;
	bool is_put_off; /* take: another suspect runs there */
	int heir;        /* complete: the step that is begun; -1: none */
	const char *digest;
};

struct answer {
	const char *error; /* the first word of an error, or NULL */
	int count;
	struct item_answer items[ITEMS_MAX];
	bool is_role, is_leader; /* of a coordinator's call */
	struct {
		const char *name;
		int64_t value;
	} numbers[3]; /* of an answer in JSON; name NULL: none */
	struct entry stops[STOPS_MAX];
	int stop_count;
};

#endif
