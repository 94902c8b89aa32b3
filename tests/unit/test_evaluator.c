/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "../../worker/evaluator.h"
#include "../../worker/tools.h"

/* An expression, and what was answered. */
struct ask {
	struct formula formula;
	int answers;
	char *value; /* JSON, or NULL */
	char error[512];
};

static uv_loop_t loop;
static struct children *children;
static struct evaluator *evaluator;
static int told; /* answers, of all */

static int set_up_with(int64_t timeout_ms)
{
	assert_int_equal(uv_loop_init(&loop), 0);
	children = children_new(&loop, 0);
	evaluator = evaluator_new(&loop, children, timeout_ms);
	told = 0;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_with(60000);
}

static int set_up_hurried(void **state)
{
	(void)state;
	return set_up_with(1000);
}

static void on_children_stopped(void *arg)
{
	*(bool *)arg = true;
}

static void on_evaluator_stopped(void *arg)
{
	children_stop(children, on_children_stopped, arg);
}

static int tear_down(void **state)
{
	bool is_stopped = false;

	(void)state;
	evaluator_stop(evaluator, on_evaluator_stopped, &is_stopped);
	assert_false(is_stopped);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(is_stopped);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void on_value(void *arg, jv value, const struct error *err)
{
	struct ask *a = arg;
	struct buf text;

	told++;
	a->answers++;
	if (err) {
		assert_false(jv_is_valid(value));
		snprintf(a->error, sizeof(a->error), "%s", err->text);
		return;
	}
	buf_init(&text, 16 << 20);
	assert_int_equal(json_print(value, &text), 0);
	a->value = text.data;
}

static jv parse(const char *json)
{
	jv value;

	assert_int_equal(json_parse(slice_of(json), &value, NULL), 0);
	return value;
}

static void ask(struct ask *a, const char *text, const char *scope)
{
	static uint64_t ids;
	struct error err;

	*a = (struct ask){.formula.id = ++ids};
	a->formula.source = jv_string(text);
	a->formula.template = template_new(a->formula.source, false, &err);
	if (!a->formula.template)
		fail_msg("%s", err.text);
	evaluator_ask(evaluator, &a->formula, parse(scope), on_value, a);
	assert_int_equal(a->answers, 0);
}

static void wait_for(const struct ask *a)
{
	while (!a->answers)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(a->answers, 1);
}

static void clear(struct ask *a)
{
	jv_free(a->formula.source);
	template_free(a->formula.template);
	free(a->value);
}

static void gives(const char *text, const char *scope, const char *expected)
{
	struct ask a;

	ask(&a, text, scope);
	wait_for(&a);
	if (!a.value)
		fail_msg("%s", a.error);
	assert_string_equal(a.value, expected);
	clear(&a);
}

static void complains(const char *text, const char *complaint)
{
	struct ask a;

	ask(&a, text, "{}");
	wait_for(&a);
	assert_null(a.value);
	if (!strstr(a.error, complaint))
		fail_msg("%s", a.error);
	clear(&a);
}

static void paths_are_looked_up_here(void **state)
{
	(void)state;
	gives("${.input.a}", "{\"input\":{\"a\":[1,2]}}", "[1,2]");
	gives("a ${.input.b} c", "{\"input\":{\"b\":3}}", "\"a 3 c\"");
}

static void programs_are_run_by_the_child(void **state)
{
	(void)state;
	gives("${.input | map(. * 2)}", "{\"input\":[1,2,3]}", "[2,4,6]");
	gives("${.input + 1}", "{\"input\":1.5}", "2.5");
	gives("${.input | length}", "{\"input\":\"h\\u00e9\\u0000\"}", "3");
}

static void errors_come_back(void **state)
{
	(void)state;
	complains("${.input | error(\"no\")}", "no");
	complains("${1 | keys}", "number (1) has no keys");
}

static void large_values_pass(void **state)
{
	struct ask a;

	(void)state;
	ask(&a, "${[range(100000)] | [., .]}", "{}");
	wait_for(&a);
	assert_non_null(a.value);
	assert_true(strlen(a.value) > 1000000);
	clear(&a);
}

static void answers_come_in_order(void **state)
{
	static struct ask asks[100];
	char expected[16];

	(void)state;
	for (size_t i = 0; i < countof(asks); i++) {
		char text[64];

		snprintf(text, sizeof(text), "${.input + %zu}", i);
		ask(&asks[i], text, "{\"input\":1000}");
	}
	for (size_t i = 0; i < countof(asks); i++) {
		wait_for(&asks[i]);
		snprintf(expected, sizeof(expected), "%zu", i + 1000);
		assert_string_equal(asks[i].value, expected);
		clear(&asks[i]);
	}
	assert_int_equal(told, countof(asks));
}

static void what_takes_too_long_is_ended(void **state)
{
	struct ask endless, next, last;

	(void)state;
	ask(&endless, "${last(range(1e15))}", "{}");
	ask(&next, "${1 + 1}", "{}");
	ask(&last, "${1 + 2}", "{}");
	wait_for(&last);
	assert_int_equal(endless.answers, 1);
	assert_non_null(
		strstr(endless.error, "the expression took longer than 1s"));
	assert_string_equal(next.value, "2");
	assert_string_equal(last.value, "3");
	clear(&endless);
	clear(&next);
	clear(&last);
}

static void what_eats_memory_is_ended(void **state)
{
	struct ask hungry, next;

	(void)state;
	ask(&hungry, "${[range(1e9)] | length}", "{}");
	ask(&next, "${1 + 1}", "{}");
	wait_for(&next);
	assert_null(hungry.value);
	/* With a sanitizer there is no limit of memory, only one of time. */
	assert_true(strstr(hungry.error, "more memory than allowed") ||
		    strstr(hungry.error, "took longer"));
	assert_string_equal(next.value, "2");
	clear(&hungry);
	clear(&next);
}

/* The evaluator's child, and the warden. */
static int kill_children(void)
{
	char path[64], line[256] = "", *rest = line;
	int count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	f = fopen(path, "r");
	assert_non_null(f);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	for (long pid; (pid = strtol(rest, &rest, 10)) > 1; count++)
		kill((pid_t)pid, SIGKILL);
	return count;
}

static void a_child_that_died_is_replaced(void **state)
{
	struct ask a;

	(void)state;
	gives("${1 + 1}", "{}", "2");
	assert_int_equal(kill_children(), 2);
	gives("${1 + 2}", "{}", "3");
	/* One that was at work: the expression is not to blame. */
	ask(&a, "${1 + 3}", "{}");
	assert_true(kill_children() >= 1);
	wait_for(&a);
	assert_string_equal(a.value, "4");
	clear(&a);
}

static char *find_secret(void *arg, const char *name, struct error *err)
{
	(void)arg;
	(void)err;
	return xasprintf("the %s", name);
}

static void marks_of_secrets_come_back(void **state)
{
	struct ask a;
	jv value;

	(void)state;
	ask(&a, "${.input | length}: ${secret:KEY}", "{\"input\":[1]}");
	wait_for(&a);
	value = parse(a.value);
	assert_int_equal(template_reveal(&value, find_secret, NULL, NULL), 0);
	assert_string_equal(jv_string_value(value), "1: the KEY");
	jv_free(value);
	clear(&a);
}

static struct ask unanswered;

static void those_that_wait_are_told_of_the_end(void **state)
{
	(void)state;
	ask(&unanswered, "${last(range(1e15))}", "{}");
}

static int tear_down_unanswered(void **state)
{
	tear_down(state);
	assert_int_equal(unanswered.answers, 1);
	assert_string_equal(unanswered.error, "the worker stops");
	clear(&unanswered);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_looked_up_here),
		TEST(programs_are_run_by_the_child),
		TEST(errors_come_back),
		TEST(large_values_pass),
		TEST(answers_come_in_order),
		cmocka_unit_test_setup_teardown(what_takes_too_long_is_ended,
						set_up_hurried, tear_down),
		cmocka_unit_test_setup_teardown(what_eats_memory_is_ended,
						set_up_hurried, tear_down),
		TEST(a_child_that_died_is_replaced),
		TEST(marks_of_secrets_come_back),
		cmocka_unit_test_setup_teardown(
			those_that_wait_are_told_of_the_end, set_up,
			tear_down_unanswered),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
