/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "crash.h"
#include "evaluator.h"
#include "gather.h"
#include "round.h"

/*
 * One attempt's life, state by state; core.h says who calls what.
 *
 *   TAKING --taken--> PREPARING --prepared--> [HELD] --> STARTED --> [ASKING]
 *      `----------------`-----------------------`-----------`-----------`-->
 * ENDING
 *
 * a->stop, once set, decides how it ends, whatever its kind says then.
 */
enum { STOP_PATIENCE_MS = 5000 };

/*
 * What was begun by an identity that is lost, others have by now. What was
 * only delivered to it may have come after that, and would be missed by all.
 */
void attempt_hand_back(struct attempt *a)
{
	if (a->stop == STOP_LOST && a->state != ATTEMPT_TAKING)
		table_remove(&a->worker->table, a);
	else
		report_released(a);
}

/* --- from taken to started ------------------------------------------------ */

/*
 * Without a step there is no policy: what can pass is tried again. The detail
 * may quote a parameter, and a parameter may be a secret.
 */
static void fail(struct attempt *a, const struct failure *f)
{
	struct retry_policy policy = a->step ? a->step->retry : retry_default();
	double random = (double)(crypto_random_u64() >> 11) / 9007199254740992.;
	struct failure told = *f;
	struct buf detail;

	buf_init(&detail, f->detail.len);
	buf_add(&detail, f->detail.data, f->detail.len);
	log_redact(&detail);
	told.detail = buf_slice(&detail);
	report_failed(a, &told,
		      retry_delay_ms(&policy, f, a->attempt - a->attempt_base,
				     random));
	buf_clear(&detail);
}

void attempt_fail(struct attempt *a, enum failure_class class, const char *text)
{
	fail(a, &(struct failure){.class = class,
				  .retry_after_ms = -1,
				  .detail = slice_of(text)});
}

/* RUN/STEP, and /GENERATION after a re-run of what was done. */
static void set_idempotency_key(struct attempt *a)
{
	size_t size = sizeof(a->idempotency_key), run = strlen(a->run);
	size_t name = strlen(a->name);
	char *to = a->idempotency_key;

	/* Once for each step: worth not to be a snprintf. */
	must(run + 1 + name < size);
	memcpy(to, a->run, run);
	to[run] = '/';
	memcpy(to + run + 1, a->name, name + 1);
	if (a->generation > 0)
		snprintf(to + run + 1 + name, size - run - 1 - name, "/%d",
			 a->generation);
}

struct taken *attempt_keep(struct attempt *a, const struct taken *t)
{
	struct taken *kept = arena_alloc(&a->arena, sizeof(*kept));
	struct reply *reads =
		arena_calloc(&a->arena, t->reads_count + 1, sizeof(*reads));

	*kept = *t;
	kept->input = arena_copy(&a->arena, t->input);
	for (size_t i = 0; i < t->reads_count; i++)
		reads[i].text = arena_copy(&a->arena, t->reads[i].text);
	kept->reads = reads;
	return kept;
}

static void choose_plan(struct attempt *a, const struct taken *t)
{
	a->plan = definition_plan(a->definition, slice_of(a->name), &a->index);
	if (!a->plan) {
		attempt_fail(a, FAILURE_UNSUPPORTED,
			     "the definition has no step of this name");
		return;
	}
	a->step = a->plan->step;
	a->kind = a->plan->kind;
	if (a->kind == &step_exec)
		a->worker->fetch.is_exec_met = true;
	if (!gather(a, t))
		attempt_prepare(a, t);
}

void attempt_gathered(struct attempt *a, const struct taken *t,
		      const struct error *err)
{
	if (err)
		attempt_prepared(a, err);
	else
		attempt_prepare(a, t);
}

static void begin(struct attempt *a, const struct taken *t)
{
	struct worker *w = a->worker;

	a->attempt = a->ref.attempt = t->attempt;
	a->attempt_base = t->attempt_base;
	a->recoveries = t->recoveries;
	a->generation = t->generation;
	a->taken_at = t->now;
	set_idempotency_key(a);
	if (t->memo.len > 0 && msgpack_parse(t->memo, &a->memo, NULL) < 0)
		a->memo = jv_invalid();
	if (a->stop != STOP_NOT) {
		attempt_hand_back(a);
		return;
	}
	a->state = ATTEMPT_PREPARING;
	if (definition_attach(&w->definitions, a, t->digest))
		choose_plan(a, t);
	else
		a->work = attempt_keep(a, t);
}

void attempt_taken(struct attempt *a, const struct taken *t)
{
	switch (t->code) {
	case TAKE_RUN:
		begin(a, t);
		return;
	case TAKE_PAUSED:
		fetch_pause(&a->worker->fetch, a->ref.queue);
		break;
	case TAKE_DROPPED:
		log_debug("entry dropped",
			  ABOUT(.run = a->run, .step = a->name),
			  "it is not current any more");
		break;
	case TAKE_LOST:
		report_released(a);
		return;
	}
	table_remove(&a->worker->table, a);
}

void attempt_defined(struct attempt *a, const struct error *err)
{
	const struct taken *t = a->work;

	a->work = NULL;
	if (!err)
		choose_plan(a, t);
	else if (err->kind == ERR_UNAVAILABLE || err->kind == ERR_ABSENT)
		attempt_fail(a, FAILURE_TRANSIENT, err->text);
	else
		attempt_fail(a, FAILURE_UNSUPPORTED, err->text);
}

static void start(struct attempt *a)
{
	struct worker *w = a->worker;

	crash_point("before-start");
	a->state = ATTEMPT_STARTED;
	a->begun_us = clock_monotonic_us();
	if (a->kind == &step_exec)
		w->exec_running++;
	if (a->kind->stop && a->step->timeout_ms > 0)
		alarm_set(&w->alarms, a,
			  clock_monotonic_ms() + a->step->timeout_ms);
	a->kind->start(a);
}

static bool must_be_held(const struct attempt *a)
{
	const struct worker *w = a->worker;

	return a->kind == &step_exec &&
	       w->exec_running >= w->config->worker.exec_slots;
}

void attempt_prepared(struct attempt *a, const struct error *err)
{
	struct worker *w = a->worker;

	if (a->stop != STOP_NOT) {
		attempt_hand_back(a);
	} else if (err) {
		attempt_fail(a,
			     err->kind == ERR_UNAVAILABLE ? FAILURE_TRANSIENT
							  : FAILURE_EXPRESSION,
			     err->text);
	} else if (must_be_held(a)) {
		a->state = ATTEMPT_HELD;
		list_push(&w->held, a);
	} else {
		start(a);
	}
}

void attempts_start_held(struct worker *w)
{
	while (w->held.count > 0 && !must_be_held(w->held.first))
		start(list_shift(&w->held));
}

/* --- stopping ---------------------------------------------------------------
 */

static void stop_started(struct attempt *a, bool at_once)
{
	struct worker *w = a->worker;

	a->is_forced = at_once;
	if (at_once)
		alarm_clear(&w->alarms, a);
	else
		alarm_set(&w->alarms, a,
			  clock_monotonic_ms() + STOP_PATIENCE_MS);
	a->kind->stop(a, at_once);
}

/*
 * Whether the attempt waits for nothing any more: Redis may take for ever, and
 * what others ask the evaluator long.
 */
static bool leave_preparing(struct attempt *a)
{
	if (!a->work)
		return recall_forget(a) || transfer_leave(a) ||
		       attempt_leave_evaluator(a);
	if (definition_is_fetched(a->definition))
		gather_leave(a);
	else
		definition_leave(a);
	a->work = NULL;
	return true;
}

void attempt_stop(struct attempt *a, enum attempt_stop why, bool at_once)
{
	bool was_stopped = a->stop != STOP_NOT;

	if (a->state == ATTEMPT_ENDING)
		return;
	/* Lost and cancelled outweigh what was decided before. */
	if (!was_stopped || why == STOP_LOST || why == STOP_CANCELLED)
		a->stop = why;
	switch (a->state) {
	case ATTEMPT_TAKING:
		if (takes_forget(a->worker, a))
			attempt_hand_back(a);
		break;
	case ATTEMPT_PREPARING:
		if (leave_preparing(a))
			attempt_hand_back(a);
		break;
	case ATTEMPT_HELD:
		list_remove(&a->worker->held, a);
		attempt_hand_back(a);
		break;
	case ATTEMPT_STORING:
		if (a->stop == STOP_LOST && transfer_leave(a))
			attempt_hand_back(a);
		else if (at_once)
			transfer_cut_short(a);
		break;
	case ATTEMPT_ASKING:
		break; /* what is done is done; the evaluator answers soon */
	default:
		if ((at_once && !a->is_forced) || !was_stopped)
			stop_started(a, at_once);
	}
}

void on_attempt_alarm(struct attempt *a)
{
	if (a->stop != STOP_NOT)
		attempt_stop(a, a->stop, true);
	else
		attempt_stop(a, STOP_TIMEOUT, false);
}

/* --- the end ------------------------------------------------------------- */

/* The first of each end: true if the kind's word counts. */
static bool let_go(struct attempt *a)
{
	must(a->state == ATTEMPT_STARTED);
	alarm_clear(&a->worker->alarms, a);
	if (a->kind == &step_exec)
		a->worker->exec_running--;
	a->end.took_ms = (double)(clock_monotonic_us() - a->begun_us) / 1000;
	a->work = NULL;
	return a->stop == STOP_NOT;
}

static void end_stopped(struct attempt *a)
{
	char limit[DURATION_TEXT_MAX], text[80];

	if (a->stop != STOP_TIMEOUT) {
		attempt_hand_back(a);
		return;
	}
	snprintf(text, sizeof(text), "not finished within its %s",
		 duration_human(a->step->timeout_ms, limit));
	attempt_fail(a, FAILURE_TIMEOUT, text);
}

void attempt_fail_too_large(struct attempt *a)
{
	char limit[DURATION_TEXT_MAX], text[80];

	snprintf(text, sizeof(text), "the output exceeds %s",
		 size_format(a->worker->config->worker.output_max, limit));
	attempt_fail(a, FAILURE_TOO_LARGE, text);
}

void attempt_commit(struct attempt *a, jv output)
{
	if (report_done(a, output) < 0)
		attempt_fail_too_large(a);
}

void attempt_done(struct attempt *a, jv output)
{
	if (!let_go(a)) {
		jv_free(output);
		end_stopped(a);
	} else if (round_is_repeated(a)) {
		round_end(a, output);
	} else {
		attempt_commit(a, output);
	}
}

void attempt_failed(struct attempt *a, const struct failure *f)
{
	if (let_go(a))
		fail(a, f);
	else
		end_stopped(a);
}

void attempt_failed_text(struct attempt *a, enum failure_class class, int code,
			 const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	attempt_failed(a, &(struct failure){.class = class,
					    .code = code,
					    .retry_after_ms = -1,
					    .detail = slice_of(text)});
}

void attempt_deferred(struct attempt *a, int64_t due_at, jv memo)
{
	if (let_go(a)) {
		report_deferred(a, due_at, memo);
		return;
	}
	jv_free(memo);
	end_stopped(a);
}

void attempt_spawned(struct attempt *a, struct slice input)
{
	if (let_go(a))
		report_spawned(a, input);
	else
		end_stopped(a);
}
