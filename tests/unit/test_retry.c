/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "treadle/retry.h"

static const struct failure timeout = {.class = FAILURE_TIMEOUT,
				       .retry_after_ms = -1};

static void classes_are_found_by_their_text(void **state)
{
	(void)state;
	for (int i = 0; i < FAILURE_COUNT; i++) {
		const char *text = failure_text((enum failure_class)i);
		assert_int_equal(failure_find(slice_of(text)), i);
	}
	assert_int_equal(failure_find(SLICE("timeou")), -1);
	assert_int_equal(failure_find(SLICE("")), -1);
}

static void the_default_tries_three_times(void **state)
{
	struct retry_policy p = retry_default();

	(void)state;
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 1.0), 1000);
	assert_int_equal(retry_delay_ms(&p, &timeout, 2, 1.0), 2000);
	assert_int_equal(retry_delay_ms(&p, &timeout, 3, 1.0), -1);
}

static void jitter_draws_a_part_of_the_delay(void **state)
{
	struct retry_policy p = retry_default();

	(void)state;
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 0.0), 500);
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 0.5), 750);
	p.jitter = 0;
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 0.0), 1000);
	p.jitter = 1;
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 0.0), 0);
}

static void delays_grow_up_to_their_limit(void **state)
{
	struct retry_policy p = retry_default();

	(void)state;
	p.attempts_max = 100;
	p.jitter = 0;
	assert_int_equal(retry_delay_ms(&p, &timeout, 5, 0), 16000);
	assert_int_equal(retry_delay_ms(&p, &timeout, 20, 0), 300000);
	p.factor = 100;
	assert_int_equal(retry_delay_ms(&p, &timeout, 99, 0), 300000);
	p.delay_max_ms = 0;
	assert_int_equal(retry_delay_ms(&p, &timeout, 1, 0), 0);
}

static void a_final_class_is_never_tried_again(void **state)
{
	struct retry_policy p = retry_default();
	struct failure f = {.class = FAILURE_REJECTED, .retry_after_ms = 10};

	(void)state;
	assert_int_equal(retry_delay_ms(&p, &f, 1, 0), -1);
	p.classes |= 1u << FAILURE_REJECTED;
	assert_true(retry_delay_ms(&p, &f, 1, 0) >= 0);
}

static void the_other_side_may_ask_for_more(void **state)
{
	struct retry_policy p = retry_default();
	struct failure f = {.class = FAILURE_THROTTLED,
			    .retry_after_ms = 60000};

	(void)state;
	assert_int_equal(retry_delay_ms(&p, &f, 1, 0.5), 60000);
	f.retry_after_ms = 1;
	assert_int_equal(retry_delay_ms(&p, &f, 1, 0.5), 750);
	f.retry_after_ms = 60000;
	assert_int_equal(retry_delay_ms(&p, &f, 3, 0.5), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_found_by_their_text),
		cmocka_unit_test(the_default_tries_three_times),
		cmocka_unit_test(jitter_draws_a_part_of_the_delay),
		cmocka_unit_test(delays_grow_up_to_their_limit),
		cmocka_unit_test(a_final_class_is_never_tried_again),
		cmocka_unit_test(the_other_side_may_ask_for_more),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
