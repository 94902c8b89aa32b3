/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_BUILDER_H
#define TREADLE_BUILDER_H

#include "graph.h"
#include "spot.h"
#include "treadle/workflow.h"

/*
 * A workflow while it is built from its stored form: all of it in workflow.c,
 * one step in builder.c.
 */
struct builder {
	struct workflow *w;
	struct graph graph;
	struct spot steps;
	int *order;    /* step i is node order[i] */
	int *place_of; /* node n is step place_of[n] */
	size_t reads_total;
	struct error *err;
};

int builder_step(struct builder *b, struct step *step, int node);

/* Complains of what only a later version can have written. */
int builder_refuse(struct error *err, const char *what);
/* Whether it is a map with no other keys. */
int builder_check_keys(struct spot s, const char *const *keys, size_t count,
		       struct error *err);

#endif
