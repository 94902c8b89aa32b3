/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/parameters.h"
#include "../../worker/tally.h"

/*
 * Expanded parameters: what fits, what is made to fit, what is refused.
 */

/* Both in JSON; wanted NULL: it is refused, and complaint is in the error. */
static void check(enum step_kind kind, const char *given, const char *wanted,
		  const char *complaint)
{
	struct error err;
	struct buf out;
	jv params;

	assert_int_equal(json_parse(slice_of(given), &params, &err), 0);
	if (wanted) {
		buf_init(&out, 4096);
		assert_int_equal(parameters_fit(kind, &params, &err), 0);
		json_print(params, &out);
		assert_string_equal(out.data, wanted);
		buf_clear(&out);
	} else {
		assert_int_equal(parameters_fit(kind, &params, &err), -1);
		assert_non_null(strstr(err.text, complaint));
	}
	jv_free(params);
}

static void what_fits_stays(void **state)
{
	(void)state;
	check(STEP_pass, "{\"value\":null}", "{\"value\":null}", NULL);
	check(STEP_exec, "{\"command\":[\"a\",\"b\"]}",
	      "{\"command\":[\"a\",\"b\"]}", NULL);
	check(STEP_wait, "{\"for\":\"90s\"}", "{\"for\":\"90s\"}", NULL);
	check(STEP_wait, "{\"until\":1700000000000}",
	      "{\"until\":1700000000000}", NULL);
	check(STEP_http, "{\"size_max\":\"4MiB\",\"url\":\"http://x\"}",
	      "{\"size_max\":\"4MiB\",\"url\":\"http://x\"}", NULL);
}

static void scalars_become_texts(void **state)
{
	(void)state;
	check(STEP_exec, "{\"command\":[\"a\",1,true]}",
	      "{\"command\":[\"a\",\"1\",\"true\"]}", NULL);
	check(STEP_exec, "{\"command\":[\"a\"],\"env\":{\"A\":7,\"B\":null}}",
	      "{\"command\":[\"a\"],\"env\":{\"A\":\"7\"}}", NULL);
}

static void null_leaves_an_optional_one_out(void **state)
{
	(void)state;
	check(STEP_exec, "{\"command\":[\"a\"],\"directory\":null}",
	      "{\"command\":[\"a\"]}", NULL);
	check(STEP_exec, "{\"command\":null}", NULL, "is null");
	check(STEP_exec, "{}", NULL, "\"command\" is missing");
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	check(STEP_exec, "[]", NULL, "must be a map");
	check(STEP_exec, "{\"command\":\"a\"}", NULL, "a list of strings");
	check(STEP_exec, "{\"command\":[[1]]}", NULL, "a list of strings");
	check(STEP_exec, "{\"command\":[1.5]}", NULL, "a list of strings");
	check(STEP_exec, "{\"command\":[\"a\\u0000b\"]}", NULL, "of strings");
	check(STEP_exec, "{\"command\":[\"a\"],\"env\":{\"A\":[]}}", NULL,
	      "a map of strings");
	check(STEP_wait, "{\"for\":\"soon\"}", NULL, "a duration");
	check(STEP_wait, "{\"for\":-1}", NULL, "a duration");
	check(STEP_wait, "{\"until\":\"tomorrow\"}", NULL, "a time");
	check(STEP_http, "{\"url\":\"http://x\",\"accept\":[\"200\"]}", NULL,
	      "a list of whole numbers");
	check(STEP_http, "{\"url\":{}}", NULL, "\"url\" must be a string");
}

static void the_tally_is_taken_once(void **state)
{
	struct counter counters[TALLY_COUNTERS];
	struct tally t = {0};

	(void)state;
	assert_int_equal(tally_take(&t, counters), 0);
	tally_add(&t, STEP_exec, 0.25);
	tally_add(&t, STEP_exec, 1);
	tally_add(&t, STEP_exec, 1.5);
	tally_add(&t, STEP_exec, 1e9);
	assert_int_equal(tally_take(&t, counters), 4);
	assert_string_equal(counters[0].name, "took:exec:1");
	assert_int_equal(counters[0].increment, 2);
	assert_string_equal(counters[1].name, "took:exec:5");
	assert_string_equal(counters[2].name, "took:exec:inf");
	assert_string_equal(counters[3].name, "took_ms:exec");
	assert_int_equal(counters[3].increment, 1000000002);
	assert_int_equal(tally_take(&t, counters), 0);
	/* What was less than a millisecond is not forgotten. */
	tally_add(&t, STEP_exec, 0.5);
	assert_int_equal(tally_take(&t, counters), 2);
	assert_string_equal(counters[1].name, "took_ms:exec");
	assert_int_equal(counters[1].increment, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_stays),
		cmocka_unit_test(scalars_become_texts),
		cmocka_unit_test(null_leaves_an_optional_one_out),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(the_tally_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
