/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define DURATION_MAX_MS (3650 * DAY_MS)
#define TIMESTAMP_MAX_MS INT64_C(253402300799999) /* the end of year 9999 */

/* A unit of durations or sizes, the largest first. */
struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{"d", DAY_MS},    {"h", HOUR_MS}, {"m", MINUTE_MS},
	{"s", SECOND_MS}, {"ms", 1},
};

static const struct unit size_units[] = {
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"G", 1 << 30},
	{"M", 1 << 20},   {"K", 1 << 10},   {"", 1},
};

static int64_t clock_us(clockid_t id)
{
	struct timespec t;

	must(clock_gettime(id, &t) == 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
	return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return clock_us(CLOCK_REALTIME) / 1000;
}

/* Durations */

/* Takes the run of characters of s off s that are, or are not, digits. */
static struct slice cut_run(struct slice *s, bool digits)
{
	struct slice run = {s->data, 0};

	while (run.len < s->len &&
	       (s->data[run.len] >= '0' && s->data[run.len] <= '9') == digits)
		run.len++;
	s->data += run.len;
	s->len -= run.len;
	return run;
}

int duration_parse(struct slice text, int64_t *ms)
{
	int64_t total = 0;
	size_t u = 0;

	if (slice_is(text, "0")) {
		*ms = 0;
		return 0;
	}
	if (!text.len)
		return -1;
	for (; text.len; u++) {
		struct slice digits = cut_run(&text, true);
		struct slice name = cut_run(&text, false);
		int64_t n;

		while (u < countof(duration_units) &&
		       !slice_is(name, duration_units[u].name))
			u++;
		if (u == countof(duration_units) ||
		    slice_int(digits, 0,
			      DURATION_MAX_MS / duration_units[u].factor,
			      &n) < 0)
			return -1;
		total += n * duration_units[u].factor;
		if (total > DURATION_MAX_MS)
			return -1;
	}
	*ms = total;
	return 0;
}

const char *duration_format(int64_t ms, char text[DURATION_TEXT_MAX])
{
	size_t len = 0;

	must(ms >= 0 && ms <= DURATION_MAX_MS);
	snprintf(text, DURATION_TEXT_MAX, "0");
	for (size_t u = 0; u < countof(duration_units); u++) {
		int64_t n = ms / duration_units[u].factor;

		ms %= duration_units[u].factor;
		if (n)
			len += (size_t)snprintf(
				text + len, DURATION_TEXT_MAX - len,
				"%" PRId64 "%s", n, duration_units[u].name);
	}
	return text;
}

const char *duration_human(int64_t ms, char text[DURATION_TEXT_MAX])
{
	const struct unit *u = duration_units;
	int64_t rest;
	size_t len;

	if (ms < SECOND_MS) {
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "ms",
			 ms < 0 ? 0 : ms);
		return text;
	}
	if (ms < MINUTE_MS) {
		snprintf(text, DURATION_TEXT_MAX, "%.3gs",
			 (double)(ms / 100) / 10.0);
		return text;
	}
	while (ms < u->factor)
		u++;
	len = (size_t)snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "%s",
			       ms / u->factor, u->name);
	rest = ms % u->factor / u[1].factor;
	if (rest)
		snprintf(text + len, DURATION_TEXT_MAX - len, " %" PRId64 "%s",
			 rest, u[1].name);
	return text;
}

/* Timestamps */

/* Takes exactly `count` digits off s, within [min, max]. */
static int cut_digits(struct slice *s, size_t count, int min, int max,
		      int *value)
{
	struct slice digits = {s->data, count};
	int64_t n;

	if (s->len < count || digits.data[0] == '-' ||
	    slice_int(digits, min, max, &n) < 0)
		return -1;
	s->data += count;
	s->len -= count;
	*value = (int)n;
	return 0;
}

static int cut_char(struct slice *s, char c)
{
	if (!s->len || s->data[0] != c)
		return -1;
	s->data++;
	s->len--;
	return 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30,
				   31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/* "2026-03-01": gives the days since the epoch. */
static int cut_date(struct slice *s, int64_t *days)
{
	int year, month, day;
	struct tm tm = {0};

	if (cut_digits(s, 4, 1970, 9999, &year) < 0 || cut_char(s, '-') < 0 ||
	    cut_digits(s, 2, 1, 12, &month) < 0 || cut_char(s, '-') < 0 ||
	    cut_digits(s, 2, 1, days_in_month(year, month), &day) < 0)
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	*days = (int64_t)timegm(&tm) * SECOND_MS / DAY_MS;
	return 0;
}

/* "12:00:00", or with a fraction of one to nine digits. */
static int cut_time(struct slice *s, int64_t *ms)
{
	int hour, minute, second, fraction = 0, scale = 100;
	struct slice digits;

	if (cut_digits(s, 2, 0, 23, &hour) < 0 || cut_char(s, ':') < 0 ||
	    cut_digits(s, 2, 0, 59, &minute) < 0 || cut_char(s, ':') < 0 ||
	    cut_digits(s, 2, 0, 59, &second) < 0)
		return -1;
	if (cut_char(s, '.') == 0) {
		digits = cut_run(s, true);
		if (!digits.len || digits.len > 9)
			return -1;
		for (size_t i = 0; i < digits.len && scale; i++, scale /= 10)
			fraction += (digits.data[i] - '0') * scale;
	}
	*ms = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS +
	      fraction;
	return 0;
}

/* "Z", "+01:00", "-05:30": what local time is ahead of UTC. */
static int cut_zone(struct slice *s, int64_t *ms)
{
	int sign = 1, hour, minute;

	*ms = 0;
	if (cut_char(s, 'Z') == 0)
		return 0;
	if (cut_char(s, '-') == 0)
		sign = -1;
	else if (cut_char(s, '+') < 0)
		return -1;
	if (cut_digits(s, 2, 0, 23, &hour) < 0 || cut_char(s, ':') < 0 ||
	    cut_digits(s, 2, 0, 59, &minute) < 0)
		return -1;
	*ms = sign * (hour * HOUR_MS + minute * MINUTE_MS);
	return 0;
}

int timestamp_parse(struct slice text, int64_t *ms)
{
	int64_t days, time, zone, sum;

	if (cut_date(&text, &days) < 0 || cut_char(&text, 'T') < 0 ||
	    cut_time(&text, &time) < 0 || cut_zone(&text, &zone) < 0 ||
	    text.len)
		return -1;
	sum = days * DAY_MS + time - zone;
	if (sum < 0 || sum > TIMESTAMP_MAX_MS)
		return -1;
	*ms = sum;
	return 0;
}

const char *timestamp_format(int64_t ms, char text[TIMESTAMP_TEXT_MAX])
{
	time_t seconds;
	struct tm tm;
	size_t len;

	if (ms < 0)
		ms = 0;
	if (ms > TIMESTAMP_MAX_MS)
		ms = TIMESTAMP_MAX_MS;
	seconds = (time_t)(ms / SECOND_MS);
	gmtime_r(&seconds, &tm);
	len = strftime(text, TIMESTAMP_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, TIMESTAMP_TEXT_MAX - len, ".%03dZ",
		 (int)(ms % SECOND_MS));
	return text;
}

/* Sizes */

int size_parse(struct slice text, int64_t *bytes)
{
	struct slice digits = cut_run(&text, true);
	const struct unit *u = size_units;
	int64_t n;

	while (!slice_is(text, u->name)) {
		if (++u == size_units + countof(size_units))
			return -1;
	}
	if (slice_int(digits, 0, INT64_MAX / u->factor, &n) < 0)
		return -1;
	*bytes = n * u->factor;
	return 0;
}

const char *size_format(int64_t bytes, char text[DURATION_TEXT_MAX])
{
	const struct unit *u = size_units;

	while (u->factor > 1 && (!bytes || bytes % u->factor))
		u++;
	snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "%s", bytes / u->factor,
		 u->name);
	return text;
}
