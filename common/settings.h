/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_SETTINGS_H
#define TREADLE_SETTINGS_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * What can be said of a step or, as a default, of all: where it waits, how
 * long it may take, what happens when it fails.
 */
#define SETTINGS_KEYS "queue", "timeout", "recoveries", "retry"

struct settings {
	const char *queue;  /* borrowed from the document */
	int64_t timeout_ms; /* 0: none */
	int recoveries_max;
	struct retry_policy retry;
};

struct settings settings_default(void);

/* Changes what the map says. what: "defaults: " or "step \"a\": ". */
int settings_read(struct settings *s, struct spot map, const char *what,
		  struct error *err);

/* The stored form: each key in `step`, durations in milliseconds. */
jv settings_print(const struct settings *s, jv step); /* owns and gives step */
/* Reads that; s->queue is borrowed from step. */
int settings_parse(struct settings *s, jv step, struct error *err);

#endif
