/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_VERB_H
#define PRODUCER_VERB_H

#include "treadle/base.h"

/*
 * Verbs: what `treadle` can be told to do.
 *
 * To add one: a file verb_<name>.c that defines `const struct verb
 * verb_<name>`; its line in verbs.def; a test in tests/e2e. Parsing of its
 * flags, `treadle help <name>`, the proposals for misspelt flags and its
 * section of the man page are made from the struct.
 */
struct call;

struct verb_option {
	const char *name;  /* "--input", or "-i"; NULL ends a list */
	const char *value; /* what it takes: "FILE"; NULL for a switch */
	const char *help;  /* lower case, no full stop */
};

/* What many verbs have in common. */
#define OPTION_JSON                                                            \
	{                                                                      \
		"--json", NULL, "one JSON object a line, for programs"         \
	}
#define OPTION_EXPLAIN                                                         \
	{                                                                      \
		"--explain", NULL,                                             \
			"print the redis-cli line this stands for, do nothing" \
	}

#define ARGS_ANY (-1)

struct verb {
	const char *name;
	const char *args;       /* as the synopsis shows them: "RUN [STEP]" */
	int args_min, args_max; /* ARGS_ANY: no limit */
	bool takes_command;     /* what follows "--" is a command to run */
	const char *summary;    /* what it does, lower case, no full stop */
	const char *details;    /* one paragraph, or a few; wrapped by help */
	const struct verb_option *options;
	const char *examples; /* one command a line */

	/*
	 * MUST return an exit code, or what dialogue_ask() returned where
	 * that is not 0: -1 with err filled, or CALL_EXPLAINED. Memory is
	 * taken from call's arena. Data goes to call->out, talk to
	 * call->talk.
	 */
	int (*run)(struct call *call, struct error *err);
};

#define VERB(name) extern const struct verb verb_##name;
#define GROUP(title)
#include "verbs.def"
#undef VERB
#undef GROUP

/* The verb of that name, or NULL; the nearest name to a wrong one, or NULL. */
const struct verb *verb_find(const char *name);
const char *verb_nearest(const char *wrong);

#endif
