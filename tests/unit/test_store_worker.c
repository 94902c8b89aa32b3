/* SPDX-License-Identifier: MIT */
#include "store_life.h"

/* --- what a worker does -------------------------------------------------- */

static void on_delivered(void *arg, const struct reply *reply,
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

static void deliver(struct life *l)
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

static struct step_ref ref(const struct life *l)
{
	return (struct step_ref){.queue = "default",
				 .entry = l->entry,
				 .run = l->run,
				 .step = l->step,
				 .attempt = l->taken.attempt};
}

static void take(struct life *l)
{
	struct step_ref r;

	deliver(l);
	assert_int_equal(l->delivered, 1);
	r = ref(l);
	store_take(l->shop.store, WORKER, &r, 1, on_taken, l);
	await_good(l);
}

static void on_completed(void *arg, const struct committed *c, size_t count,
			 const struct redis_failure *failure)
{
	struct life *l = arg;

	note_failure(l, failure);
	if (failure)
		return;
	assert_int_equal(count, 1);
	l->end = c->code;
	copy_text(l->heir, sizeof(l->heir), c->heir);
	if (c->heir.len > 0)
		keep_taken(l, &c->taken);
}

static void complete(struct life *l, struct slice output)
{
	struct completion c = {.ref = ref(l), .output = output};

	store_complete(l->shop.store, WORKER, &c, 1, on_completed, l);
	await_good(l);
}

static void enlist(struct life *l)
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

static void submit(struct life *l, const char *run, const char *key)
{
	struct submission s = {.run = run,
			       .digest = l->workflow->digest,
			       .input = input,
			       .key = key};

	store_submit(l->shop.store, &s, 1, -1, on_submitted, l);
	await_good(l);
}

/* A registered worker and a submitted run. */
static void begin(struct life *l, struct rig *rig)
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

static void end(struct life *l)
{
	workflow_free(l->workflow);
	shop_close(&l->shop);
}

/* --- the life of a step -------------------------------------------------- */

static void a_run_goes_from_step_to_step(void **state)
{
	struct told t;
	struct life l;

	begin(&l, *state);
	take(&l);
	assert_string_equal(l.step, "a");
	assert_int_equal(l.taken.code, TAKE_RUN);
	assert_string_equal(l.digest, l.workflow->digest);
	assert_int_equal(l.taken.attempt, 1);
	assert_int_equal(l.taken.recoveries, 0);
	assert_true(l.taken.now > 1600000000000);
	assert_memory_equal(l.taken_input, input.data, input.len);
	complete(&l, SLICE("\x01"));
	assert_int_equal(l.end, END_COMMITTED);
	complete(&l, SLICE("\x01"));
	assert_int_equal(l.end, END_DUPLICATE);

	take(&l);
	assert_string_equal(l.step, "b");
	assert_int_equal(l.taken.reads_count, 1);
	assert_string_equal(l.read, "\x01");
	complete(&l, SLICE("\x02"));
	shop_ask(&l.shop, &t, STORE_status, l.run);
	assert_contains(t.json, "\"left\":0");
	end(&l);
}

static void submission_answers_by_key_and_definition(void **state)
{
	char other[RUN_ID_LEN + 1];
	struct life l;

	begin(&l, *state);
	run_id_new(0, other);
	submit(&l, other, "mine");
	assert_int_equal(l.submitted, SUBMIT_CREATED);
	submit(&l, l.run, "mine");
	assert_int_equal(l.submitted, SUBMIT_EXISTS);
	assert_string_equal(l.submitted_run, other);
	memset(l.workflow->digest, '0', DIGEST_LEN);
	run_id_new(0, other);
	submit(&l, other, "");
	assert_int_equal(l.submitted, SUBMIT_UNDEFINED);
	end(&l);
}

static void a_failed_attempt_is_delayed_or_dead(void **state)
{
	struct fault fault = {.delay_ms = 0,
			      .failure = {.class = FAILURE_THROTTLED,
					  .code = 429,
					  .retry_after_ms = -1,
					  .detail = SLICE("slow down")},
			      .log = SLICE("")};
	struct told t;
	struct life l;

	begin(&l, *state);
	take(&l);
	fault.ref = ref(&l);
	fault.delay_ms = -1;
	store_fail(l.shop.store, WORKER, &fault, 1, on_ended, &l);
	await_good(&l);
	assert_int_equal(l.end, END_COMMITTED);
	shop_ask(&l.shop, &t, STORE_status, l.run);
	assert_contains(t.json, "throttled");
	end(&l);
}

static void an_heir_comes_with_the_answer(void **state)
{
	struct completion c = {.output = SLICE("\x01"), .wants_heir = true};
	struct life l;

	begin(&l, *state);
	take(&l);
	c.ref = ref(&l);
	for (int i = 0; i < 2; i++) { /* the second time as if repeated */
		l.heir[0] = l.read[0] = '\0';
		store_complete(l.shop.store, WORKER, &c, 1, on_completed, &l);
		await_good(&l);
		assert_int_equal(l.end, i == 0 ? END_COMMITTED : END_DUPLICATE);
		assert_string_equal(l.heir, "b");
		assert_int_equal(l.taken.code, TAKE_RUN);
		assert_int_equal(l.taken.attempt, 1);
		assert_string_equal(l.digest, l.workflow->digest);
		assert_string_equal(l.read, "\x01");
	}
	copy_text(l.step, sizeof(l.step), SLICE("b"));
	c.ref = ref(&l);
	store_complete(l.shop.store, WORKER, &c, 1, on_completed, &l);
	await_good(&l);
	assert_int_equal(l.end, END_COMMITTED);
	assert_string_equal(l.heir, "");
	end(&l);
}

static void a_deferred_step_keeps_its_memo(void **state)
{
	struct deferral d = {.due_at = 1, .memo = SLICE("\xa4kept")};
	struct life l;
	struct answer a;

	begin(&l, *state);
	take(&l);
	d.ref = ref(&l);
	store_defer(l.shop.store, WORKER, &d, 1, on_ended, &l);
	await_good(&l);
	assert_int_equal(l.end, END_COMMITTED);
	ask(&l.shop.client, &a,
	    "FCALL treadle_promote 1 treadle:{0} c 1000 10");
	take(&l);
	assert_string_equal(l.memo, "\xa4kept");
	assert_int_equal(l.taken.attempt, 1);
	end(&l);
}

static void a_released_step_is_there_for_others(void **state)
{
	struct step_ref r;
	struct life l;

	begin(&l, *state);
	take(&l);
	r = ref(&l);
	store_release(l.shop.store, WORKER, &r, 1, on_ended, &l);
	await_good(&l);
	assert_int_equal(l.end, END_COMMITTED);
	take(&l);
	assert_int_equal(l.taken.attempt, 1);
	end(&l);
}

static void notes_are_kept_while_an_attempt_goes_on(void **state)
{
	struct note n = {.progress = SLICE("{\"progress\":0.5}"),
			 .memo = SLICE(""),
			 .cost = SLICE(""),
			 .log = SLICE("half way")};
	struct life l;

	begin(&l, *state);
	take(&l);
	n.ref = ref(&l);
	store_note(l.shop.store, WORKER, &n, 1, on_ended, &l);
	await_good(&l);
	assert_int_equal(l.end, END_COMMITTED);
	complete(&l, SLICE("\x01"));
	assert_int_equal(l.end, END_COMMITTED);
	end(&l);
}

static void a_paused_queue_takes_its_steps_back(void **state)
{
	struct told t;
	struct life l;

	begin(&l, *state);
	shop_ask(&l.shop, &t, STORE_pause, "default");
	assert_false(t.is_error);
	take(&l);
	assert_int_equal(l.taken.code, TAKE_PAUSED);
	store_heartbeat(l.shop.store, WORKER, 10000, 0, NULL, 0, on_beat, &l);
	await_good(&l);
	assert_false(l.beat.is_lost);
	assert_int_equal(l.beat.paused_count, 1);
	assert_string_equal(l.paused, "default");
	end(&l);
}

static void a_cancelled_step_is_dropped(void **state)
{
	struct told t;
	struct life l;

	begin(&l, *state);
	take(&l);
	shop_ask(&l.shop, &t, STORE_cancel, l.run);
	assert_false(t.is_error);
	store_heartbeat(l.shop.store, WORKER, 10000, 1, NULL, 0, on_beat, &l);
	await_good(&l);
	assert_int_equal(l.beat.cancelled_count, 1);
	complete(&l, SLICE("\x01"));
	assert_int_equal(l.end, END_CANCELLED);
	end(&l);
}

/* --- the worker itself --------------------------------------------------- */

static void a_worker_leaves_and_is_not_known_any_more(void **state)
{
	struct counter counter = {"took_ms:pass", 5};
	struct life l;

	begin(&l, *state);
	store_heartbeat(l.shop.store, WORKER, 10000, 0, &counter, 1, on_beat,
			&l);
	await_good(&l);
	assert_false(l.beat.is_lost);
	assert_int_equal(l.beat.cancelled_count, 0);
	take(&l);
	store_leave(l.shop.store, WORKER, on_done, &l);
	await(&l);
	assert_true(l.is_failure);
	assert_int_equal(l.error.kind, ERR_CONFLICT);
	complete(&l, SLICE("\x01"));
	store_leave(l.shop.store, WORKER, on_done, &l);
	await_good(&l);
	store_heartbeat(l.shop.store, WORKER, 10000, 0, NULL, 0, on_beat, &l);
	await_good(&l);
	assert_true(l.beat.is_lost);
	take(&l);
	assert_int_equal(l.taken.code, TAKE_LOST);
	end(&l);
}

static void a_definition_is_found_by_its_digest(void **state)
{
	struct life l;

	begin(&l, *state);
	store_definition(l.shop.store, slice_of(l.workflow->digest), -1,
			 on_bytes, &l);
	await_good(&l);
	assert_int_equal(l.definition_len, l.workflow->canonical.len);
	store_definition(l.shop.store, SLICE("unknown"), -1, on_bytes, &l);
	await_good(&l);
	assert_int_equal(l.definition_len, 0);
	end(&l);
}

/* --- replies of the wrong shape ------------------------------------------ */

static void assert_not_understood(struct life *l)
{
	await(l);
	assert_true(l->is_failure);
	assert_int_equal(l->error.kind, ERR_BUG);
	assert_contains(l->error.text, "answered in a form");
}

/* All functions answer so. */
static void answer_all(struct life *l, const char *lua)
{
	static const char *const names[] = {"take",   "complete", "heartbeat",
					    "submit", "register", "release"};
	struct buf body;

	buf_init(&body, 4096);
	for (size_t i = 0; i < countof(names); i++)
		buf_addf(&body, "public('%s', function() return %s end)\n",
			 names[i], lua);
	buf_addf(&body,
		 "public('definition', function() return %s end, "
		 "{'no-writes'})\n",
		 lua);
	shop_library(&l->shop, library_version(), body.data);
	buf_clear(&body);
}

static void what_has_the_wrong_shape_is_not_believed(void **state)
{
	static const char *const shapes[] = {
		"{}",
		"1.5",
		"{1}",
		"{1, 'SO WHAT'}",
		"{1, {}}",
		"{1, 'digest'}",
		"{1, 'digest', '1 0 0 0'}",
		"{1, 'digest', '1 0 0 0 1', 'memo'}",
		"{1, 'digest', '1 0 0 0 3', 'memo', 'input'}",
		"{1, 'digest', '1 0 0 0 0', 'too', 'much'}",
		"{1, 'digest', '1 0 0 x 0'}",
		"{1, 'digest', '1 -1 0 0 0'}",
		"{'x', 'digest', '1 0 0 0 0'}",
		"{'LIVE', 1, {}, 'x'}",
		"{'LIVE', 1, 'x', {}}",
		"{'LIVE', 'x', {}, {}}",
		"{'SO SO', 1, {}, {}}",
		"{{'CREATED'}}",
		"{{'SO WHAT', 'x'}}",
		"{1, 'COMMITTED b'}",
		"{1, 'COMMITTED', 'COMMITTED'}",
		"{'COMMITTED'}",
		"{1, 'COMMITTED b', 'digest', '1 0 0 0'}",
		"{1, 'COMMITTED b', 'digest', '1 0 0 0 2', false}",
		"{1, 'SO b', 'digest', '1 0 0 0 0'}",
	};
	char none[] = "", *queues[] = {none};
	struct text_list list = {queues, 0};
	struct registration r = {WORKER, "h", "1", 1, 1, 1, &list};
	struct completion c = {
		{"q", "1-0", "r", "s", 1}, SLICE(""), .wants_heir = true};
	struct submission s = {
		.run = "r", .digest = "d", .input = SLICE(""), .key = ""};
	struct life l;

	begin(&l, *state);
	for (size_t i = 0; i < countof(shapes); i++) {
		answer_all(&l, shapes[i]);
		store_take(l.shop.store, WORKER, &c.ref, 1, on_taken, &l);
		assert_not_understood(&l);
		store_complete(l.shop.store, WORKER, &c, 1, on_completed, &l);
		assert_not_understood(&l);
		store_heartbeat(l.shop.store, WORKER, 1, 0, NULL, 0, on_beat,
				&l);
		assert_not_understood(&l);
		store_submit(l.shop.store, &s, 1, -1, on_submitted, &l);
		assert_not_understood(&l);
		store_register(l.shop.store, &r, on_done, &l);
		assert_not_understood(&l);
		store_definition(l.shop.store, SLICE("d"), -1, on_bytes, &l);
		assert_not_understood(&l);
	}
	end(&l);
}

static void ends_are_told_what_was_answered(void **state)
{
	static const char *const shapes[] = {"1", "{}", "{'SO WHAT'}"};
	struct step_ref r = {"q", "1-0", "r", "s", 1};
	struct life l;

	begin(&l, *state);
	for (size_t i = 0; i < countof(shapes); i++) {
		answer_all(&l, shapes[i]);
		store_release(l.shop.store, WORKER, &r, 1, on_ended, &l);
		assert_not_understood(&l);
	}
	answer_all(&l, "redis.error_reply('CONFLICT not now')");
	store_release(l.shop.store, WORKER, &r, 1, on_ended, &l);
	await(&l);
	assert_true(l.is_failure);
	assert_int_equal(l.error.kind, ERR_CONFLICT);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(a_run_goes_from_step_to_step),
		WITH_SERVER(submission_answers_by_key_and_definition),
		WITH_SERVER(a_failed_attempt_is_delayed_or_dead),
		WITH_SERVER(an_heir_comes_with_the_answer),
		WITH_SERVER(a_deferred_step_keeps_its_memo),
		WITH_SERVER(a_released_step_is_there_for_others),
		WITH_SERVER(notes_are_kept_while_an_attempt_goes_on),
		WITH_SERVER(a_paused_queue_takes_its_steps_back),
		WITH_SERVER(a_cancelled_step_is_dropped),
		WITH_SERVER(a_worker_leaves_and_is_not_known_any_more),
		WITH_SERVER(a_definition_is_found_by_its_digest),
		WITH_SERVER(what_has_the_wrong_shape_is_not_believed),
		WITH_SERVER(ends_are_told_what_was_answered),
	};

	return cmocka_run_group_tests_name("store worker", tests, NULL, NULL);
}
