/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

#include "treadle/workflow_link.h"

/*
 * The kinds that only Redis hears of: lists of items, workflows that are
 * performed, waits. What they do where Redis refuses, or they are stopped.
 */
static bool is_begun(const struct attempt *a)
{
	return a->state == ATTEMPT_STARTED;
}

/* --- items ------------------------------------------------------------------
 */

static const char items[] = "name: items\n"
			    "steps:\n"
			    "  a: {for_each: [1, 2], pass: {value: 1}}\n";

static void items_that_are_refused_are_begun_later(void **state)
{
	char run[1][RUN_ID_LEN + 1], key[64];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	refuse(&p, "expand");
	w = submit(&p, items, small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "delayed");
	snprintf(key, sizeof(key), "log:%s", run[0]);
	look(&p, &a, key, "a/1");
	assert_int_equal(a.type, REPLY_NIL); /* that is no failure */
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void items_that_are_not_kept_fail_their_step(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	answer_to(&p, "expand", "return 'GONE'");
	w = submit(&p, items, small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "delayed");
	assert_failed(&p, run[0], "a", "transient", "expand answers GONE");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void who_is_stopped_while_items_are_kept_does_it_again(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, items, small, run, 1);
	hire(&p, "default");
	attempt_stop(until_attempt(&p, is_begun), STOP_DRAIN, false);
	until_step(&p, run[0], "a", "done 1");
	look(&p, &a, "counters", "releases");
	assert_string_equal(a.text, "1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* Seven of 100 KB are more than a call is for. */
static void large_items_are_kept_in_several_calls(void **state)
{
	char run[1][RUN_ID_LEN + 1], key[64];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: large\n"
		   "steps:\n"
		   "  a:\n"
		   "    for_each: \"${[range(7) | \\\"x\\\" * 100000]}\"\n"
		   "    pass: {value: \"${.item | length}\"}\n",
		   small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "done 1");
	snprintf(key, sizeof(key), "run:%s", run[0]);
	look(&p, &a, key, "items:a");
	assert_string_equal(a.text, "7 7 7 0");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* --- workflows ---------------------------------------------------------------
 */

/* A run of a workflow that performs another one with input .n; gives that. */
static struct workflow *submit_parent(struct plant *p, const char *input,
				      char (*run)[RUN_ID_LEN + 1])
{
	char *yaml = xasprintf("name: parent\n"
			       "steps:\n"
			       "  a: {workflow: child%s}\n",
			       input);
	struct workflow *child, *parent, *linked;
	const char *digests[1];
	struct error err;

	must(workflow_parse(SLICE("name: child\n"
				  "steps:\n"
				  "  c: {pass: {value: 1}}\n"),
			    "child.yaml", &child, &err) == 0);
	must(workflow_parse(slice_of(yaml), "parent.yaml", &parent, &err) == 0);
	digests[0] = child->digest;
	must(workflow_link(parent, digests, &linked, &err) == 0);
	p->calls = 0;
	store_define(p->shop.store, child, -1, on_defined, p);
	run_until(p->shop.rig, p->calls == 1);
	submit_all(p, linked, small, run, 1);
	workflow_free(linked);
	workflow_free(parent);
	free(yaml);
	return child;
}

static void a_workflow_may_be_given_nothing(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	workflow_free(submit_parent(&p, "", run));
	until_step(&p, run[0], "a", "done 1");
	workflow_free(submit_parent(&p, ", input: \"${.input.none}\"", run));
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void without_its_workflow_a_step_fails(void **state)
{
	char run[1][RUN_ID_LEN + 1], words[160];
	struct workflow *child;
	struct plant p;

	plant_open(&p, *state);
	child = submit_parent(&p, "", run);
	write_field(&p, "def", child->digest, "canonical", SLICE("?"));
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "unsupported", "workflow child: ");
	workflow_free(child);
	child = submit_parent(&p, ", input: {}", run);
	snprintf(words, sizeof(words), "HDEL treadle:{0}:def:%s canonical",
		 child->digest);
	shop_say(&p.shop, words);
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "unsupported", "not stored any more");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(child);
	plant_close(&p);
}

/* Its own definition is known, that of the other one can't be had. */
static void without_an_answer_it_is_tried_again(void **state)
{
	char run[1][RUN_ID_LEN + 1], *lua;
	struct workflow *child;
	struct plant p;

	plant_open(&p, *state);
	child = submit_parent(&p, "", run);
	lua = xasprintf("local p, args, body = ...\n"
			"if args[1] == '%s' then\n"
			"  return {err = 'MOVED 7 127.0.0.1:1'}\n"
			"end\n"
			"return body(p, args)",
			child->digest);
	answer_to(&p, "definition", lua);
	free(lua);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "transient", "redis at");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(child);
	plant_close(&p);
}

static void who_is_stopped_while_it_asks_does_it_again(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	workflow_free(submit_parent(&p, "", run));
	hire(&p, "default");
	attempt_stop(until_attempt(&p, is_begun), STOP_DRAIN, false);
	until_step(&p, run[0], "a", "done 1");
	look(&p, &a, "counters", "releases");
	assert_string_equal(a.text, "1");
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void what_its_run_has_left_may_be_damaged(void **state)
{
	static const struct slice memo = SLICE("\x81\xa7"
					       "attempt\x01");
	char run[1][RUN_ID_LEN + 1];
	struct workflow *child;
	struct plant p;

	plant_open(&p, *state);
	child = submit_parent(&p, "", run);
	leave_memo(&p, run[0], memo);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "error", "");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(child);
	plant_close(&p);
}

/* --- waits ------------------------------------------------------------------
 */

static void a_long_prompt_is_cut_between_characters(void **state)
{
	static const char around[] = "{\"signal\":\"go\",\"prompt\":\"\"}";
	char run[1][RUN_ID_LEN + 1], key[64];
	struct workflow *w;
	struct answer a;
	struct plant p;
	struct buf yaml;

	buf_init(&yaml, 1 << 16);
	buf_addf(&yaml, "name: asks\n"
			"steps:\n"
			"  a: {wait: {signal: go, prompt: \"x");
	for (int i = 0; i < 600; i++)
		buf_addf(&yaml, "é");
	buf_addf(&yaml, "\"}}\n");
	plant_open(&p, *state);
	w = submit(&p, yaml.data, small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "parked");
	snprintf(key, sizeof(key), "run:%s", run[0]);
	look(&p, &a, key, "waits:a");
	assert_int_equal(a.len, strlen(around) + 999); /* 1000 at most */
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
	buf_clear(&yaml);
}

static void a_span_may_be_milliseconds(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: waits\n"
		   "steps:\n"
		   "  a: {wait: {for: \"${.input.n * 3600000}\"}}\n"
		   "  b: {wait: {until: \"${.input.n * 1000}\"}}\n",
		   small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "delayed");
	until_step(&p, run[0], "b", "done 1"); /* it is past */
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(items_that_are_refused_are_begun_later),
		WITH_SERVER(items_that_are_not_kept_fail_their_step),
		WITH_SERVER(who_is_stopped_while_items_are_kept_does_it_again),
		WITH_SERVER(large_items_are_kept_in_several_calls),
		WITH_SERVER(a_workflow_may_be_given_nothing),
		WITH_SERVER(without_its_workflow_a_step_fails),
		WITH_SERVER(without_an_answer_it_is_tried_again),
		WITH_SERVER(who_is_stopped_while_it_asks_does_it_again),
		WITH_SERVER(what_its_run_has_left_may_be_damaged),
		WITH_SERVER(a_long_prompt_is_cut_between_characters),
		WITH_SERVER(a_span_may_be_milliseconds),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker kinds", tests, NULL, NULL);
}
