/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_ACTORS_H
#define SIMULATOR_ACTORS_H

#include "call.h"

/* Who acts in a world, and what each knows. */
#define HANDS_MAX 6
#define ACTORS_MAX 8
#define COORDINATORS_MAX 3
#define ORDERS_MAX 6
#define HELD_UP_MAX 8

/* A step in a worker's hands. */
struct hand {
	enum { HAND_FREE, HAND_GIVEN, HAND_BUSY, HAND_ENDING } state;
	struct item item;
	enum function end; /* how it ends, once that is decided */
	bool is_stopped;
	/* Of a step with items: what its list is, how much of it is kept. */
	bool is_listed;
	int kept;
	/* Of one that is repeated: what its last round left. */
	struct left left;
	int base;
	/* Of one that is cached: whether to ask; what was found. */
	bool may_recall;
	uint32_t found;
};

struct worker {
	int number; /* its identity; 0: none yet */
	bool is_registered, is_frozen, is_leaving;
	unsigned queues, unreconciled; /* bits */
	int64_t lease_ms, read_until;  /* true time; 0: no read is blocked */
	int64_t audit_at;              /* true time: looks at all it holds */
	struct hand hands[HANDS_MAX];
	struct item kept; /* that it has committed, for the cache */
	bool has_kept;
};

/* A read that Redis may still serve although nobody waits for it. */
struct left_read {
	int number;
	unsigned queues;
	int64_t until;
};

/* Who reads in this turn: new entries, or his own pending ones. */
struct reading {
	int number;
	unsigned queues;
	bool is_past;
};

/* A submission, from the wish to its acknowledgement. */
struct order {
	enum { ORDER_FREE, ORDER_OPEN } state;
	bool is_undefined;
	struct item item;
};

struct coordinator {
	int number;
	int64_t offset_seen, since; /* by Redis' clock; 0: never read it */
};

/* What somebody looks at. */
struct look {
	enum function function;
	int run, limit;
	int state, definition; /* negative: any */
	bool is_below; /* list: older than run; find, dead: of it alone */
};

#endif
