/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_ACTION_H
#define SIMULATOR_ACTION_H

#include <stdint.h>

/* What may happen, what may become of it, and what may not: the tables. */
enum action_kind {
#define ACTION(name, weight, text) ACTION_##name,
#include "actions.def"
#undef ACTION
	ACTIONS
};

enum fate {
#define FATE(name, weight, text) FATE_##name,
#include "fates.def"
#undef FATE
	FATES
};

enum invariant {
#define INVARIANT(id, sentence) INVARIANT_##id,
#include "invariants.def"
#undef INVARIANT
	INVARIANTS
};

/*
 * What happens next. The numbers choose among what there is when it happens,
 * so that a list of actions can be shortened and still means something.
 */
struct action {
	enum action_kind kind;
	enum fate fate;
	uint32_t a, b, c;
};

const char *action_text(enum action_kind kind);
const char *fate_text(enum fate fate);
const char *invariant_id(enum invariant id);
const char *invariant_sentence(enum invariant id);

#endif
