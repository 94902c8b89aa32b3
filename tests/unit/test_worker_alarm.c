/* SPDX-License-Identifier: MIT */
#include "loop_rig.h"

#include "../../worker/alarm.h"
#include "treadle/clock.h"

/*
 * The alarms of many attempts: each comes once, in order, and none that was
 * cleared.
 */
enum { COUNT = 500 };

static uv_loop_t *loop;
static struct attempt attempts[COUNT];
static struct attempt *heard[COUNT];
static size_t heard_count;

static void on_alarm(struct attempt *a)
{
	must(heard_count < COUNT);
	heard[heard_count++] = a;
	uv_stop(loop); /* else it would wait for what else may come */
}

static void begin(struct rig *rig, struct alarms *s)
{
	uv_loop_init(&rig->loop);
	uv_timer_init(&rig->loop, &rig->limit);
	alarms_start(s, &rig->loop, on_alarm);
	loop = &rig->loop;
	heard_count = 0;
	for (size_t i = 0; i < COUNT; i++)
		attempts[i] = (struct attempt){.alarm_at = ALARM_NONE};
}

static void end(struct rig *rig, struct alarms *s)
{
	alarms_stop(s);
	uv_close((uv_handle_t *)&rig->limit, NULL);
	uv_run(&rig->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig->loop), 0);
}

/* Spread, and as if by chance, but each time the same. */
static int64_t due_of(size_t i)
{
	return clock_monotonic_ms() - 1 - (int64_t)(i * 7919 % 1009);
}

static void they_come_in_order(void **state)
{
	struct alarms s;
	struct rig rig;

	(void)state;
	begin(&rig, &s);
	for (size_t i = 0; i < COUNT; i++)
		alarm_set(&s, &attempts[i], due_of(i));
	run_until(&rig, heard_count == COUNT);
	for (size_t i = 1; i < COUNT; i++)
		assert_true(heard[i - 1]->due_ms <= heard[i]->due_ms);
	end(&rig, &s);
}

static void what_is_cleared_does_not_come(void **state)
{
	struct alarms s;
	struct rig rig;

	(void)state;
	begin(&rig, &s);
	for (size_t i = 0; i < COUNT; i++)
		alarm_set(&s, &attempts[i], due_of(i));
	for (size_t i = 0; i < COUNT; i += 3) {
		alarm_clear(&s, &attempts[i]);
		alarm_clear(&s, &attempts[i]); /* there is none any more */
	}
	run_until(&rig, heard_count == COUNT - (COUNT + 2) / 3);
	for (size_t i = 0; i < heard_count; i++) {
		assert_int_not_equal((heard[i] - attempts) % 3, 0);
		assert_int_equal(heard[i]->alarm_at, ALARM_NONE);
		if (i > 0)
			assert_true(heard[i - 1]->due_ms <= heard[i]->due_ms);
	}
	end(&rig, &s);
}

static void what_is_set_anew_comes_once(void **state)
{
	struct alarms s;
	struct rig rig;

	(void)state;
	begin(&rig, &s);
	alarm_set(&s, &attempts[0], clock_monotonic_ms() + 3600000);
	alarm_set(&s, &attempts[1], clock_monotonic_ms() + 3600000);
	alarm_set(&s, &attempts[0], clock_monotonic_ms());
	run_until(&rig, heard_count == 1);
	assert_ptr_equal(heard[0], &attempts[0]);
	alarm_clear(&s, &attempts[1]);
	end(&rig, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_in_order),
		cmocka_unit_test(what_is_cleared_does_not_come),
		cmocka_unit_test(what_is_set_anew_comes_once),
	};

	return cmocka_run_group_tests_name("worker alarm", tests, NULL, NULL);
}
