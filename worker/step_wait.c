/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"

#include "param.h"
#include "worker.h"

/*
 * Waits until a time, without a slot: the step is put aside and tried again
 * when it is due. When that is, is decided once, at the first try, and kept
 * as the memo {"until": ms}: a span does not start anew with each try.
 *
 * Or for a signal: then it is parked, and never tried again. Whoever sends the
 * signal gives it its output; what is left here is to say for how long it
 * waits, and what those are told who may send it.
 */
#define PROMPT_MAX 1000 /* bytes; it stands in the run's hash */

/* The number of milliseconds that a parameter says, or -1 without it. */
static int64_t read_param(jv params, const char *name,
			  int (*parse)(struct slice text, int64_t *ms))
{
	jv value = value_get(params, name);
	int64_t ms = -1;

	if (value_is_whole(value))
		ms = (int64_t)jv_number_value(jv_copy(value));
	else if (value_is_text(value))
		must(parse(value_text(value), &ms) == 0);
	jv_free(value);
	return ms;
}

static int64_t due_of(const struct attempt *a)
{
	jv kept = jv_is_valid(a->memo) ? value_get(a->memo, "until")
				       : jv_invalid();
	int64_t due = -1, span;

	if (value_is_whole(kept))
		due = (int64_t)jv_number_value(jv_copy(kept));
	jv_free(kept);
	if (due < 0)
		due = read_param(a->params, "until", timestamp_parse);
	if (due >= 0)
		return due;
	span = read_param(a->params, "for", duration_parse);
	return a->taken_at + (span > 0 ? span : 0);
}

/* The beginning of a text, cut between characters. */
static jv shorten(jv text)
{
	struct slice whole = value_text(text);
	size_t len = whole.len;
	jv cut;

	if (len <= PROMPT_MAX)
		return text;
	for (len = PROMPT_MAX; (whole.data[len] & 0xc0) == 0x80;)
		len--;
	cut = jv_string_sized(whole.data, (int)len);
	jv_free(text);
	return cut;
}

static void wait_for_signal(struct attempt *a)
{
	int64_t span = read_param(a->params, "timeout", duration_parse);
	jv prompt = value_get(a->params, "prompt");

	attempt_deferred(a, span < 0 ? 0 : a->taken_at + span,
			 value_is_text(prompt) ? shorten(prompt) : jv_null());
}

static void wait_for_time(struct attempt *a)
{
	char text[TIMESTAMP_TEXT_MAX];
	int64_t due = due_of(a);
	jv until;

	if (due <= a->taken_at) {
		until = jv_string(timestamp_format(due, text));
		attempt_done(a, jv_object_set(jv_object(), jv_string("until"),
					      until));
		return;
	}
	until = jv_number((double)due);
	attempt_deferred(a, due,
			 jv_object_set(jv_object(), jv_string("until"), until));
}

static void start(struct attempt *a)
{
	if (param_text(a, "signal"))
		wait_for_signal(a);
	else
		wait_for_time(a);
}

const struct kind step_wait = {.start = start};
