/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

#include <sys/resource.h>

/*
 * Attempts that are stopped between their delivery and their start, or between
 * what they did and its report, and ends that nobody hears of.
 */
static const char one[] = "name: one\n"
			  "steps:\n"
			  "  a: {pass: {value: \"${[.input.n, 1] | add}\"}}\n";

static void assert_releases(struct plant *p, const char *count)
{
	struct answer a;

	look(p, &a, "counters", "releases");
	assert_string_equal(a.text, count);
}

/* A worker gets a run of step `a`, is stopped midway, and does it after all. */
static void stopped_while(struct rig *rig, const char *yaml,
			  bool (*is_midway)(const struct attempt *a))
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct attempt *a;
	struct plant p;

	plant_open(&p, rig);
	w = submit(&p, yaml, small, run, 1);
	hire(&p, "default");
	a = until_attempt(&p, is_midway);
	attempt_stop(a, STOP_DRAIN, false);
	until_step(&p, run[0], "a", "done 1");
	assert_releases(&p, "1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void what_awaits_its_definition_is_handed_back(void **state)
{
	stopped_while(*state, one, awaits_definition);
}

static void what_is_prepared_is_handed_back(void **state)
{
	stopped_while(*state, one, awaits_evaluator);
}

static void what_has_its_condition_asked_is_handed_back(void **state)
{
	stopped_while(
		*state,
		"name: asks\n"
		"steps:\n"
		"  a: {if: \"${[.input.n] | length > 0}\", pass: {value: 1}}\n",
		awaits_evaluator);
}

/* Else it would wait for ever, behind the lease of the one that comes next. */
static void what_is_taken_by_who_is_lost_is_handed_back(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, small, run, 1);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.takes.asked_count > 0);
	worker_lost(&p.worker);
	until_step(&p, run[0], "a", "done 1");
	assert_releases(&p, "1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void who_closes_does_not_fail_what_awaits_its_definition(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, one, small, run, 1);
	hire(&p, "default");
	until_attempt(&p, awaits_definition);
	worker_close(&p.worker);
	dismiss(&p);
	until_step(&p, run[0], "a", "running 1");
	workflow_free(w);
	plant_close(&p);
}

/* --- the cache -------------------------------------------------------------
 */

static const char cached[] =
	"name: cached\n"
	"steps:\n"
	"  a: {cache: 1h, exec: {command: [echo, \"${.input.n}\"]}}\n";

static void what_will_ask_the_cache_is_handed_back(void **state)
{
	stopped_while(*state, cached, will_ask_cache);
}

static void what_has_asked_the_cache_is_handed_back(void **state)
{
	stopped_while(*state, cached, has_asked_cache);
}

static void what_has_its_key_computed_is_handed_back(void **state)
{
	stopped_while(*state,
		      "name: keyed\n"
		      "steps:\n"
		      "  a:\n"
		      "    cache: {key: \"${[.input.n] | add}\"}\n"
		      "    exec: {command: [echo, x]}\n",
		      awaits_evaluator);
}

/* --- lists ------------------------------------------------------------------
 */

static void what_awaits_a_list_is_handed_back(void **state)
{
	stopped_while(
		*state,
		"name: list\n"
		"steps:\n"
		"  b: {for_each: [1, 2], pass: {value: 1}}\n"
		"  a: {needs: b, pass: {value: \"${.steps.b.output}\"}}\n",
		awaits_lists);
}

/* --- rounds -----------------------------------------------------------------
 */

static const char again[] =
	"name: again\n"
	"steps:\n"
	"  a:\n"
	"    repeat: {until: \"${[.output] | length > 0}\", max: 9}\n"
	"    pass: {value: 1}\n";

static void a_round_that_is_over_counts_while_the_worker_drains(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, again, small, run, 1);
	hire(&p, "default");
	attempt_stop(until_attempt(&p, awaits_until), STOP_DRAIN, true);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_round_that_is_over_does_not_outlive_its_right(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, again, small, run, 1);
	hire(&p, "default");
	attempt_stop(until_attempt(&p, awaits_until), STOP_CANCELLED, false);
	until_step(&p, run[0], "a", "done 1");
	assert_releases(&p, "1");
	workflow_free(w);

	w = submit(&p, again, small, run, 1);
	until_attempt(&p, awaits_until);
	worker_lost(&p.worker);
	run_until(p.shop.rig, p.worker.table.count == 0);
	until_step(&p, run[0], "a", "running 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void who_can_not_begin_an_evaluator_tries_again(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct rlimit before, none;
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.phase == WORKER_RUNNING);
	must(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = (struct rlimit){3, before.rlim_max};
	must(setrlimit(RLIMIT_NOFILE, &none) == 0);
	w = submit(&p, again, small, run, 1);
	until_step(&p, run[0], "a", "delayed");
	must(setrlimit(RLIMIT_NOFILE, &before) == 0);
	assert_failed(&p, run[0], "a", "transient", "begin the evaluator");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* A step that is repeated so, with an output of 2 KiB, is given up. */
static void rounds_fail(struct rig *rig, const char *repeat, const char *class,
			const char *detail)
{
	char run[1][RUN_ID_LEN + 1], text[2048], *yaml;
	struct workflow *w;
	struct plant p;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	yaml = xasprintf("name: rounds\n"
			 "steps:\n"
			 "  a:\n"
			 "    repeat: {%s}\n"
			 "    pass: {value: %s}\n",
			 repeat, text);
	plant_open(&p, rig);
	setenv("TREADLE_WORKER_OUTPUT_MAX", "1KiB", 1);
	w = submit(&p, yaml, small, run, 1);
	free(yaml);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", class, detail);
	unsetenv("TREADLE_WORKER_OUTPUT_MAX");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void null_does_not_hold(void **state)
{
	rounds_fail(*state, "until: \"${null}\", max: 1", "exhausted",
		    "did not hold in 1 round\"");
}

static void a_round_leaves_no_more_than_a_step_may_give(void **state)
{
	rounds_fail(*state, "until: \"${false}\", max: 2", "too_large",
		    "exceeds 1KiB");
}

/* It was offered a successor, and was told to stop before it had it. */
static void an_heir_that_comes_while_it_drains_is_handed_back(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: chain\n"
		   "steps:\n"
		   "  a: {pass: {value: 1}}\n"
		   "  b: {needs: a, pass: {value: 2}}\n",
		   small, run, 1);
	hire(&p, "default");
	run_until(p.shop.rig,
		  p.worker.reports.outboxes[VERB_COMPLETE].said_count > 0);
	assert_int_equal(dismiss(&p), 0);
	until_step(&p, run[0], "a", "done 1");
	until_step(&p, run[0], "b", "ready");
	assert_releases(&p, "1");
	workflow_free(w);
	plant_close(&p);
}

static void a_path_that_leads_nowhere_fails_its_step(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: path\n"
		   "steps:\n"
		   "  a: {pass: {value: \"${.input.n.x}\"}}\n",
		   small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "expression", "n");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void the_end_of_what_is_gone_is_dropped(void **state)
{
	char run[1][RUN_ID_LEN + 1], words[96];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: wait\n"
		   "steps:\n"
		   "  a: {wait: {for: 1h}}\n",
		   small, run, 1);
	refuse(&p, "defer");
	hire(&p, "default");
	run_until(p.shop.rig,
		  p.worker.reports.outboxes[VERB_DEFER].not_before > 0);
	snprintf(words, sizeof(words), "DEL treadle:{0}:run:%s", run[0]);
	shop_say(&p.shop, words);
	accept_all(&p);
	run_until(p.shop.rig, p.worker.table.count == 0);
	workflow_free(w);
	w = submit(&p,
		   "name: wait\n"
		   "steps:\n"
		   "  a: {wait: {for: 2h}}\n",
		   small, run, 1);
	until_step(&p, run[0], "a", "delayed");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_awaits_its_definition_is_handed_back),
		WITH_SERVER(what_is_prepared_is_handed_back),
		WITH_SERVER(what_has_its_condition_asked_is_handed_back),
		WITH_SERVER(what_is_taken_by_who_is_lost_is_handed_back),
		WITH_SERVER(
			who_closes_does_not_fail_what_awaits_its_definition),
		WITH_SERVER(what_will_ask_the_cache_is_handed_back),
		WITH_SERVER(what_has_asked_the_cache_is_handed_back),
		WITH_SERVER(what_has_its_key_computed_is_handed_back),
		WITH_SERVER(what_awaits_a_list_is_handed_back),
		WITH_SERVER(
			a_round_that_is_over_counts_while_the_worker_drains),
		WITH_SERVER(a_round_that_is_over_does_not_outlive_its_right),
		WITH_SERVER(who_can_not_begin_an_evaluator_tries_again),
		WITH_SERVER(null_does_not_hold),
		WITH_SERVER(a_round_leaves_no_more_than_a_step_may_give),
		WITH_SERVER(an_heir_that_comes_while_it_drains_is_handed_back),
		WITH_SERVER(a_path_that_leads_nowhere_fails_its_step),
		WITH_SERVER(the_end_of_what_is_gone_is_dropped),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker between", tests, NULL, NULL);
}
