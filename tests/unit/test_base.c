/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/base.h"

static void an_error_is_set_in_one_line_that_fails(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, ERR_ABSENT, "no run %d", 7), -1);
	assert_int_equal(err.kind, ERR_ABSENT);
	assert_string_equal(err.text, "no run 7");
}

static void an_error_nobody_wants_is_still_a_failure(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, ERR_INPUT, "x"), -1);
	assert_int_equal(error_prefix(NULL, "x"), -1);
}

static void context_is_put_in_front(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, ERR_INPUT, "no such step");
	assert_int_equal(error_prefix(&err, "%s:%d: ", "a.yaml", 7), -1);
	assert_string_equal(err.text, "a.yaml:7: no such step");
	assert_int_equal(err.kind, ERR_INPUT);
}

static void a_text_too_long_is_cut_and_terminated(void **state)
{
	struct error err;
	char *text = xmalloc(2000);

	(void)state;
	memset(text, 'x', 1999);
	text[1999] = '\0';
	error_set(&err, ERR_INPUT, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	error_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	free(text);
}

static void each_kind_has_its_exit_code_and_status(void **state)
{
	(void)state;
	assert_int_equal(error_exit_code(ERR_NONE), 0);
	assert_int_equal(error_exit_code(ERR_UNAVAILABLE), 6);
	assert_int_equal(error_http_status(ERR_CONFLICT), 409);
	assert_string_equal(error_meaning(ERR_ABSENT), "no such thing");
}

static void allocation_of_nothing_can_be_freed(void **state)
{
	void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	free(a);
	free(b);
	free(c);
}

static void copies_end_in_a_nul(void **state)
{
	char *a = xmemdup("a\0b", 3), *b = xasprintf("%s-%d", "x", 1);

	(void)state;
	assert_memory_equal(a, "a\0b", 4);
	assert_string_equal(b, "x-1");
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_set_in_one_line_that_fails),
		cmocka_unit_test(an_error_nobody_wants_is_still_a_failure),
		cmocka_unit_test(context_is_put_in_front),
		cmocka_unit_test(a_text_too_long_is_cut_and_terminated),
		cmocka_unit_test(each_kind_has_its_exit_code_and_status),
		cmocka_unit_test(allocation_of_nothing_can_be_freed),
		cmocka_unit_test(copies_end_in_a_nul),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
