/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <math.h>
#include <stdio.h>

#include "treadle/clock.h"

#define SECOND INT64_C(1000)
#define DAY (24 * 3600 * SECOND)

struct settings settings_default(void)
{
	return (struct settings){
		.queue = "default",
		.timeout_ms = 5 * 60 * SECOND,
		.recoveries_max = 3,
		.retry = retry_default(),
	};
}

/* --- values -------------------------------------------------------------- */

int settings_duration(struct spot s, const char *what, const char *key,
		      int64_t min_ms, int64_t max_ms, int64_t *ms,
		      struct error *err)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
	int64_t read;

	if (spot_is_absent(s))
		return 0;
	if (jv_get_kind(s.value) == JV_KIND_NUMBER &&
	    jv_number_value(s.value) != 0)
		return spot_complain(s, err,
				     "%s%s is a number without a unit: write "
				     "%gs for seconds",
				     what, key, jv_number_value(s.value));
	jv text = value_is_text(s.value) ? jv_copy(s.value) : jv_string("?");
	int result = duration_parse(jv_get_kind(s.value) == JV_KIND_NUMBER
					    ? SLICE("0")
					    : value_text(text),
				    &read);
	jv_free(text);
	if (result != 0)
		return spot_complain(s, err,
				     "%s%s must be a duration such as \"30s\" "
				     "or \"1h30m\"",
				     what, key);
	if (read < min_ms || read > max_ms)
		return spot_complain(s, err, "%s%s must be from %s to %s", what,
				     key, duration_format(min_ms, least),
				     duration_format(max_ms, most));
	*ms = read;
	return 0;
}

static int read_number(struct spot s, const char *what, const char *key,
		       double min, double max, double *number,
		       struct error *err)
{
	if (spot_is_absent(s))
		return 0;
	double value = jv_get_kind(s.value) == JV_KIND_NUMBER
			       ? jv_number_value(s.value)
			       : NAN;
	if (!(value >= min && value <= max))
		return spot_complain(s, err,
				     "%s%s must be a number from %g to %g",
				     what, key, min, max);
	*number = value;
	return 0;
}

static int read_count(struct spot s, const char *what, const char *key, int min,
		      int max, int *count, struct error *err)
{
	double number = *count;

	if (read_number(s, what, key, min, max, &number, err) != 0)
		return -1;
	if (number != floor(number))
		return spot_complain(s, err, "%s%s must be a whole number",
				     what, key);
	*count = (int)number;
	return 0;
}

/* --- retry --------------------------------------------------------------- */

/* These end a run or a step for good; no policy is asked. */
static bool is_final(int class)
{
	return class == FAILURE_WORKER_LOST || class == FAILURE_DEADLINE ||
	       class == FAILURE_CANCELLED;
}

static int read_class(struct spot s, const char *what, uint32_t *classes,
		      struct error *err)
{
	const char *names[FAILURE_COUNT];
	size_t count = 0;

	if (!spot_is(s, JV_KIND_STRING, "a failure class", err))
		return -1;
	int class = failure_find(value_text(s.value));
	if (class >= 0 && !is_final(class)) {
		*classes |= 1u << class;
		return 0;
	}
	const char *text = jv_string_value(s.value);
	if (class >= 0)
		return spot_complain(s, err,
				     "%sretry.on: \"%s\" is final and never "
				     "tried again: remove it",
				     what, text);
	for (int i = 0; i < FAILURE_COUNT; i++)
		if (!is_final(i))
			names[count++] = failure_text((enum failure_class)i);
	const char *nearest = text_nearest(text, names, count);
	if (nearest)
		return spot_complain(s, err,
				     "%sretry.on: \"%.64s\" is no failure "
				     "class; did you mean \"%s\"?",
				     what, text, nearest);
	return spot_complain(s, err,
			     "%sretry.on: \"%.64s\" is no failure class such "
			     "as \"%s\"; docs/WORKFLOWS.md lists them",
			     what, text, failure_text(FAILURE_TIMEOUT));
}

static int read_classes(struct spot s, const char *what, uint32_t *classes,
			struct error *err)
{
	char at[128];

	if (spot_is_absent(s))
		return 0;
	snprintf(at, sizeof(at), "%sretry.on", what);
	if (!spot_is(s, JV_KIND_ARRAY, at, err))
		return -1;
	*classes = 0;
	int count = jv_array_length(jv_copy(s.value));
	for (int i = 0; i < count; i++)
		if (read_class(spot_at(s, i), what, classes, err) != 0)
			return -1;
	return 0;
}

static int read_retry(struct spot s, const char *what, struct retry_policy *p,
		      struct error *err)
{
	static const char *const keys[] = {"attempts",  "delay",  "factor",
					   "max_delay", "jitter", "on"};
	char at[128];

	if (spot_is_absent(s))
		return 0;
	snprintf(at, sizeof(at), "%sretry", what);
	if (!spot_is(s, JV_KIND_OBJECT, at, err))
		return -1;
	snprintf(at, sizeof(at), "%sretry: ", what);
	if (spot_check_keys(s, at, keys, countof(keys), err) != 0)
		return -1;
	if (read_count(spot_get(s, "attempts"), what, "retry.attempts", 1, 100,
		       &p->attempts_max, err) != 0 ||
	    settings_duration(spot_get(s, "delay"), what, "retry.delay", 0, DAY,
			      &p->delay_ms, err) != 0 ||
	    settings_duration(spot_get(s, "max_delay"), what, "retry.max_delay",
			      0, 7 * DAY, &p->delay_max_ms, err) != 0 ||
	    read_number(spot_get(s, "factor"), what, "retry.factor", 1, 100,
			&p->factor, err) != 0 ||
	    read_number(spot_get(s, "jitter"), what, "retry.jitter", 0, 1,
			&p->jitter, err) != 0)
		return -1;
	return read_classes(spot_get(s, "on"), what, &p->classes, err);
}

int settings_read(struct settings *s, struct spot map, const char *what,
		  struct error *err)
{
	struct spot queue = spot_get(map, "queue");

	if (!spot_is_absent(queue)) {
		if (!value_is_text(queue.value) ||
		    !text_is_name(value_text(queue.value)))
			return spot_complain(queue, err,
					     "%squeue must be a name: 1 to 64 "
					     "of [a-z0-9_-], the first a "
					     "letter or digit",
					     what);
		s->queue = jv_string_value(queue.value);
	}
	if (settings_duration(spot_get(map, "timeout"), what, "timeout", 1,
			      30 * DAY, &s->timeout_ms, err) != 0 ||
	    read_count(spot_get(map, "recoveries"), what, "recoveries", 0, 100,
		       &s->recoveries_max, err) != 0)
		return -1;
	return read_retry(spot_get(map, "retry"), what, &s->retry, err);
}

/* --- stored form --------------------------------------------------------- */

static jv print_retry(const struct retry_policy *p)
{
	jv classes = jv_array();

	for (int i = 0; i < FAILURE_COUNT; i++)
		if (p->classes & 1u << i)
			classes = jv_array_append(
				classes,
				jv_string(failure_text((enum failure_class)i)));
	return JV_OBJECT(
		jv_string("attempts"), jv_number(p->attempts_max),
		jv_string("delay"), jv_number((double)p->delay_ms),
		jv_string("factor"), jv_number(p->factor), jv_string("jitter"),
		jv_number(p->jitter), jv_string("max_delay"),
		jv_number((double)p->delay_max_ms), jv_string("on"), classes);
}

jv settings_print(const struct settings *s, jv step)
{
	step = jv_object_set(step, jv_string("queue"), jv_string(s->queue));
	step = jv_object_set(step, jv_string("timeout"),
			     jv_number((double)s->timeout_ms));
	step = jv_object_set(step, jv_string("recoveries"),
			     jv_number(s->recoveries_max));
	return jv_object_set(step, jv_string("retry"), print_retry(&s->retry));
}

/* A whole number of the stored form, within [min, max]. */
static int parse_whole(struct spot map, const char *key, int64_t min,
		       int64_t max, int64_t *number, struct error *err)
{
	jv value = spot_get(map, key).value;

	if (!value_is_whole(value) || jv_number_value(value) < (double)min ||
	    jv_number_value(value) > (double)max)
		return error_set(err, ERR_INPUT, "\"%s\" is out of range", key);
	*number = (int64_t)jv_number_value(value);
	return 0;
}

static int parse_retry(struct spot s, struct retry_policy *p, struct error *err)
{
	int64_t attempts;

	*p = (struct retry_policy){.factor = -1, .jitter = -1};
	if (parse_whole(s, "attempts", 1, 100, &attempts, err) != 0 ||
	    parse_whole(s, "delay", 0, DAY, &p->delay_ms, err) != 0 ||
	    parse_whole(s, "max_delay", 0, 7 * DAY, &p->delay_max_ms, err) !=
		    0 ||
	    read_number(spot_get(s, "factor"), "", "factor", 1, 100, &p->factor,
			err) != 0 ||
	    read_number(spot_get(s, "jitter"), "", "jitter", 0, 1, &p->jitter,
			err) != 0)
		return -1;
	p->attempts_max = (int)attempts;
	if (p->factor < 0 || p->jitter < 0)
		return error_set(err, ERR_INPUT, "retry is incomplete");
	return read_classes(spot_get(s, "on"), "", &p->classes, err);
}

int settings_parse(struct settings *s, jv step, struct error *err)
{
	struct spot map = {.value = step, .place = jv_invalid()};
	struct spot queue = spot_get(map, "queue");
	struct spot retry = spot_get(map, "retry");
	int64_t recoveries;

	if (!value_is_text(queue.value) ||
	    !text_is_name(value_text(queue.value)))
		return error_set(err, ERR_INPUT, "\"queue\" is not a name");
	s->queue = jv_string_value(queue.value);
	if (parse_whole(map, "timeout", 1, 30 * DAY, &s->timeout_ms, err) !=
		    0 ||
	    parse_whole(map, "recoveries", 0, 100, &recoveries, err) != 0)
		return -1;
	s->recoveries_max = (int)recoveries;
	return parse_retry(retry, &s->retry, err);
}
