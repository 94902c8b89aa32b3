/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <stdio.h>

#include "form.h"

#define SECOND INT64_C(1000)
#define DAY (24 * 3600 * SECOND)
#define TIMEOUT_MAX (30 * DAY)
#define DELAY_MAX DAY
#define DELAY_LIMIT_MAX (7 * DAY)
#define ATTEMPTS_MAX 100
#define RECOVERIES_MAX 100

struct settings settings_default(void)
{
	return (struct settings){
		.queue = "default",
		.timeout_ms = 5 * 60 * SECOND,
		.recoveries_max = 3,
		.retry = retry_default(),
	};
}

/* --- retry --------------------------------------------------------------- */

/* These end a run or a step for good; no policy is asked. */
static bool is_final(int class)
{
	return class == FAILURE_EXHAUSTED || class == FAILURE_WORKER_LOST ||
	       class == FAILURE_DEADLINE || class == FAILURE_CANCELLED;
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
	struct form f = {.map = s, .what = at, .err = err};
	int64_t attempts = p->attempts_max;

	if (spot_is_absent(s))
		return 0;
	snprintf(at, sizeof(at), "%sretry", what);
	if (!spot_is(s, JV_KIND_OBJECT, at, err))
		return -1;
	snprintf(at, sizeof(at), "%sretry: ", what);
	if (spot_check_keys(s, at, keys, countof(keys), err) != 0)
		return -1;
	snprintf(at, sizeof(at), "%sretry.", what);
	if (form_whole(&f, "attempts", 1, ATTEMPTS_MAX, &attempts) != 0 ||
	    form_duration(&f, "delay", 0, DELAY_MAX, &p->delay_ms) != 0 ||
	    form_duration(&f, "max_delay", 0, DELAY_LIMIT_MAX,
			  &p->delay_max_ms) != 0 ||
	    form_number(&f, "factor", 1, 100, &p->factor) != 0 ||
	    form_number(&f, "jitter", 0, 1, &p->jitter) != 0)
		return -1;
	p->attempts_max = (int)attempts;
	return read_classes(spot_get(s, "on"), what, &p->classes, err);
}

int settings_read(struct settings *s, struct spot map, const char *what,
		  struct error *err)
{
	struct form f = {.map = map, .what = what, .err = err};
	struct spot queue = spot_get(map, "queue");
	int64_t recoveries = s->recoveries_max;

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
	if (form_duration(&f, "timeout", 1, TIMEOUT_MAX, &s->timeout_ms) != 0 ||
	    form_whole(&f, "recoveries", 0, RECOVERIES_MAX, &recoveries) != 0)
		return -1;
	s->recoveries_max = (int)recoveries;
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

/*
 * Reading it: where the member is absent, the value before stays, which is
 * none that fits.
 */
static int parse_whole(const struct form *f, const char *key, int64_t min,
		       int64_t max, int64_t *whole)
{
	*whole = -1;
	if (form_whole(f, key, min, max, whole) != 0)
		return -1;
	return *whole < 0 ? error_set(f->err, ERR_INPUT, "has no \"%s\"", key)
			  : 0;
}

static int parse_retry(struct spot s, struct retry_policy *p, struct error *err)
{
	struct form f = {.map = s, .what = "retry.", .err = err};
	int64_t attempts;

	*p = (struct retry_policy){.factor = -1, .jitter = -1};
	if (parse_whole(&f, "attempts", 1, ATTEMPTS_MAX, &attempts) != 0 ||
	    parse_whole(&f, "delay", 0, DELAY_MAX, &p->delay_ms) != 0 ||
	    parse_whole(&f, "max_delay", 0, DELAY_LIMIT_MAX,
			&p->delay_max_ms) != 0 ||
	    form_number(&f, "factor", 1, 100, &p->factor) != 0 ||
	    form_number(&f, "jitter", 0, 1, &p->jitter) != 0)
		return -1;
	p->attempts_max = (int)attempts;
	if (p->factor < 0 || p->jitter < 0)
		return error_set(err, ERR_INPUT, "retry is incomplete");
	return read_classes(spot_get(s, "on"), "", &p->classes, err);
}

int settings_parse(struct settings *s, jv step, struct error *err)
{
	struct spot map = {.value = step, .place = jv_invalid()};
	struct form f = {.map = map, .what = "", .err = err};
	struct spot queue = spot_get(map, "queue");
	int64_t recoveries;

	if (!value_is_text(queue.value) ||
	    !text_is_name(value_text(queue.value)))
		return error_set(err, ERR_INPUT, "\"queue\" is not a name");
	s->queue = jv_string_value(queue.value);
	if (parse_whole(&f, "timeout", 0, TIMEOUT_MAX, &s->timeout_ms) != 0 ||
	    parse_whole(&f, "recoveries", 0, RECOVERIES_MAX, &recoveries) != 0)
		return -1;
	s->recoveries_max = (int)recoveries;
	return parse_retry(spot_get(map, "retry"), &s->retry, err);
}
