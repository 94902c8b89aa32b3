/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_WORKFLOW_H
#define TREADLE_WORKFLOW_H

#include "treadle/arena.h"
#include "treadle/crypto.h"
#include "treadle/retry.h"
#include "treadle/template.h"
#include "treadle/value.h"

/*
 * Workflows: the definition, validated.
 *
 * A workflow is read from YAML by the producer, which refuses what can't run
 * with file, line and remedy. Its canonical form (the document with all
 * defaults filled in, as msgpack with sorted keys) is stored in Redis under
 * its digest; workers read that form again. The library needs only the shape
 * of it: the graph, a second small msgpack, described in docs/INTERNALS.md.
 */
#define WORKFLOW_STEPS_MAX 1000
#define WORKFLOW_NEEDS_MAX 10000 /* in all */
#define WORKFLOW_READS_MAX 20000 /* in all */
#define WORKFLOW_SIZE_MAX (1 << 20)

enum step_kind {
#define STEP(kind, help) STEP_##kind,
#define PARAM(kind, name, type, presence, help)
#define END(kind)
#include "treadle/steps.def"
#undef STEP
#undef PARAM
#undef END
	STEP_KIND_COUNT
};

const char *step_kind_text(enum step_kind kind);
const char *step_kind_help(enum step_kind kind);

/* The end of what is before it, or of the run, that a step is performed at. */
enum step_when {
	WHEN_SUCCESS,
	WHEN_ALWAYS,
	WHEN_FAILURE,
	WHEN_CANCELLED,
	WHEN_UNDO, /* it undoes the one step that it needs */
};

/* Rounds: it is performed again until an expression over its output holds. */
struct step_repeat {
	jv source;              /* of until: a text; invalid: no repetition */
	struct template *until; /* NULL: no repetition */
	int64_t every_ms;       /* from the end of a round to the next */
	int rounds_max;
};

/* Of a step that is performed for each item of a list. */
struct each {
	int64_t parallel_max; /* items at a time */
	int64_t tolerates;    /* so many may fail, and */
	int64_t tolerates_percent;
};

struct step {
	const char *name;
	enum step_kind kind;
	jv params; /* an object, as written, sizes and durations not yet read */
	struct template *template; /* of params */

	/* kind each: what is performed for each item, of the same name; else
	 * NULL. Of that the kind, the params, what they read and the limits
	 * of an attempt are said, and nothing else. */
	struct step *item;
	struct each each;

	enum step_when when;
	jv condition_source;        /* a text, or invalid: none */
	struct template *condition; /* of `if`; NULL for none */
	bool is_tolerant;           /* continue_on_error */
	jv catches;  /* on_error: [{classes, step}]; invalid for none */
	int handles; /* the step whose failures this one is for, or -1 */
	struct step_repeat repeat;

	int64_t cache_ms;           /* for how long its output is kept, or 0 */
	jv cache_source;            /* the key as written; invalid: none */
	struct template *cache_key; /* of that; NULL for none */

	const char *queue;
	int64_t timeout_ms; /* of one attempt; 0: none */
	struct retry_policy retry;
	int recoveries_max;

	int undone_by;      /* the step that undoes this one, or -1 */
	bool is_unfinished; /* UNDO: also what was begun, and not done */

	const int *needs; /* indexes of steps, ascending */
	size_t needs_count;
	const int *next; /* the steps that need this one */
	size_t next_count;

	const char *performs; /* the workflow that it, or each item, performs */
	const char *definition; /* the digest of that, or "": not linked */
	int line;               /* where it is written, or 0 */

	bool reads_input;
	const int *reads; /* steps whose outputs the params read, ascending */
	size_t reads_count;
	const int *errors; /* of those, the ones whose failure can be read */
	size_t errors_count;
};

struct workflow {
	struct arena arena; /* owns all below but the jv and the templates */
	const char *name;
	const char *description; /* "" for none */
	jv input;                /* the schema of the input; invalid: any */
	int64_t deadline_ms;     /* of a run, or 0 */
	struct step *steps;      /* each after all that it needs */
	size_t steps_count;
	/* The ends at which what was done is undone. */
	bool is_undone_failed, is_undone_cancelled;

	struct workflow **parts; /* linked: what its steps perform; owned */
	size_t parts_count;      /* each after all that it performs itself */
	const char *path;        /* where it is written, or "" */
	struct slice canonical;  /* msgpack */
	struct slice graph;      /* msgpack, for the library */
	char digest[DIGEST_LEN + 1];
};

/*
 * Reads and validates YAML. path stands in messages ("a.yaml:7: step ...").
 * `output:` becomes a last step of that name, kind pass, which needs all
 * steps that no other needs: a run's output is a checkpoint like any other.
 */
int workflow_parse(struct slice yaml, const char *path, struct workflow **w,
		   struct error *err);

/* Reads the canonical form; its expressions are compiled when first used. */
int workflow_decode(struct slice canonical, struct workflow **w,
		    struct error *err);

void workflow_free(struct workflow *w);

/* Whether its run can go on when it has failed for good. */
bool step_may_fail(const struct step *step);

/* The step of that name, or NULL. */
const struct step *workflow_find(const struct workflow *w, struct slice name);

#endif
