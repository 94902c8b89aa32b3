/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_FINDING_H
#define PRODUCER_FINDING_H

#include "../call.h"

/*
 * What the doctor finds: the table (findings.def), and what was found in one
 * examination. With --json each finding is printed when it is found; people
 * get them at the end, by kind, the first few of each.
 */
enum finding {
#define FINDING(name, id, severity, mend, meaning, remedy) FINDING_##name,
#include "findings.def"
#undef FINDING
	FINDING_COUNT
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

/* What a finding is about; what does not apply is empty. */
struct subject {
	struct slice run, step;
	struct slice key;     /* of Redis, without the partition; or a name */
	struct slice entry;   /* of a stream */
	struct slice more[3]; /* what its mend is told besides */
};

/* A call of treadle_mend, to be made when all has been read. */
#define MEND_WORDS_MAX 6
struct mend {
	enum finding finding;
	size_t count;
	struct slice words[MEND_WORDS_MAX];
	struct mend *next;
};

struct findings;

struct findings *findings_new(struct call *call);
void findings_free(struct findings *f);

/* The same subject is told once; fmt says what was seen, may be "". */
void finding_add(struct findings *f, enum finding id, const struct subject *s,
		 const char *fmt, ...) PRINTF(4, 5);

int64_t findings_count(const struct findings *f, enum severity severity);
bool findings_has(const struct findings *f, enum finding id);
const struct mend *findings_mends(const struct findings *f);
/* How many could be mended but were not kept: too many for one go. */
int64_t findings_unkept(const struct findings *f);

/* For people; nothing with --json. */
void findings_print(const struct findings *f);

const char *finding_id(enum finding id);
/* The table: of one finding, or of all for NULL; false if there is none. */
bool finding_explain(struct call *call, const char *id);
void finding_reference(const struct output *out); /* docs/DOCTOR.md */

#endif
