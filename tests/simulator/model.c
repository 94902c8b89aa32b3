/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdio.h>
#include <string.h>

#include "treadle/base.h"

#include "model_parts.h"

/*
 * The parts that all calls share. Written from docs/INTERNALS.md; where that
 * says nothing, from what the words promise.
 */

/* --- names ------------------------------------------------------------------
 */

const char *counter_name(enum counter c)
{
	static const char *const names[] = {
		"submitted",  "runs_done",   "runs_failed",   "runs_cancelled",
		"attempts",   "steps_done",  "steps_skipped", "tolerated",
		"retries",    "deferrals",   "parked",        "signals",
		"releases",   "recoveries",  "dead",          "duplicates",
		"fenced",     "promoted",    "late_ms",       "removed",
		"cache_hits", "cache_misses"};
	static char failures[CLASS_COUNT][TEXT_MAX];
	int class = (int)c - COUNT_FAILURES;

	if (class < 0)
		return names[c];
	snprintf(failures[class], TEXT_MAX, "failures:%s",
		 class_name((enum class) class));
	return failures[class];
}

const char *run_state_name(enum run_state state)
{
	static const char *const names[] = {"running", "done", "failed",
					    "cancelled"};

	return names[state];
}

const char *step_state_name(enum step_state state)
{
	static const char *const names[] = {"nowhere", "waiting", "ready",
					    "running", "spread",  "delayed",
					    "parked",  "done",    "skipped",
					    "failed",  "dead",    "cancelled"};

	return names[state];
}

const char *closing_name(enum closing closing)
{
	static const char *const names[] = {"", "draining", "cleaning"};

	return names[closing];
}

uint32_t log_code(int step, int attempt, int try)
{
	return (uint32_t)step << 24 | (uint32_t)attempt << 8 |
	       (uint32_t)(try + 2);
}

/* --- finding ----------------------------------------------------------------
 */

void model_init(struct model *m)
{
	memset(m, 0, sizeof(*m));
	for (int i = 0; i < KEYS; i++)
		m->keys[i].run = 0;
}

struct model_run *model_run_find(struct model *m, int number)
{
	for (int i = 0; i < RUNS_MAX && number > 0; i++)
		if (m->runs[i].number == number)
			return &m->runs[i];
	return NULL;
}

struct model_worker *model_worker_find(struct model *m, int number)
{
	for (int i = 0; i < WORKERS_MAX && number > 0; i++)
		if (m->workers[i].number == number)
			return &m->workers[i];
	return NULL;
}

bool model_is_live(const struct model_step *s)
{
	return s->state == READY || s->state == RUNNING;
}

bool model_is_settled(const struct model_step *s)
{
	return s->state == DONE || s->state == SKIPPED || s->state == FAILED;
}

struct model_step *model_step_at(struct model_run *r, int queue,
				 struct entry entry)
{
	for (int i = 0; i < r->shape->places; i++)
		if (model_is_live(&r->steps[i]) && !r->steps[i].is_new &&
		    r->shape->steps[base_of(i)].queue == queue &&
		    entry_compare(r->steps[i].entry, entry) == 0)
			return &r->steps[i];
	return NULL;
}

bool model_is_held(const struct model *m, int worker, int queue)
{
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &m->runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++)
			if (model_is_live(&r->steps[k]) &&
			    r->steps[k].holder == worker &&
			    r->shape->steps[base_of(k)].queue == queue)
				return true;
	}
	return false;
}

/* --- notes ------------------------------------------------------------------
 */

void model_touch(struct model *m, const struct model_run *r)
{
	m->touched |= 1u << (r - m->runs);
}

void model_count(struct model *m, enum counter c, int64_t increment)
{
	m->counters[c] += increment;
}

void model_log(struct model_run *r, uint32_t code)
{
	for (int i = 0; i < r->log_count; i++)
		if (r->logs[i] == code)
			return;
	must(r->log_count < LOGS_MAX);
	r->logs[r->log_count++] = code;
}

void model_forget_logs(struct model_run *r, int step)
{
	int kept = 0;

	for (int i = 0; i < r->log_count; i++)
		if (r->logs[i] >> 24 != (uint32_t)step)
			r->logs[kept++] = r->logs[i];
	r->log_count = kept;
}

void answer_word(struct answer *a, const char *word)
{
	must(a->count < ITEMS_MAX);
	snprintf(a->items[a->count++].word, TEXT_MAX, "%s", word);
}

void answer_error(struct answer *a, const char *kind)
{
	a->error = kind;
}

/* --- steps ------------------------------------------------------------------
 */

void model_enqueue(struct model *m, struct model_run *r, int step)
{
	struct model_step *s = &r->steps[step];

	s->state = READY;
	s->is_new = true;
	s->holder = -1;
	model_touch(m, r);
}

void model_settle(struct model *m, struct model_run *r, int step,
		  enum step_state state)
{
	r->steps[step].state = state;
	r->steps[step].holder = -1;
	model_touch(m, r);
}

void model_delay(struct model *m, struct model_run *r, int step, int64_t due)
{
	model_settle(m, r, step, DELAYED);
	r->steps[step].due_at = due;
	m->is_timer_rung = true;
}

void model_deliver(struct model *m, int run, int step, int worker)
{
	struct model_run *r = model_run_find(m, run);

	must(r && step >= 0 && step < r->shape->places);
	r->steps[step].holder = worker;
}

/* --- the end of runs --------------------------------------------------------
 */

void model_finish(struct model *m, struct model_run *r, enum run_state state)
{
	r->state = state;
	r->closing = CLOSING_NOT;
	r->finished_at = m->now;
	r->is_scheduled = false;
	model_count(m, (enum counter)(COUNT_RUNS_DONE + (int)state - 1), 1);
	model_touch(m, r);
}

void model_halt(struct model *m, struct model_run *r, int step,
		bool stops_running)
{
	struct model_step *s = &r->steps[step];

	if (s->state == RUNNING && stops_running)
		model_order_stop(m, s->worker, s->entry);
	else if (s->state != READY && s->state != DELAYED &&
		 s->state != PARKED && s->state != SPREAD)
		return;
	model_settle(m, r, step, CANCELLED);
}

void model_stop(struct model *m, struct model_run *r, enum run_state state,
		bool stops_running)
{
	for (int i = 0; i < r->shape->places; i++)
		model_halt(m, r, i, stops_running);
	r->has_reason = true;
	if (r->closing)
		model_close_finally(m, r, state);
	else if (r->shape->closing)
		model_close(m, r, state);
	else
		model_finish(m, r, state);
}

static void leave_definition(struct model *m, struct model_run *r)
{
	struct model_definition *d = &m->definitions[r->definition];

	if (--d->runs <= 0) {
		d->is_idle = true;
		d->idle_since = m->now;
	}
}

void model_remove(struct model *m, struct model_run *r)
{
	for (int i = 0; i < r->shape->places; i++)
		if (r->steps[i].state == RUNNING)
			model_order_stop(m, r->steps[i].worker,
					 r->steps[i].entry);
	if (r->key >= 0)
		m->keys[r->key].run = 0;
	leave_definition(m, r);
	model_count(m, COUNT_REMOVED, 1);
	r->number = 0;
}

static int history_of(const struct model_run *r, int step)
{
	int count = 0;

	for (int i = 0; i < r->log_count; i++)
		if (r->logs[i] >> 24 == (uint32_t)step &&
		    (r->logs[i] & 0xff) != 0)
			count++;
	return count < 20 ? count : 20;
}

void model_bury(struct model *m, struct model_run *r, int step,
		enum class class)
{
	struct model_step *s = &r->steps[step];

	s->letter = (struct letter){.is_there = true,
				    .is_new = true,
				    .attempts = s->attempt,
				    .recoveries = s->recoveries,
				    .history = history_of(r, step),
				    .class = class};
	m->has_dead = true;
	model_settle(m, r, step, DEAD);
	model_count(m, COUNT_DEAD, 1);
	if (r->closing)
		model_close_step(m, r,
				 r->closing == CLOSING_CLEANS ? base_of(step)
							      : step);
	else if (r->state == RUN_RUNNING)
		model_stop(m, r, RUN_FAILED, false);
}

/* --- calls ------------------------------------------------------------------
 */

void model_apply(struct model *m, const struct call *c, struct answer *a)
{
	static model_fn *const transitions[CALL_COUNT] = {
		[CALL_define] = model_define,
		[CALL_submit] = model_submit,
		[CALL_register] = model_register,
		[CALL_heartbeat] = model_heartbeat,
		[CALL_leave] = model_leave,
		[CALL_take] = model_take,
		[CALL_expand] = model_expand,
		[CALL_complete] = model_complete,
		[CALL_fail] = model_fail,
		[CALL_defer] = model_defer,
		[CALL_release] = model_release,
		[CALL_note] = model_note,
		[CALL_recall] = model_recall,
		[CALL_remember] = model_remember,
		[CALL_promote] = model_promote,
		[CALL_reclaim] = model_reclaim,
		[CALL_sweep] = model_sweep,
		[CALL_cancel] = model_cancel,
		[CALL_retry] = model_retry,
		[CALL_forget] = model_forget,
		[CALL_signal] = model_signal,
		[CALL_drop] = model_drop,
		[CALL_pause] = model_pause,
		[CALL_resume] = model_resume,
	};

	memset(a, 0, sizeof(*a));
	for (int i = 0; i < ITEMS_MAX; i++)
		a->items[i].heir = -1;
	m->touched = 0;
	m->caller = c->who;
	must(transitions[c->function] != NULL);
	if (c->once && c->once == m->once && m->now < m->once_until) {
		*a = m->once_answer;
		return;
	}
	transitions[c->function](m, c, a);
	if (c->once && !a->error) {
		m->once = c->once;
		m->once_until = m->now + 600000;
		m->once_answer = *a;
	}
}
