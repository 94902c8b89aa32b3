/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/clock.h"

#define DAY (INT64_C(86400) * 1000)

static void durations_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} table[] = {
		{"0", 0},           {"250ms", 250},        {"30s", 30000},
		{"5m", 300000},     {"1h30m", 5400000},    {"7d", 7 * DAY},
		{"1m1s1ms", 61001}, {"3650d", 3650 * DAY},
	};
	char text[DURATION_TEXT_MAX];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(table); i++) {
		assert_int_equal(duration_parse(slice_of(table[i].text), &ms),
				 0);
		assert_true(ms == table[i].ms);
		assert_string_equal(duration_format(ms, text), table[i].text);
	}
	assert_int_equal(duration_parse(SLICE("90m"), &ms), 0);
	assert_string_equal(duration_format(ms, text), "1h30m");
}

static void what_is_no_duration_is_refused(void **state)
{
	const char *bad[] = {"",
			     "5",
			     "m",
			     "1.5h",
			     "-1s",
			     "1 s",
			     "1s1h",
			     "1s 1ms",
			     "1s1s",
			     "1w",
			     "3651d",
			     "3650d1ms",
			     "99999999999999999999s",
			     "1h30"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(duration_parse(slice_of(bad[i]), &ms), -1);
}

static void people_read_two_units_at_the_most(void **state)
{
	char text[DURATION_TEXT_MAX];

	(void)state;
	assert_string_equal(duration_human(-5, text), "0ms");
	assert_string_equal(duration_human(350, text), "350ms");
	assert_string_equal(duration_human(4000, text), "4s");
	assert_string_equal(duration_human(4249, text), "4.2s");
	assert_string_equal(duration_human(59999, text), "59.9s");
	assert_string_equal(duration_human(185999, text), "3m 5s");
	assert_string_equal(duration_human(7200000, text), "2h");
	assert_string_equal(duration_human(2 * DAY + 4 * DAY / 24 + 1, text),
			    "2d 4h");
}

static void timestamps_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} table[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-03-01T12:00:00Z", 1772366400000},
		{"2026-03-01T12:00:00.25Z", 1772366400250},
		{"2026-03-01T12:00:00.123456789Z", 1772366400123},
		{"2026-03-01T12:00:00+01:00", 1772362800000},
		{"2026-03-01T06:30:00-05:30", 1772366400000},
		{"2024-02-29T00:00:00Z", 1709164800000},
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(table); i++) {
		assert_int_equal(timestamp_parse(slice_of(table[i].text), &ms),
				 0);
		assert_true(ms == table[i].ms);
	}
}

static void what_is_no_timestamp_is_refused(void **state)
{
	const char *bad[] = {
		"",
		"2026-03-01",
		"2026-03-01T12:00:00",
		"2026-03-01 12:00:00Z",
		"2026-3-1T12:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-03-01T24:00:00Z",
		"2026-03-01T12:60:00Z",
		"2026-03-01T12:00:00.Z",
		"2026-03-01T12:00:00+1",
		"2026-03-01T12:00:00Zx",
		"-026-03-01T12:00:00Z",
		"1970-01-01T00:00:00+01:00",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(timestamp_parse(slice_of(bad[i]), &ms), -1);
}

static void timestamps_are_written_in_utc(void **state)
{
	char text[TIMESTAMP_TEXT_MAX];

	(void)state;
	assert_string_equal(timestamp_format(1772366400250, text),
			    "2026-03-01T12:00:00.250Z");
	assert_string_equal(timestamp_format(-1, text),
			    "1970-01-01T00:00:00.000Z");
	assert_string_equal(timestamp_format(INT64_MAX, text),
			    "9999-12-31T23:59:59.999Z");
}

static void sizes_are_read_and_written(void **state)
{
	char text[DURATION_TEXT_MAX];
	int64_t n;

	(void)state;
	assert_int_equal(size_parse(SLICE("4096"), &n), 0);
	assert_string_equal(size_format(n, text), "4KiB");
	assert_int_equal(size_parse(SLICE("64M"), &n), 0);
	assert_string_equal(size_format(n, text), "64MiB");
	assert_int_equal(size_parse(SLICE("1GiB"), &n), 0);
	assert_true(n == 1 << 30);
	assert_string_equal(size_format(1025, text), "1025");
	assert_string_equal(size_format(0, text), "0");
	assert_int_equal(size_parse(SLICE("9223372036854775807K"), &n), -1);
	assert_int_equal(size_parse(SLICE("1.5K"), &n), -1);
	assert_int_equal(size_parse(SLICE("KiB"), &n), -1);
	assert_int_equal(size_parse(SLICE("-1"), &n), -1);
	assert_int_equal(size_parse(SLICE("1 K"), &n), -1);
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
	int64_t before = clock_monotonic_us();

	(void)state;
	assert_true(clock_monotonic_us() >= before);
	assert_true(clock_monotonic_ms() >= before / 1000);
	assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_and_written),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(people_read_two_units_at_the_most),
		cmocka_unit_test(timestamps_are_read),
		cmocka_unit_test(what_is_no_timestamp_is_refused),
		cmocka_unit_test(timestamps_are_written_in_utc),
		cmocka_unit_test(sizes_are_read_and_written),
		cmocka_unit_test(the_monotonic_clock_does_not_go_back),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
