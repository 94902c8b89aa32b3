/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_GRAPH_H
#define TREADLE_GRAPH_H

#include "treadle/arena.h"
#include "treadle/value.h"

/*
 * Who needs whom: the order of steps, cycles, ancestors.
 *
 * Nodes are numbered by the order of their names until graph_order() says
 * how they follow each other.
 */
struct graph {
	size_t count;
	const char **names; /* ascending */
	int **needs;        /* of each node, as given */
	size_t *needs_count;
	size_t words;        /* of one row of ancestors */
	uint64_t *ancestors; /* count rows of bits; by graph_order() */
};

/*
 * Reads the members of steps, a map of objects whose "needs" are lists of
 * names that exist, each once. All is taken from the arena.
 */
int graph_init(struct graph *g, struct arena *a, jv steps, struct error *err);

/* The node of that name, or -1. */
int graph_find(const struct graph *g, const char *name);

/*
 * Fills order with the nodes, each after all it needs, else by name; and
 * the ancestors. Where that can't be, gives the cycle: "a -> b -> a".
 */
int graph_order(struct graph *g, struct arena *a, int *order, char **cycle);

/*
 * The shape of a workflow for the library, msgpack in the workflow's arena
 * (graph_print.c).
 */
struct workflow;
struct slice graph_print(struct workflow *w);

bool graph_is_ancestor(const struct graph *g, int ancestor, int node);

#endif
