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

static inline void on_taken(void *arg, const struct taken *taken, size_t count,
			    const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	assert_int_equal(count, 1);
	l->taken = *taken;
	copy_text(l->digest, sizeof(l->digest), taken->digest);
	copy_text(l->memo, sizeof(l->memo), taken->memo);
	copy_text(l->taken_input, sizeof(l->taken_input), taken->input);
	if (taken->reads_count)
		copy_text(l->read, sizeof(l->read), taken->reads[0].text);
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

/* --- what a worker does -------------------------------------------------- */

static inline void on_delivered(void *arg, const struct reply *reply,
				const struct redis_failure *failure)
{
	struct life *l = arg;
	const struct reply *entry;

	note_failure(l, failure);
	l->delivered = 0;
	if (failure || reply->type == REPLY_NIL)
		return;
	l->delivered = reply->items[0].items[1].count;
	entry = &reply->items[0].items[1].items[l->delivered - 1];
	copy_text(l->entry, sizeof(l->entry), entry->items[0].text);
	copy_text(l->step, sizeof(l->step), entry->items[1].items[3].text);
}

static inline void deliver(struct life *l)
{
	struct call_options o = {.mode = CALL_ONCE, .deadline_ms = -1};
	static const char *const words[] = {"GROUP",
					    "workers",
					    WORKER,
					    "COUNT",
					    "9",
					    "STREAMS",
					    "treadle:{0}:queue:default",
					    ">"};
	struct command c;

	command_init(&c, "XREADGROUP");
	for (size_t i = 0; i < countof(words); i++)
		command_text(&c, words[i]);
	redis_call(store_redis(l->shop.store), &c, &o, on_delivered, l);
	await_good(l);
}

static inline struct step_ref ref(const struct life *l)
{
	return (struct step_ref){.queue = "default",
				 .entry = l->entry,
				 .run = l->run,
				 .step = l->step,
				 .attempt = l->taken.attempt};
}

static inline void take(struct life *l)
{
	struct step_ref r;

	deliver(l);
	assert_int_equal(l->delivered, 1);
	r = ref(l);
	store_take(l->shop.store, WORKER, &r, 1, on_taken, l);
	await_good(l);
}

static inline void complete(struct life *l, struct slice output)
{
	struct completion c = {.ref = ref(l), .output = output};

	store_complete(l->shop.store, WORKER, &c, 1, on_ended, l);
	await_good(l);
}

static inline void enlist(struct life *l)
{
	char queue[] = "default", *queues[] = {queue};
	struct text_list list = {queues, 1};
	struct registration r = {.worker = WORKER,
				 .host = "here",
				 .version = "1",
				 .pid = 1,
				 .lease_ms = 10000,
				 .slots = 4,
				 .queues = &list};

	store_register(l->shop.store, &r, on_done, l);
	await_good(l);
}

static inline void submit(struct life *l, const char *run, const char *key)
{
	struct submission s = {.run = run,
			       .digest = l->workflow->digest,
			       .input = input,
			       .key = key};

	store_submit(l->shop.store, &s, 1, -1, on_submitted, l);
	await_good(l);
}

/* A registered worker and a submitted run. */
static inline void begin(struct life *l, struct rig *rig)
{
	struct error err;

	*l = (struct life){0};
	shop_open(&l->shop, rig);
	if (workflow_parse(slice_of(yaml), "two.yaml", &l->workflow, &err) < 0)
		fail_msg("%s", err.text);
	run_id_new(0, l->run);
	enlist(l);
	store_define(l->shop.store, l->workflow, -1, on_done, l);
	await_good(l);
	submit(l, l->run, "");
	assert_int_equal(l->submitted, SUBMIT_CREATED);
}

static inline void end(struct life *l)
{
	workflow_free(l->workflow);
	shop_close(&l->shop);
}

#endif
