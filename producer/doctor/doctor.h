/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_DOCTOR_H
#define PRODUCER_DOCTOR_H

#include "../bar.h"
#include "finding.h"
#include "plan.h"
#include "reader.h"

/*
 * One examination.
 *
 * It shares no code with the transitions that it checks: no function of the
 * library is asked whether the data is well; what must be true is written
 * down here once more, from docs/INTERNALS.md.
 *
 * The system runs meanwhile. So whatever is compared is read as of one
 * instant, in one look (reader.h). Where the answers say that something else
 * must be known as well, a second look asks for all of it anew. What can only
 * be counted by walking over everything is compared with a slack for what
 * changed meanwhile.
 */
struct doctor {
	struct call *call;
	struct reader *reader;
	struct findings *findings;
	struct plans *plans;
	struct recents *recents; /* recent.c */
	struct arena arena;      /* as long as the examination */
	const char *prefix;      /* "treadle:{0}:" */
	int64_t sample; /* of each collection so many; INT64_MAX: all */
	int64_t now;    /* Redis' clock, when it began */
	bool has_coordinator;
	bool is_data_only;

	jv uses; /* of definitions: runs by name, while they are counted */
	struct pace *pace; /* books.c */
	struct {
		jv said, counted; /* numbers by workflow */
		bool tells;
		int64_t wrong;
	} workflows; /* workflow.c */

	int64_t runs, entries, members, keys; /* examined */
	int64_t restless; /* runs that changed faster than they were read */
	int64_t expected; /* runs that there are, for the bar */
	struct bar bar;
};

/* "treadle:{0}:<a><b>", from the arena. */
struct slice doctor_key(const struct doctor *d, struct arena *arena,
			const char *a, struct slice b);

/* "<a><b>", from the arena. */
struct slice doctor_slice(struct arena *arena, const char *a, struct slice b);

#define finding(d, id, subject, ...)                                           \
	finding_add((d)->findings, FINDING_##id, subject, __VA_ARGS__)
#define SUBJECT(...) (&(struct subject){__VA_ARGS__})
/* A slice as the two arguments of "%.*s". */
#define TEXT(slice) (int)(slice).len, (slice).data

/* run.c: all that is seen from one run. Returns before it is judged. */
void doctor_run(struct doctor *d, struct slice id);

/* Beneath: keys that were met. */
void doctor_worker(struct doctor *d, struct slice id);
void doctor_definition(struct doctor *d, struct slice id);

/* queue.c: streams and their groups. */
void doctor_queues(struct doctor *d);

/* index.c: runs by their indexes, and the sets beside them. */
void doctor_indexes(struct doctor *d);

/* books.c: totals and definitions. */
void doctor_books(struct doctor *d);

/* workflow.c: before and after the definitions were met. */
void doctor_workflows_begin(struct doctor *d);
void doctor_workflows_end(struct doctor *d);

/* recent.c: where the newest runs of a workflow are. */
void doctor_recent(struct doctor *d, struct slice workflow);
struct recents *recents_new(void);
void recents_free(struct recents *r);
/* Whether the run lies there, by what was read last. */
bool recents_has(struct recents *r, struct slice workflow, struct slice run);

/* child.c: runs that others wait for; definitions that others perform. */
void doctor_children(struct doctor *d);
void doctor_callers(struct doctor *d, struct slice definition);
void doctor_performed(struct doctor *d, struct slice definition);

/* worker.c: workers and coordinators. */
void doctor_workers(struct doctor *d);

/* keys.c: every key there is. */
void doctor_keys(struct doctor *d);

/* server.c: what surrounds the data. */
void doctor_server(struct doctor *d);

/* blob.c: the place of big values, as it is seen from here. */
void doctor_place(struct doctor *d);
void doctor_holds(struct doctor *d, struct slice run);

/*
 * Walks over a collection with SCAN, HSCAN, SSCAN or ZSCAN, a page at a time:
 * calls on_items with the texts of each, two for each member of a hash or a
 * sorted set. A member may come twice. key is empty for SCAN, which then looks
 * below our prefix.
 */
typedef void walk_fn(struct doctor *d, const struct reply *items, size_t count);
void doctor_walk(struct doctor *d, const char *command, struct slice key,
		 walk_fn *on_items);

/* Calls on_entry for each entry of a stream: [id, [name, value...]]. */
typedef void walk_entry_fn(struct doctor *d, struct slice key,
			   const struct reply *entry);
void doctor_walk_stream(struct doctor *d, struct slice key,
			walk_entry_fn *on_entry);

/* Calls on_ids for the ids in the index of a state, in their order. */
void doctor_walk_runs(struct doctor *d, const char *state, walk_fn *on_ids);

/* Examines the runs among these that are not there. */
void doctor_check_runs(struct doctor *d, const struct slice *ids, size_t count);

/* Is reading over? Then everybody returns. */
bool doctor_is_over(const struct doctor *d);

#endif
