/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_STORE_LIFE_H
#define TREADLE_TEST_STORE_LIFE_H

#include "store_rig.h"

#include "treadle/store_worker.h"
#include "treadle/workflow.h"

/*
 * A worker's life, said to the real library: one run of two steps, of which
 * the second reads the first.
 */
#define WORKER "w0000001"

static const char yaml[] = "name: two\n"
			   "steps:\n"
			   "  a:\n"
			   "    pass: {value: \"${.input.n}\"}\n"
			   "  b:\n"
			   "    needs: [a]\n"
			   "    pass: {value: \"${.steps.a.output}\"}\n";
static const struct slice input = {"\x81\xa1n\x01", 4}; /* {"n": 1} */

struct life {
	struct shop shop;
	struct workflow *workflow;
	char run[RUN_ID_LEN + 1];
	int calls; /* of any callback */
	bool is_failure;
	struct error error;

	enum submit_code submitted;
	char submitted_run[64];
	size_t delivered;
	char entry[64], step[64]; /* of the last one delivered */
	struct taken taken;
	char digest[DIGEST_LEN + 1], memo[32], taken_input[32], read[32];
	enum end_code end;
	char heir[32];
	struct beat beat;
	char paused[32];
	size_t definition_len;
};

static inline void note_failure(struct life *l,
				const struct redis_failure *failure)
{
	l->calls++;
	l->is_failure = failure;
	if (failure)
		l->error = failure->error;
}

static inline void on_done(void *arg, const struct redis_failure *failure)
{
	note_failure(arg, failure);
}

static inline void on_submitted(void *arg, const struct submitted *answers,
				size_t count,
				const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	assert_int_equal(count, 1);
	l->submitted = answers->code;
	copy_text(l->submitted_run, sizeof(l->submitted_run), answers->run);
}

static inline void keep_taken(struct life *l, const struct taken *taken)
{
	l->taken = *taken;
	copy_text(l->digest, sizeof(l->digest), taken->digest);
	copy_text(l->memo, sizeof(l->memo), taken->memo);
	copy_text(l->taken_input, sizeof(l->taken_input), taken->input);
	if (taken->reads_count)
		copy_text(l->read, sizeof(l->read), taken->reads[0].text);
}

static inline void on_taken(void *arg, const struct taken *taken, size_t count,
			    const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	assert_int_equal(count, 1);
	keep_taken(l, taken);
}

static inline void on_ended(void *arg, const enum end_code *codes, size_t count,
			    const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	assert_int_equal(count, 1);
	l->end = *codes;
}

static inline void on_beat(void *arg, const struct beat *beat,
			   const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	l->beat = *beat;
	if (beat->paused_count)
		copy_text(l->paused, sizeof(l->paused), beat->paused->text);
}

static inline void on_bytes(void *arg, struct slice bytes,
			    const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	l->definition_len = bytes.len;
}

/* Waits for the callback of the call that was just made. */
static inline void await(struct life *l)
{
	run_until(l->shop.rig, l->calls);
	assert_int_equal(l->calls, 1);
	l->calls = 0;
}

static inline void await_good(struct life *l)
{
	await(l);
	if (l->is_failure)
		fail_msg("%s", l->error.text);
}

#endif
