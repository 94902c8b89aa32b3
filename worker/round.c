/* SPDX-License-Identifier: MIT */
#include "round.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"

#include "core.h"

/* --- what is carried over ------------------------------------------------ */

static int read_number(struct slice *text, int *number, struct error *err)
{
	int64_t value;

	if (slice_int(slice_cut(text, ' '), 0, INT_MAX - 1, &value) != 0)
		return error_set(err, ERR_INPUT,
				 "what the last round left can't be read");
	*number = (int)value;
	return 0;
}

/*
 * Gives the last output. Attempts are counted for each round anew: those up
 * to its end don't count. An operator's retry lets all before it not count,
 * so more attempts than that mean that there was one: the rounds up to then
 * don't count either.
 */
static jv read_left(struct attempt *a, struct slice left, struct error *err)
{
	int rounds = 0, attempts = 0, before = 0;
	jv last;

	if (read_number(&left, &rounds, err) != 0 ||
	    read_number(&left, &attempts, err) != 0 ||
	    read_number(&left, &before, err) != 0 ||
	    msgpack_parse(left, &last, err) != 0)
		return jv_invalid();
	a->round = rounds + 1;
	a->rounds_before = a->attempt_base > attempts ? rounds : before;
	if (a->attempt_base < attempts)
		a->attempt_base = attempts;
	return last;
}

/* Another one for each round: its effect shall happen again. */
static void add_to_key(struct attempt *a)
{
	size_t len = strlen(a->idempotency_key);

	if (a->round > 1)
		snprintf(a->idempotency_key + len,
			 sizeof(a->idempotency_key) - len, "~%d", a->round);
}

jv round_begin(struct attempt *a, jv scope, struct slice left,
	       struct error *err)
{
	jv last = jv_null();

	a->round = 1;
	a->clock_ahead_ms = a->taken_at - clock_monotonic_ms();
	if (left.len > 0)
		last = read_left(a, left, err);
	if (!jv_is_valid(last)) {
		jv_free(scope);
		return last;
	}
	add_to_key(a);
	scope = jv_object_set(scope, jv_string("round"), jv_number(a->round));
	return jv_object_set(scope, jv_string("last"), last);
}

/* --- its end ------------------------------------------------------------- */

static void give_up(struct attempt *a)
{
	char text[80];

	snprintf(text, sizeof(text), "\"until\" did not hold in %d round%s",
		 a->step->repeat.rounds_max,
		 a->step->repeat.rounds_max == 1 ? "" : "s");
	attempt_fail(a, FAILURE_EXHAUSTED, text);
}

/* Owns output. */
static void put_aside(struct attempt *a, jv output)
{
	int64_t wait_ms = a->step->repeat.every_ms;

	if (wait_ms < a->wait_ms)
		wait_ms = a->wait_ms;
	if (report_round(a, clock_monotonic_ms() + a->clock_ahead_ms + wait_ms,
			 output) < 0)
		attempt_fail_too_large(a);
}

static void on_until(struct attempt *a, jv value, const struct error *err)
{
	jv_kind kind = jv_get_kind(value);
	bool holds = kind != JV_KIND_NULL && kind != JV_KIND_FALSE;
	jv output = a->output;

	a->output = jv_invalid();
	if (a->stop == STOP_CANCELLED || a->stop == STOP_LOST) {
		jv_free(output);
		attempt_hand_back(a);
	} else if (err) {
		jv_free(output);
		attempt_fail(a,
			     err->kind == ERR_UNAVAILABLE ? FAILURE_TRANSIENT
							  : FAILURE_EXPRESSION,
			     err->text);
	} else if (holds) {
		attempt_commit(a, output);
	} else if (a->round - a->rounds_before >= a->step->repeat.rounds_max) {
		jv_free(output);
		give_up(a);
	} else {
		put_aside(a, output);
	}
}

void round_end(struct attempt *a, jv output)
{
	a->state = ATTEMPT_ASKING;
	a->output = output;
	attempt_evaluate(a, &a->plan->until, "output", jv_copy(output),
			 on_until);
}
