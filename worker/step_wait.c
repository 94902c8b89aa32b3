/* SPDX-License-Identifier: MIT */
#include "treadle/clock.h"

#include "worker.h"

/*
 * Waits until a time, without a slot: the step is put aside and tried again
 * when it is due. When that is, is decided once, at the first try, and kept
 * as the memo {"until": ms}: a span does not start anew with each try.
 */

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

static void start(struct attempt *a)
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

const struct kind step_wait = {.start = start};
