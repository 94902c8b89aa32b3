/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_TEMPER_H
#define SIMULATOR_TEMPER_H

#include "action.h"
#include "call.h"

/* How wild a world is. */
struct temper {
	int fault_permille, actors, coordinators, chaos_actions, poison;
	int weights[ACTIONS];
	int64_t tick_max_ms;
};

/* What happened in all worlds together. */
struct figures {
	int64_t actions[ACTIONS], fates[FATES], lost_replies[CALL_COUNT];
	int64_t calls[CALL_COUNT], scans, runs, workers;
};

#endif
