/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_WOUND_H
#define SIMULATOR_WOUND_H

#include "parts.h"

/* What somebody damages by hand. */
enum wound_kind {
#define WOUND(name, mend, text) WOUND_##name,
#include "wounds.def"
#undef WOUND
	WOUNDS
};

/* Whose wound it is; what it is about in Redis; the words of its mend. */
struct wound {
	struct world *w;
	struct model_run *run;
	int step, queue;
	struct model_definition *definition;
	struct model_worker *worker;
	char key[TEXT_MAX], about[TEXT_MAX], mend[256];
};

typedef bool find_fn(struct wound *x, uint32_t choice);
typedef void wound_fn(struct wound *x);

struct wound_row {
	const char *text;
	find_fn *find;  /* false: there is none of the kind now */
	wound_fn *make; /* sends one command; NULL: it is well */
	wound_fn *mend; /* what is true then; NULL: what was before */
};

extern const struct wound_row wounds[WOUNDS];

#endif
