/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_WORKER_RUNS_H
#define TREADLE_TEST_WORKER_RUNS_H

#include "worker_rig.h"

#include "treadle/workflow.h"

/*
 * Runs for a worker, and what became of them.
 */
static const struct slice no_input = {"", 0};
static const struct slice small = {"\x81\xa1n\x01", 4}; /* {"n": 1} */

static inline void on_defined(void *arg, const struct redis_failure *failure)
{
	struct plant *p = arg;

	p->calls++;
	if (failure)
		fail_msg("%s", failure->error.text);
}

static inline void on_created(void *arg, const struct submitted *answers,
			      size_t count, const struct redis_failure *failure)
{
	struct plant *p = arg;

	p->calls++;
	if (failure)
		fail_msg("%s", failure->error.text);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(answers[i].code, SUBMIT_CREATED);
}

/* Submits count runs; their ids. */
static inline void submit_all(struct plant *p, const struct workflow *w,
			      struct slice input, char (*runs)[RUN_ID_LEN + 1],
			      size_t count)
{
	struct submission *s = xcalloc(count, sizeof(*s));

	for (size_t i = 0; i < count; i++) {
		run_id_new(0, runs[i]);
		s[i] = (struct submission){.run = runs[i],
					   .digest = w->digest,
					   .input = input,
					   .key = ""};
	}
	p->calls = 0;
	store_define(p->shop.store, w, -1, on_defined, p);
	store_submit(p->shop.store, s, count, -1, on_created, p);
	run_until(p->shop.rig, p->calls == 2);
	free(s);
}

/* The same, from YAML. Gives the workflow. */
static inline struct workflow *submit(struct plant *p, const char *yaml,
				      struct slice input,
				      char (*runs)[RUN_ID_LEN + 1],
				      size_t count)
{
	struct workflow *w;
	struct error err;

	if (workflow_parse(slice_of(yaml), "test.yaml", &w, &err) < 0)
		fail_msg("%s", err.text);
	submit_all(p, w, input, runs, count);
	return w;
}

/* What a field of a hash holds. */
static inline void look(struct plant *p, struct answer *a, const char *key,
			const char *field)
{
	char words[256];

	snprintf(words, sizeof(words), "HGET treadle:{0}:%s %s", key, field);
	ask(&p->shop.client, a, words);
}

/* Waits until the step's record begins so. */
static inline void until_step(struct plant *p, const char *run,
			      const char *step, const char *state)
{
	int64_t limit = clock_monotonic_ms() + PATIENCE_MS;
	char key[64], field[80];
	struct answer a;

	snprintf(key, sizeof(key), "run:%s", run);
	snprintf(field, sizeof(field), "step:%s", step);
	for (;;) {
		look(p, &a, key, field);
		if (strncmp(a.text, state, strlen(state)) == 0)
			return;
		if (clock_monotonic_ms() > limit)
			fail_msg("%s is \"%s\", not %s", step, a.text, state);
		run_for(p->shop.rig, 5);
	}
}

static inline void write_hash(struct plant *p, const char *key,
			      const char *field, struct slice value)
{
	struct command c;

	command_init(&c, "HSET");
	command_text(&c, key);
	command_text(&c, field);
	command_slice(&c, value);
	plant_call(p, &c);
}

/* What a function answers from now on, in Lua. */
static inline void answer_to(struct plant *p, const char *name, const char *lua)
{
	write_hash(p, "answered", name, slice_of(lua));
}

static inline void write_field(struct plant *p, const char *kind,
			       const char *id, const char *field,
			       struct slice value)
{
	char key[64];

	snprintf(key, sizeof(key), "treadle:{0}:%s:%s", kind, id);
	write_hash(p, key, field, value);
}

/* How its first attempt failed, as JSON. */
static inline void assert_failed(struct plant *p, const char *run,
				 const char *step, const char *class,
				 const char *detail)
{
	char key[64], field[80];
	struct answer a;

	snprintf(key, sizeof(key), "log:%s", run);
	snprintf(field, sizeof(field), "%s/1", step);
	look(p, &a, key, field);
	assert_contains(a.text, class);
	assert_contains(a.text, detail);
}

#endif
