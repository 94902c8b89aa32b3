/* SPDX-License-Identifier: MIT */
#include "../answer.h"
#include "errand.h"

/*
 * Who waits for whom: the running children, by run; and definitions by those
 * that perform them, which keep them.
 */
static const struct slice none = {"", 0};

/* --- runs ---------------------------------------------------------------- */

/* a: the child, b: "<run>/<step>" */
static void judge_child(struct errand *e, const struct reply *answers)
{
	const struct reply *of = &answers[1];

	if (!slice_equal(answers[0].text, e->b) || of->type != REPLY_ARRAY ||
	    (slice_starts(of->items[0].text, "running ") &&
	     slice_equal(of->items[1].text, e->b)))
		return;
	finding(e->doctor, CHILD_STRAY, SUBJECT(.key = e->a),
		"of %.*s; its state is \"%.*s\", its parent \"%.*s\"",
		TEXT(e->b), TEXT(of->items[0].text), TEXT(of->items[1].text));
}

static void on_children(struct doctor *d, const struct reply *items,
			size_t count)
{
	for (size_t i = 0; i + 1 < count; i += 2) {
		struct errand *e = errand_new(d, judge_child, items[i].text,
					      items[i + 1].text, none);
		if (!e)
			return;
		LOOK(d->reader, SLICE("HGET"), errand_key(e, "children", none),
		     e->a);
		LOOK(d->reader, SLICE("HMGET"), errand_key(e, "run:", e->a),
		     SLICE("state"), SLICE("parent"));
		errand_send(e);
		d->members++;
	}
}

void doctor_children(struct doctor *d)
{
	doctor_walk(d, "HSCAN", doctor_key(d, &d->arena, "children", none),
		    on_children);
}

/* --- definitions --------------------------------------------------------- */

/* a: the definition, b: one that is said to perform it, c: "" if it does not */
static void judge_caller(struct errand *e, const struct reply *answers)
{
	bool is_listed = answers[0].integer == 1;
	bool is_there = answers[1].integer == 1;
	bool performs = is_there && e->c.len > 0;

	if (is_listed != performs)
		finding(e->doctor, CALLER_WRONG,
			SUBJECT(.key = e->a, .more = {e->b, none, none}),
			"%.*s %s it, and is %slisted", TEXT(e->b),
			performs ? "performs" : "does not perform",
			is_listed ? "" : "not ");
}

static void check_caller(struct doctor *d, struct slice definition,
			 struct slice caller, bool performs)
{
	struct errand *e = errand_new(d, judge_caller, definition, caller,
				      performs ? SLICE("performs") : none);

	if (!e)
		return;
	LOOK(d->reader, SLICE("SISMEMBER"), errand_key(e, "callers:", e->a),
	     e->b);
	LOOK(d->reader, SLICE("EXISTS"), errand_key(e, "def:", e->b));
	errand_send(e);
	d->members++;
}

/* The steps of a definition, of its graph; freed by the caller. */
static jv read_steps(struct doctor *d, struct slice definition)
{
	struct arena arena;
	jv graph = jv_invalid(), steps;

	arena_init(&arena);
	const struct reply *bytes =
		ASK(d->reader, &arena, SLICE("HGET"),
		    doctor_key(d, &arena, "def:", definition), SLICE("graph"));
	if (!bytes || bytes->type != REPLY_TEXT ||
	    msgpack_parse(bytes->text, &graph, NULL) != 0)
		graph = jv_invalid();
	steps = jv_copy(answer_get(graph, "steps"));
	jv_free(graph);
	arena_clear(&arena);
	return steps;
}

void doctor_performed(struct doctor *d, struct slice definition)
{
	jv steps = read_steps(d, definition);
	struct members m;

	if (jv_get_kind(steps) == JV_KIND_OBJECT) {
		members_init(&m, steps);
		for (size_t i = 0; i < m.count; i++) {
			struct slice of =
				answer_text(m.items[i].value, "definition");
			if (of.len)
				check_caller(d, of, definition, true);
		}
		members_clear(&m);
	}
	jv_free(steps);
}

static bool performs(jv steps, struct slice definition)
{
	struct members m;
	bool does = false;

	if (jv_get_kind(steps) != JV_KIND_OBJECT)
		return false;
	members_init(&m, steps);
	for (size_t i = 0; i < m.count; i++)
		does |= slice_equal(answer_text(m.items[i].value, "definition"),
				    definition);
	members_clear(&m);
	return does;
}

static void on_callers(struct doctor *d, const struct reply *items,
		       size_t count, struct slice definition)
{
	for (size_t i = 0; i < count; i++) {
		jv steps = read_steps(d, items[i].text);
		check_caller(d, definition, items[i].text,
			     performs(steps, definition));
		jv_free(steps);
	}
}

void doctor_callers(struct doctor *d, struct slice definition)
{
	struct arena arena;

	arena_init(&arena);
	const struct reply *members =
		ASK(d->reader, &arena, SLICE("SMEMBERS"),
		    doctor_key(d, &arena, "callers:", definition));
	if (members && members->type == REPLY_ARRAY)
		on_callers(d, members->items, members->count, definition);
	arena_clear(&arena);
}
