/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_CACHING_H
#define TREADLE_CACHING_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * Whether an earlier output of the same work may stand for performing a step:
 * `cache`.
 */
#define CACHING_KEYS "cache"

struct caching {
	int64_t ttl_ms; /* for how long an output is kept; 0: it is not */
	jv key;         /* what tells one from another; invalid: parameters */
};

void caching_init(struct caching *c);
void caching_clear(struct caching *c);

/* What users write of a step of that kind. what: "step \"a\": ". */
int caching_read(struct caching *c, enum step_kind kind, struct spot step,
		 const char *what, struct error *err);

/* The stored form: a member where it says something. */
jv caching_print(const struct caching *c, jv step); /* owns and gives step */
/* Reads that into a step that says nothing of it yet. */
int caching_build(struct step *step, jv stored, struct error *err);

#endif
