/* SPDX-License-Identifier: MIT */
#include "shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "treadle/value.h"

/* --- what chance decides -------------------------------------------------- */

/*
 * What workflows have besides plain steps, and how rare it is where all of it
 * may be: one workflow in so many has it. Half of the sets have little of it,
 * and much of that: each is met as often as if there were no others.
 */
enum trait { BRANCHES, ITEMS, SIGNALS, ROUNDS, CACHE, TRAITS };
static const int rarity[TRAITS] = {2, 4, 5, 5, 5};
#define ALL (~0u)
static const unsigned sets[] = {
	0,
	ALL,
	1u << BRANCHES,
	ALL,
	1u << ITEMS,
	ALL,
	1u << SIGNALS,
	ALL,
	1u << ROUNDS,
	ALL,
	1u << ROUNDS | 1u << ITEMS,
	ALL,
	1u << CACHE,
	ALL,
};

static bool choose_trait(struct random *r, unsigned traits, enum trait trait)
{
	if (traits == ALL)
		return random_one_in(r, rarity[trait]);
	return (traits & (1u << trait)) && !random_one_in(r, 8);
}

enum form { CHAIN, DIAMOND, FAN_OUT, FAN_IN, ANY, FORMS };

static unsigned needs_of(struct random *r, enum form form, int step, int count)
{
	unsigned before = (1u << step) - 1;

	if (step == 0)
		return 0;
	switch (form) {
	case CHAIN:
		return 1u << (step - 1);
	case DIAMOND:
		return step == count - 1 && step > 1 ? before & ~1u : 1;
	case FAN_OUT:
		return 1;
	case FAN_IN:
		return step == count - 1 ? before : 0;
	default:
		return (unsigned)random_next(r) & before;
	}
}

static unsigned ancestors(const struct shape *s, int step)
{
	unsigned found = s->steps[step].needs;

	for (int i = step - 1; i >= 0; i--)
		if (found & (1u << i))
			found |= s->steps[i].needs;
	return found;
}

/* Only what cleans up may need a step that is for a bad end. */
static bool needs_bad_end(const struct shape *s, int step)
{
	for (int i = 0; i < step; i++)
		if ((s->steps[step].needs & (1u << i)) &&
		    s->steps[i].when > WHEN_ALWAYS)
			return true;
	return false;
}

static void choose_when(struct shape *s, struct random *r, int step)
{
	struct shape_step *of = &s->steps[step];

	if (needs_bad_end(s, step) || (of->needs && random_one_in(r, 4)))
		of->when = (enum when)(WHEN_ALWAYS + random_below(r, 3));
	else if (random_one_in(r, 12))
		of->when = WHEN_ALWAYS;
	if (of->when)
		s->closing |= 1u << step;
}

/* The step handles failures of one that it needs. */
static void choose_handled(struct shape *s, struct random *r, int step)
{
	struct shape_step *of = &s->steps[step], *handled;

	if (!of->needs || of->when || !random_one_in(r, 3))
		return;
	of->handles = __builtin_ctz(of->needs);
	handled = &s->steps[of->handles];
	if (handled->catch_count == CLAUSES_MAX) {
		of->handles = -1;
		return;
	}
	handled->catches[handled->catch_count++] = (struct clause){
		.classes = random_one_in(r, 3)
				   ? 0
				   : (unsigned)random_next(r) &
					     ((1u << CLASS_COUNT) - 1),
		.step = step};
}

static void choose_branch(struct shape *s, struct random *r, int step)
{
	choose_when(s, r, step);
	choose_handled(s, r, step);
	s->steps[step].is_tolerant = random_one_in(r, 5);
}

/* The step is performed for each item of a list. */
static void choose_each(struct shape *s, struct random *r, int step)
{
	static const int percents[] = {0, 0, 0, 30, 50, 100};
	struct shape_step *of = &s->steps[step];

	of->is_each = true;
	of->is_pass = false;
	of->is_item_pass = random_one_in(r, 4);
	of->item_reads = (unsigned)random_next(r) & ancestors(s, step);
	of->item_reads_input = random_one_in(r, 2);
	of->window = 1 + random_below(r, LIST_MAX);
	of->tolerated = random_below(r, 3);
	of->tolerated_percent = percents[random_below(r, countof(percents))];
	s->places = PLACES_MAX;
}

static void choose_step(struct shape *s, struct random *r, enum form form,
			int step)
{
	static const int recoveries[] = {0, 1, 1, 2, 3, 3, 5};
	struct shape_step *of = &s->steps[step];

	of->queue = random_below(r, QUEUES);
	of->recoveries = recoveries[random_below(r, countof(recoveries))];
	of->needs = needs_of(r, form, step, s->count);
	of->reads = (unsigned)random_next(r) & ancestors(s, step);
	of->reads_input = random_one_in(r, 2);
	of->is_pass = random_one_in(r, 8);
	of->handles = -1;
	if (s->is_branched)
		choose_branch(s, r, step);
	if (s->is_spreading && random_one_in(r, 2))
		choose_each(s, r, step);
	else if (s->is_waiting && random_one_in(r, 3))
		of->has_signal = true;
	if (s->is_repeating && !of->has_signal && random_one_in(r, 2))
		of->rounds = 1 + random_below(r, ROUNDS_MAX);
	of->is_cached = s->is_caching && shape_is_exec(of) && !of->rounds &&
			!random_one_in(r, 4);
	s->queues |= 1u << of->queue;
	for (int i = 0; i < step; i++)
		if (of->needs & (1u << i))
			s->steps[i].next |= 1u << step;
}

static void choose(struct shape *s, struct random *r, unsigned traits)
{
	enum form form = (enum form)random_below(r, FORMS);

	s->count = random_one_in(r, 3) ? 1 + random_below(r, STEPS_MAX)
				       : 4 + random_below(r, STEPS_MAX - 3);
	if (random_one_in(r, 4))
		s->deadline_ms = 1000 * (1 + random_below(r, 600));
	s->places = s->count;
	s->is_branched = choose_trait(r, traits, BRANCHES);
	s->is_spreading = choose_trait(r, traits, ITEMS);
	s->is_waiting = choose_trait(r, traits, SIGNALS);
	s->is_repeating = choose_trait(r, traits, ROUNDS);
	s->is_caching = choose_trait(r, traits, CACHE);
	for (int i = 0; i < s->count; i++)
		choose_step(s, r, form, i);
}

/* --- as the library reads it ------------------------------------------------
 */

static jv names_of(unsigned steps)
{
	char text[TEXT_MAX];
	jv names = jv_array();

	for (int i = 0; i < STEPS_MAX; i++)
		if (steps & (1u << i))
			names = jv_array_append(names,
						jv_string(name_step(text, i)));
	return names;
}

static jv queue_names(unsigned queues)
{
	char text[TEXT_MAX];
	jv names = jv_array();

	for (int i = 0; i < QUEUES; i++)
		if (queues & (1u << i))
			names = jv_array_append(names,
						jv_string(name_queue(text, i)));
	return names;
}

static jv set(jv object, const char *name, jv value)
{
	return jv_object_set(object, jv_string(name), value);
}

static jv class_names(unsigned classes)
{
	jv names = jv_array();

	for (int i = 0; i < CLASS_COUNT; i++)
		if (classes & (1u << i))
			names = jv_array_append(
				names, jv_string(class_name((enum class)i)));
	return names;
}

static jv graph_catches(const struct shape_step *of)
{
	char text[TEXT_MAX];
	jv catches = jv_array();

	for (int i = 0; i < of->catch_count; i++) {
		const struct clause *c = &of->catches[i];
		jv clause = set(jv_object(), "step",
				jv_string(name_step(text, c->step)));

		if (c->classes)
			clause =
				set(clause, "classes", class_names(c->classes));
		catches = jv_array_append(catches, clause);
	}
	return catches;
}

static jv graph_branch(const struct shape_step *of, jv v)
{
	static const char *const whens[] = {"", "always", "failure",
					    "cancelled"};
	char text[TEXT_MAX];

	if (of->when)
		v = set(v, "when", jv_string(whens[of->when]));
	if (of->is_tolerant)
		v = set(v, "tolerates", jv_true());
	if (of->catch_count)
		v = set(v, "catches", graph_catches(of));
	if (of->handles >= 0)
		v = set(v, "handles", jv_string(name_step(text, of->handles)));
	return v;
}

static jv graph_each(const struct shape_step *of)
{
	jv v = jv_object();

	v = set(v, "kind", jv_string(of->is_item_pass ? "pass" : "exec"));
	v = set(v, "reads", names_of(of->item_reads));
	v = set(v, "input", of->item_reads_input ? jv_true() : jv_false());
	v = set(v, "max", jv_number(of->window));
	if (of->rounds)
		v = set(v, "rounds", jv_number(of->rounds));
	if (of->tolerated_percent)
		return set(v, "tolerates_percent",
			   jv_number(of->tolerated_percent));
	return of->tolerated ? set(v, "tolerates", jv_number(of->tolerated))
			     : v;
}

static const char *kind_of(const struct shape_step *of)
{
	return of->is_each      ? "each"
	       : of->has_signal ? "wait"
	       : of->is_pass    ? "pass"
				: "exec";
}

static jv graph_step(const struct shape_step *of, int step)
{
	char text[TEXT_MAX];
	jv v = graph_branch(of, jv_object());

	v = set(v, "queue", jv_string(name_queue(text, of->queue)));
	v = set(v, "kind", jv_string(kind_of(of)));
	if (of->has_signal)
		v = set(v, "signal", jv_string(name_step(text, step)));
	if (of->is_each)
		v = set(v, "each", graph_each(of));
	else if (of->rounds)
		v = set(v, "rounds", jv_number(of->rounds));
	v = set(v, "needs", names_of(of->needs));
	v = set(v, "next", names_of(of->next));
	v = set(v, "reads", names_of(of->reads));
	v = set(v, "input", of->reads_input ? jv_true() : jv_false());
	return set(v, "recoveries", jv_number(of->recoveries));
}

static jv graph_of(const struct shape *s)
{
	char text[TEXT_MAX];
	jv v = jv_object(), steps = jv_object();
	unsigned roots = 0;

	for (int i = 0; i < s->count; i++) {
		steps = set(steps, name_step(text, i),
			    graph_step(&s->steps[i], i));
		if (!s->steps[i].needs)
			roots |= 1u << i;
	}
	v = set(v, "name", jv_string(s->name));
	v = set(v, "deadline", jv_number((double)s->deadline_ms));
	v = set(v, "total", jv_number(s->count));
	v = set(v, "roots", names_of(roots));
	v = set(v, "queues", queue_names(s->queues));
	if (s->is_branched)
		v = set(v, "branches", jv_true());
	if (s->closing)
		v = set(v, "closing", names_of(s->closing));
	return set(v, "steps", steps);
}

void shapes_init(struct shape shapes[SHAPES], uint64_t seed)
{
	struct random r = {seed};

	for (int i = 0; i < SHAPES; i++) {
		struct shape *s = &shapes[i];
		jv graph;

		memset(s, 0, sizeof(*s));
		choose(s, &r, sets[i / DEFINITIONS % countof(sets)]);
		snprintf(s->name, sizeof(s->name), "flow%d", i);
		snprintf(s->digest, sizeof(s->digest), "%060" PRIx64 "%04x",
			 seed, (unsigned)i);
		buf_init(&s->graph, 1 << 16);
		graph = graph_of(s);
		must(msgpack_print(graph, &s->graph) == 0);
		jv_free(graph);
	}
}

void shapes_clear(struct shape shapes[SHAPES])
{
	for (int i = 0; i < SHAPES; i++)
		buf_clear(&shapes[i].graph);
}
