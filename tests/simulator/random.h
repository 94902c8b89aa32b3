/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_RANDOM_H
#define SIMULATOR_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* The one source of chance: splitmix64. Equal seeds give equal numbers. */
struct random {
	uint64_t state;
};

static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t random_next(struct random *r)
{
	return random_mix(r->state += 0x9e3779b97f4a7c15u);
}

/* From 0 to below; below is at least 1. */
static inline int random_below(struct random *r, int below)
{
	return (int)(random_next(r) % (uint64_t)below);
}

static inline bool random_one_in(struct random *r, int n)
{
	return random_below(r, n) == 0;
}

#endif
