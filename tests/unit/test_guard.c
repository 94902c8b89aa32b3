/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../coordinator/guard.c"

#define EPOCH INT64_C(1795322136000)

static const struct guard fresh = {.tolerance_ms = 1000, .silence_ms = 4000};

static void ordinary_readings_are_calm(void **state)
{
	struct guard g = fresh;
	int64_t ms = -1;

	(void)state;
	for (int64_t at = 0; at < 100000; at += 1000) {
		assert_int_equal(guard_check(&g, EPOCH + at, at, at + 2, &ms),
				 GUARD_CALM);
		assert_int_equal(ms, 0);
	}
}

static void a_slow_drift_is_no_jump(void **state)
{
	struct guard g = fresh;
	int64_t ms;

	(void)state;
	/* A clock that gains a tenth, for an hour: 6 minutes in the end. */
	for (int64_t at = 0; at < 3600000; at += 1000)
		assert_int_equal(
			guard_check(&g, EPOCH + at + at / 10, at, at + 1, &ms),
			GUARD_CALM);
}

static void a_jump_is_told_with_its_size(void **state)
{
	struct guard g = fresh;
	int64_t ms;

	(void)state;
	guard_check(&g, EPOCH, 0, 0, &ms);
	assert_int_equal(guard_check(&g, EPOCH + 3601000, 1000, 1000, &ms),
			 GUARD_JUMP);
	assert_int_equal(ms, 3600000);
	/* Told once: from then on the new time is the time. */
	assert_int_equal(guard_check(&g, EPOCH + 3602000, 2000, 2000, &ms),
			 GUARD_CALM);
	assert_int_equal(guard_check(&g, EPOCH + 3000, 3000, 3000, &ms),
			 GUARD_JUMP);
	assert_int_equal(ms, -3600000);
}

static void what_is_within_the_tolerance_is_no_jump(void **state)
{
	struct guard g = fresh;
	int64_t ms;

	(void)state;
	guard_check(&g, EPOCH, 0, 0, &ms);
	assert_int_equal(guard_check(&g, EPOCH + 2000, 1000, 1000, &ms),
			 GUARD_CALM);
	assert_int_equal(guard_check(&g, EPOCH + 4001, 2000, 2000, &ms),
			 GUARD_JUMP);
}

static void a_late_answer_is_silence_and_no_jump(void **state)
{
	struct guard g = fresh;
	int64_t ms;

	(void)state;
	guard_check(&g, EPOCH, 0, 0, &ms);
	/* Asked at 1 s, answered at 61 s, when Redis came back. */
	assert_int_equal(guard_check(&g, EPOCH + 60990, 1000, 61000, &ms),
			 GUARD_SILENT);
	assert_int_equal(ms, 60000);
	assert_int_equal(guard_check(&g, EPOCH + 62000, 62000, 62001, &ms),
			 GUARD_CALM);
}

static void a_jump_behind_a_late_answer_is_found_by_the_next(void **state)
{
	struct guard g = fresh;
	int64_t ms;

	(void)state;
	guard_check(&g, EPOCH, 0, 0, &ms);
	/* So late that it could be either; the bounds of before stay. */
	assert_int_equal(guard_check(&g, EPOCH + 32000, 1000, 61000, &ms),
			 GUARD_SILENT);
	assert_int_equal(guard_check(&g, EPOCH + 33000, 62000, 62001, &ms),
			 GUARD_JUMP);
	assert_int_equal(ms, -29000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_readings_are_calm),
		cmocka_unit_test(a_slow_drift_is_no_jump),
		cmocka_unit_test(a_jump_is_told_with_its_size),
		cmocka_unit_test(what_is_within_the_tolerance_is_no_jump),
		cmocka_unit_test(a_late_answer_is_silence_and_no_jump),
		cmocka_unit_test(
			a_jump_behind_a_late_answer_is_found_by_the_next),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
