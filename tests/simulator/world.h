/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include <stdio.h>

#include "action.h"
#include "actors.h"
#include "connection.h"
#include "model.h"
#include "temper.h"

/*
 * A world: one partition of Redis in a database of its own, its clock, its
 * actors, what ought to be there (the model) and what happened so far. One
 * seed decides all of it. Worlds know nothing of each other.
 */
#define TRACE_MAX 2048
#define SAID_MAX 2
#define CUT_TURNS 60 /* that a power cut takes back, at most */

/* A call that was sent, and whether anybody waits for its answer. */
struct said {
	struct call call;
	struct answer answer;
	bool is_heard;
};

enum phase { PHASE_CHAOS, PHASE_HEAL, PHASE_LEAVE, PHASE_OVER };

struct world {
	int number, database;
	struct random random;
	struct connection *connection;
	struct figures *figures;
	const struct shape *shapes;
	struct temper temper;
	struct model model;
	struct model disk; /* as it was when Redis last was on the disk */
	int64_t true_ms, offset_ms; /* Redis' clock is their sum */

	struct worker workers[ACTORS_MAX];
	struct coordinator coordinators[COORDINATORS_MAX];
	struct order orders[ORDERS_MAX];
	struct call held_up[HELD_UP_MAX];
	int held_up_count;
	struct call unheard; /* of the operator; once 0: none */
	int last_worker, last_coordinator, last_run, last_once;
	uint32_t last_payload;

	enum phase phase;
	int phase_turns, turns, since_scan, scan_every;
	bool was_cut;
	int synced_at; /* the turn of disk; 0: none */
	struct action trace[TRACE_MAX];
	int trace_count, acted; /* in chaos: without what befell all worlds */
	struct action current;
	struct said said[SAID_MAX];
	int said_count;
	struct worker *speaker; /* of this turn's calls; NULL: no worker */
	struct worker *reader;  /* who hears of this turn's read */
	struct reading reading;
	struct left_read left_read;
	struct look look; /* of this turn */
	bool wants_digest, wants_restart, is_gone;
	int digests_due; /* answers that go into it */
	bool has_read;   /* since the last sweep: a consumer may be left */
	uint64_t digest; /* of the data, at the end of chaos and at the end */

	const struct action *script; /* instead of chance; or NULL */
	int script_count, script_at;

	bool has_failed;
	enum invariant broken;
	char complaint[512];
	FILE *story; /* where each action is told, or NULL */
};

struct world_options {
	uint64_t seed; /* of all worlds */
	const struct shape *shapes;
	struct connection *connection;
	struct figures *figures;
	int number, database;
};

void world_init(struct world *w, const struct world_options *o);
/* One turn: chooses what happens next and sends it. */
void world_turn(struct world *w);
/* The same with an action that is given; false if it meant nothing. */
bool world_do(struct world *w, const struct action *action);
void world_note(struct world *w, const struct action *a);
bool world_is_over(const struct world *w);
/* Says that an invariant does not hold; the first one counts. */
void world_broken(struct world *w, enum invariant id, const char *fmt, ...)
	PRINTF(3, 4);
void world_select(struct world *w);    /* its database */
int world_disk(const struct world *w); /* the one that stands for the disk */
void world_on_emptied(struct world *w, const struct reply *reply, int number);
void world_tell(struct world *w, const char *fmt, ...) PRINTF(2, 3);
const char *world_key(const struct world *w, char text[TEXT_MAX]);

#endif
