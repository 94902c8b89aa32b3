/* SPDX-License-Identifier: MIT */
#include "worker_runs.h"

/*
 * What rarely happens to a worker: refusals, and stops at any time.
 */
static const char one[] = "name: one\n"
			  "steps:\n"
			  "  a: {pass: {value: 1}}\n";

/* --- beginning and leaving ------------------------------------------------ */

static void who_is_told_to_stop_while_registering_leaves(void **state)
{
	struct plant p;
	struct answer a;

	plant_open(&p, *state);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.lease.is_registering);
	lease_register(&p.worker); /* once is enough */
	assert_int_equal(dismiss(&p), 0);
	ask(&p.shop.client, &a, "ZCARD treadle:{0}:workers");
	assert_int_equal(a.integer, 0);
	plant_close(&p);
}

static void who_hears_no_farewell_goes(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.phase == WORKER_RUNNING);
	worker_stop(&p.worker);
	run_until(p.shop.rig, p.worker.phase == WORKER_LEAVING);
	server_kill(*state);
	assert_int_equal(dismiss(&p), error_exit_code(ERR_UNAVAILABLE));
	plant_close(&p);
}

static void why_it_stops_is_its_exit_code_whatever_follows(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.phase == WORKER_RUNNING);
	shop_library(&p.shop, library_version() + 1, "");
	store_check(p.worker.store);
	run_until(p.shop.rig, p.worker.phase == WORKER_LEAVING);
	server_kill(*state);
	assert_int_equal(dismiss(&p), error_exit_code(ERR_USAGE));
	plant_close(&p);
}

/* --- calls that are refused ------------------------------------------------
 */

static void what_is_refused_is_said_again(void **state)
{
	char runs[4][RUN_ID_LEN + 1], bad[96];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, no_input, runs, 3);
	snprintf(bad, sizeof(bad), "take %s", runs[0]);
	refuse(&p, bad);
	snprintf(bad, sizeof(bad), "complete %s", runs[1]);
	refuse(&p, bad);
	hire(&p, "default");
	until_step(&p, runs[2], "a", "done");
	workflow_free(submit(&p, one, no_input, &runs[3], 1));
	until_step(&p, runs[3], "a", "done");
	until_step(&p, runs[1], "a", "running");
	until_step(&p, runs[0], "a", "ready");
	accept_all(&p);
	until_step(&p, runs[0], "a", "done 1");
	until_step(&p, runs[1], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void who_can_not_register_or_beat_tries_again(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	refuse(&p, "register");
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.lease.is_registering);
	run_until(p.shop.rig, !p.worker.lease.is_registering);
	assert_false(p.worker.lease.is_registered);
	accept_all(&p);
	run_until(p.shop.rig, p.worker.phase == WORKER_RUNNING);
	refuse(&p, "heartbeat");
	run_until(p.shop.rig, p.worker.lease.is_beating);
	run_until(p.shop.rig, !p.worker.lease.is_beating);
	accept_all(&p);
	run_until(p.shop.rig, p.worker.lease.is_beating);
	lease_beat(&p.worker); /* once is enough */
	run_until(p.shop.rig, !p.worker.lease.is_beating);
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

/* Ends of many runs wait, as long as Redis refuses them. */
static void many_ends_wait(struct plant *p, struct slice input, size_t count)
{
	static const char yaml[] = "name: many\n"
				   "steps:\n"
				   "  a: {pass: {value: \"${.input.n}\"}}\n";
	char(*runs)[RUN_ID_LEN + 1] = xcalloc(count, sizeof(*runs));
	struct worker *worker = &p->worker;
	struct workflow *w = submit(p, yaml, input, runs, count);

	refuse(p, "complete");
	hire(p, "default");
	run_until(p->shop.rig, reports_are_many(&worker->reports));
	assert_int_equal(worker_free_slots(worker),
			 p->config->worker.slots -
				 (int64_t)worker->table.count);
	accept_all(p);
	for (size_t i = 0; i < count; i += count / 5)
		until_step(p, runs[i], "a", "done 1");
	assert_false(reports_are_many(&worker->reports));
	assert_int_equal(dismiss(p), 0);
	workflow_free(w);
	free(runs);
}

static void ends_that_wait_occupy_slots_if_they_are_large(void **state)
{
	static const unsigned char head[] = {0x81, 0xa1, 'n', 0xdb,
					     0,    12,   0,   0};
	size_t size = 12 << 16;
	char *input = xcalloc(1, sizeof(head) + size);
	struct plant p;

	memcpy(input, head, sizeof(head));
	memset(input + sizeof(head), 'x', size);
	plant_open(&p, *state);
	many_ends_wait(&p, (struct slice){input, sizeof(head) + size}, 8);
	plant_close(&p);
	free(input);
}

static void ends_that_wait_occupy_slots_if_they_are_many(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	many_ends_wait(&p, small, 2500);
	plant_close(&p);
}

/* What is on its way when a worker closes is answered: it is over. */
static void closed_in_the_middle_of(struct rig *rig, const char *call,
				    const size_t *under_way, struct plant *p)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;

	plant_open(p, rig);
	w = submit(p, one, no_input, run, 1);
	refuse(p, call);
	hire(p, "default");
	run_until(rig, *under_way > 0);
	run_until(rig, *under_way == 0); /* refused */
	accept_all(p);
	kill(rig->server, SIGSTOP);
	run_until(rig, *under_way > 0);
	worker_close(&p->worker);
	run_until(rig, is_gone(&p->worker));
	kill(rig->server, SIGCONT);
	assert_int_equal(p->worker.table.count, 0);
	dismiss(p);
	workflow_free(w);
	plant_close(p);
}

static void it_closes_while_it_takes(void **state)
{
	struct plant p = {.calls = 0};

	closed_in_the_middle_of(*state, "take", &p.worker.takes.asked_count,
				&p);
}

static void it_closes_while_it_reports(void **state)
{
	struct plant p = {.calls = 0};

	closed_in_the_middle_of(
		*state, "complete",
		&p.worker.reports.outboxes[VERB_COMPLETE].said_count, &p);
}

/* --- a kind that does what the test wants ----------------------------------
 */

static struct attempt *begun[2];
static size_t begun_count;
static int stops;
static bool was_at_once;

static void on_start(struct attempt *a)
{
	must(begun_count < countof(begun));
	begun[begun_count++] = a;
}

static void on_stop(struct attempt *a, bool at_once)
{
	(void)a;
	stops++;
	was_at_once = at_once;
}

static const struct kind puppet = {.start = on_start, .stop = on_stop};

/* Runs of one step, begun, of which the test says how they end. */
static struct workflow *begin(struct plant *p, struct rig *rig,
			      char (*runs)[RUN_ID_LEN + 1], size_t count)
{
	struct workflow *w;

	plant_open(p, rig);
	hire(p, "default");
	workflow_free(submit(p, one, no_input, runs, 1));
	until_step(p, runs[0], "a", "done");
	run_until(rig, p->worker.definitions.newest);
	p->worker.definitions.newest->plans[0].kind = &puppet;
	begun_count = 0;
	stops = 0;
	w = submit(p, one, no_input, runs, count);
	run_until(rig, begun_count == count);
	return w;
}

static void after_its_time_a_kind_is_not_believed(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	w = begin(&p, *state, run, 1);
	on_attempt_alarm(begun[0]);
	attempt_stop(begun[0], STOP_DRAIN, false);
	assert_int_equal(stops, 1);
	assert_false(was_at_once);
	on_attempt_alarm(begun[0]);
	on_attempt_alarm(begun[0]);
	assert_int_equal(stops, 2);
	assert_true(was_at_once);
	attempt_deferred(begun[0], 0, jv_null());
	until_step(&p, run[0], "a", "delayed");
	assert_failed(&p, run[0], "a", "timeout", "not finished within its");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* Whatever it says: its work is handed back, and no run is begun for it. */
static void who_was_stopped_is_handed_back(void **state)
{
	static const struct failure failure = {.class = FAILURE_REJECTED,
					       .detail = {"", 0}};
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct answer a;
	struct plant p;

	w = begin(&p, *state, run, 1);
	for (int end = 0; end < 4; end++) {
		run_until(p.shop.rig, begun_count == 1);
		begun_count = 0;
		attempt_stop(begun[0], STOP_DRAIN, false);
		if (end == 0)
			attempt_done(begun[0], jv_null());
		else if (end == 1)
			attempt_failed(begun[0], &failure);
		else if (end == 2)
			attempt_deferred(begun[0], 0, jv_null());
		else
			attempt_spawned(begun[0], SLICE("\x80"));
	}
	run_until(p.shop.rig, begun_count == 1);
	look(&p, &a, "counters", "releases");
	assert_string_equal(a.text, "4");
	attempt_done(begun[0], jv_null());
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_cancel_outweighs_what_was_decided_before(void **state)
{
	char runs[2][RUN_ID_LEN + 1], words[96];
	struct workflow *w;
	struct answer a;
	struct plant p;

	w = begin(&p, *state, runs, 2);
	on_attempt_alarm(begun[0]);
	snprintf(words, sizeof(words), "FCALL treadle_cancel 1 treadle:{0} %s",
		 begun[0]->run);
	ask(&p.shop.client, &a, words);
	run_until(p.shop.rig, begun[0]->stop == STOP_CANCELLED);
	assert_int_equal(stops, 1);
	assert_int_equal(begun[1]->stop, STOP_NOT);
	snprintf(words, sizeof(words), "%s", begun[1]->run);
	attempt_failed_text(begun[0], FAILURE_ERROR, 1, "whatever");
	attempt_done(begun[1], jv_null());
	until_step(&p, words, "a", "done");
	run_until(p.shop.rig, p.worker.table.count == 0);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void who_is_lost_says_nothing_and_goes_all_the_same(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	w = begin(&p, *state, run, 1);
	attempt_stop(begun[0], STOP_DRAIN, true);
	attempt_stop(begun[0], STOP_LOST, false);
	attempt_done(begun[0], jv_null());
	assert_int_equal(p.worker.table.count, 0);
	until_step(&p, run[0], "a", "running");
	assert_int_equal(dismiss(&p), 0); /* though it holds an entry */
	workflow_free(w);
	plant_close(&p);
}

/* It drains for a newer library: to be told to ends nothing. */
static void who_drains_unasked_may_be_asked_to(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	w = begin(&p, *state, run, 1);
	shop_library(&p.shop, library_version() + 1, "");
	store_check(p.worker.store);
	run_until(p.shop.rig, p.worker.is_unasked);
	plant_library(&p);
	worker_stop(&p.worker);
	assert_false(p.worker.is_unasked);
	assert_false(p.worker.is_forced);
	assert_int_equal(stops, 0);
	attempt_done(begun[0], jv_null());
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), error_exit_code(ERR_USAGE));
	workflow_free(w);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(who_is_told_to_stop_while_registering_leaves),
		WITH_SERVER(who_hears_no_farewell_goes),
		WITH_SERVER(why_it_stops_is_its_exit_code_whatever_follows),
		WITH_SERVER(what_is_refused_is_said_again),
		WITH_SERVER(who_can_not_register_or_beat_tries_again),
		WITH_SERVER(ends_that_wait_occupy_slots_if_they_are_large),
		WITH_SERVER(ends_that_wait_occupy_slots_if_they_are_many),
		WITH_SERVER(it_closes_while_it_takes),
		WITH_SERVER(it_closes_while_it_reports),
		WITH_SERVER(after_its_time_a_kind_is_not_believed),
		WITH_SERVER(who_was_stopped_is_handed_back),
		WITH_SERVER(a_cancel_outweighs_what_was_decided_before),
		WITH_SERVER(who_is_lost_says_nothing_and_goes_all_the_same),
		WITH_SERVER(who_drains_unasked_may_be_asked_to),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker life", tests, NULL, NULL);
}
