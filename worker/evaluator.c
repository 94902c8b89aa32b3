/* SPDX-License-Identifier: MIT */
#include "evaluator.h"

#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "tools.h"
#include "treadle/clock.h"

/* What the child is given ahead, so that it need not wait for us. */
#define AHEAD_COUNT 32
#define AHEAD_BYTES (256 << 10)
/* One that died for a reason of its own must not be blamed on a question. */
#define TRIES_MAX 2

struct question {
	struct question *next;
	const struct formula *formula;
	jv scope;
	evaluator_fn *on_value; /* NULL: nobody waits for it any more */
	void *arg;
	size_t sent; /* bytes; 0: not sent yet */
	int tries;
	jv value; /* of those that are answered and wait to be told */
	struct error *err;
};

struct queue {
	struct question *first, **end;
};

struct evaluator {
	uv_loop_t *loop;
	struct children *children;
	struct oracle *oracle; /* NULL while there is none */
	int closing;           /* handles that have not closed yet */
	int64_t timeout_ms;

	struct queue asked; /* the child answers in this order */
	size_t sent_count, sent_bytes;
	uv_timer_t patience; /* with the first that was asked */

	struct queue told; /* answered, to be told by the loop */
	uv_idle_t telling;

	bool is_stopping;
	void (*on_stopped)(void *arg);
	void *arg;
};

/* Queues */

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void queue_push(struct queue *q, struct question *x)
{
	x->next = NULL;
	*q->end = x;
	q->end = &x->next;
}

static struct question *queue_shift(struct queue *q)
{
	struct question *x = q->first;

	q->first = x->next;
	if (!q->first)
		q->end = &q->first;
	return x;
}

/* Answers are told from the loop, never from where they arise. */

static void on_telling(uv_idle_t *idle)
{
	struct evaluator *e = idle->data;
	struct queue now = e->told;

	if (!now.first) {
		uv_idle_stop(idle);
		return;
	}
	/* What is asked meanwhile waits for the next turn. */
	queue_init(&e->told);
	while (now.first) {
		struct question *x = now.first;

		now.first = x->next;
		if (x->on_value)
			x->on_value(x->arg, x->value, x->err);
		jv_free(x->value);
		free(x->err);
		free(x);
	}
	if (!e->told.first)
		uv_idle_stop(idle);
}

/* Owns value; copies err where that is not NULL. */
static void tell(struct evaluator *e, struct question *x, jv value,
		 const struct error *err)
{
	jv_free(x->scope);
	x->value = value;
	if (err)
		x->err = (struct error *)xmemdup(err, sizeof(*err));
	queue_push(&e->told, x);
	uv_idle_start(&e->telling, on_telling);
}

/* The child */

static void on_answer(void *arg, struct slice body);
static void on_lost(void *arg);
static void on_closed(void *arg);
static void pump(struct evaluator *e);
static void restart_patience(struct evaluator *e);

/* What nobody waits for goes; not what the child has, who answers in order. */
static void drop_forgotten(struct evaluator *e)
{
	struct queue all = e->asked;

	queue_init(&e->asked);
	while (all.first) {
		struct question *x = queue_shift(&all);

		if (x->on_value || x->sent) {
			queue_push(&e->asked, x);
			continue;
		}
		jv_free(x->scope);
		free(x);
	}
}

/* Nothing is said to it any more, and nothing heard. */
static void end_oracle(struct evaluator *e)
{
	if (!e->oracle)
		return;
	oracle_stop(e->oracle);
	e->oracle = NULL;
	uv_timer_stop(&e->patience);
	for (struct question *x = e->asked.first; x; x = x->next)
		x->sent = 0;
	e->sent_count = e->sent_bytes = 0;
	drop_forgotten(e);
}

/* Questions */

static int frame_print(const struct question *x, struct buf *out)
{
	uint32_t len = 0, source_len;
	size_t source_at;

	buf_add(out, &len, sizeof(len));
	buf_add(out, &x->formula->id, sizeof(x->formula->id));
	buf_add(out, &len, sizeof(len));
	source_at = out->len;
	if (msgpack_print(x->formula->source, out) < 0)
		return -1;
	source_len = (uint32_t)(out->len - source_at);
	if (msgpack_print(x->scope, out) < 0 || out->is_full)
		return -1;
	len = (uint32_t)(out->len - sizeof(len));
	memcpy(out->data, &len, sizeof(len));
	memcpy(out->data + source_at - sizeof(len), &source_len, sizeof(len));
	return 0;
}

static int send_one(struct evaluator *e, struct question *x)
{
	struct buf frame;

	buf_init(&frame, EVALUATOR_VALUE_MAX);
	if (frame_print(x, &frame) < 0) {
		buf_clear(&frame);
		return -1;
	}
	x->sent = frame.len;
	e->sent_count++;
	e->sent_bytes += frame.len;
	oracle_ask(e->oracle, frame.data, frame.len);
	return 0;
}

static void on_late(uv_timer_t *timer);

/* The clock runs for the first in the queue, once the child has it. */
static void restart_patience(struct evaluator *e)
{
	uv_timer_stop(&e->patience);
	if (e->asked.first && e->asked.first->sent)
		uv_timer_start(&e->patience, on_late, (uint64_t)e->timeout_ms,
			       0);
}

static void fail_first(struct evaluator *e, const struct error *err)
{
	tell(e, queue_shift(&e->asked), jv_invalid(), err);
}

static int begin_oracle(struct evaluator *e, struct error *err)
{
	struct oracle_events events = {on_answer, on_lost, on_closed, e};

	e->oracle = oracle_start(e->loop, e->children, &events, err);
	if (!e->oracle)
		return -1;
	e->closing++;
	return 0;
}

static bool has_room_ahead(const struct evaluator *e)
{
	return e->sent_count < AHEAD_COUNT &&
	       (e->sent_bytes < AHEAD_BYTES || !e->sent_count);
}

/* Gives the child as much as it may have ahead. */
static void pump(struct evaluator *e)
{
	struct question *x = e->asked.first;
	bool was_idle = e->sent_count == 0;
	struct error err;

	if (x && !e->oracle && begin_oracle(e, &err) < 0) {
		while (e->asked.first)
			fail_first(e, &err);
		return;
	}
	while (x && x->sent)
		x = x->next;
	while (x && has_room_ahead(e)) {
		if (send_one(e, x) == 0) {
			x = x->next;
			continue;
		}
		if (e->sent_count)
			break; /* its turn to fail comes when it is first */
		error_set(&err, ERR_INPUT,
			  "what the expression reads is too large or nested "
			  "too deeply");
		fail_first(e, &err);
		x = e->asked.first;
	}
	if (was_idle)
		restart_patience(e);
}

static void on_late(uv_timer_t *timer)
{
	struct evaluator *e = timer->data;
	char took[DURATION_TEXT_MAX];
	struct error err;

	error_set(&err, ERR_INPUT,
		  "the expression took longer than %s; simplify it or raise "
		  "worker.expression_timeout",
		  duration_format(e->timeout_ms, took));
	fail_first(e, &err);
	end_oracle(e);
	pump(e);
}

static void on_lost(void *arg)
{
	struct evaluator *e = arg;
	struct question *x = e->asked.first;
	bool was_working = x && x->sent;
	struct error err;

	if (was_working && ++x->tries == TRIES_MAX) {
		error_set(&err, ERR_INPUT,
			  "the expression ended its evaluator: it needs more "
			  "memory than allowed");
		fail_first(e, &err);
	}
	end_oracle(e);
	pump(e);
}

static void on_answer(void *arg, struct slice body)
{
	struct evaluator *e = arg;
	struct question *x = queue_shift(&e->asked);
	struct slice rest = {body.data + 1, body.len - 1};
	jv value = jv_invalid();
	struct error err;
	int result;

	must(x->sent);
	e->sent_count--;
	e->sent_bytes -= x->sent;
	if (body.data[0])
		result = msgpack_parse(rest, &value, &err);
	else
		result = error_set(&err, ERR_INPUT, "%.*s", (int)rest.len,
				   rest.data);
	tell(e, x, result == 0 ? value : jv_invalid(),
	     result == 0 ? NULL : &err);
	pump(e);
	restart_patience(e);
}

/* Asking */

struct question *evaluator_ask(struct evaluator *e, const struct formula *f,
			       jv scope, evaluator_fn *on_value, void *arg)
{
	struct question *x = xcalloc(1, sizeof(*x));
	struct error err;
	jv value = jv_invalid();

	must(!e->is_stopping);
	*x = (struct question){.formula = f,
			       .scope = scope,
			       .on_value = on_value,
			       .arg = arg,
			       .value = jv_invalid()};
	if (!template_is_plain(f->template)) {
		queue_push(&e->asked, x);
		pump(e);
		return x;
	}
	if (template_expand(f->template, scope, &value, &err) == 0)
		tell(e, x, value, NULL);
	else
		tell(e, x, jv_invalid(), &err);
	return x;
}

void evaluator_forget(struct evaluator *e, struct question *x)
{
	x->on_value = NULL;
	drop_forgotten(e);
}

/* Beginning and end */

struct evaluator *evaluator_new(uv_loop_t *loop, struct children *children,
				int64_t timeout_ms)
{
	struct evaluator *e = xcalloc(1, sizeof(*e));

	e->loop = loop;
	e->children = children;
	e->timeout_ms = timeout_ms;
	queue_init(&e->asked);
	queue_init(&e->told);
	uv_timer_init(loop, &e->patience);
	e->patience.data = e;
	uv_idle_init(loop, &e->telling);
	e->telling.data = e;
	e->closing = 2;
	return e;
}

static void on_closed(void *arg)
{
	struct evaluator *e = arg;
	void (*on_stopped)(void *arg) = e->on_stopped;
	void *on_stopped_arg = e->arg;

	if (--e->closing)
		return;
	free(e);
	on_stopped(on_stopped_arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
	on_closed(handle->data);
}

/* Not before all are told may the handles close. */
static void on_last_telling(uv_idle_t *idle)
{
	struct evaluator *e = idle->data;

	on_telling(idle);
	if (e->told.first)
		return;
	uv_close((uv_handle_t *)&e->patience, on_handle_closed);
	uv_close((uv_handle_t *)&e->telling, on_handle_closed);
}

void evaluator_stop(struct evaluator *e, void (*on_stopped)(void *arg),
		    void *arg)
{
	struct error err;

	must(!e->is_stopping);
	e->is_stopping = true;
	e->on_stopped = on_stopped;
	e->arg = arg;
	end_oracle(e);
	error_set(&err, ERR_UNAVAILABLE, "the worker stops");
	while (e->asked.first)
		fail_first(e, &err);
	uv_idle_stop(&e->telling);
	uv_idle_start(&e->telling, on_last_telling);
}

/* For attempts */

struct wait {
	struct attempt *attempt;
	attempt_value_fn *on_value;
	struct question *question;
};

static void on_attempt_value(void *arg, jv value, const struct error *err)
{
	struct wait wait = *(struct wait *)arg;

	free(arg);
	wait.attempt->asked = NULL;
	wait.on_value(wait.attempt, value, err);
}

void attempt_evaluate(struct attempt *a, const struct formula *f,
		      const char *name, jv extra, attempt_value_fn *on_value)
{
	struct evaluator *e = tools_evaluator(worker_tools(a->worker));
	struct wait *wait = xmalloc(sizeof(*wait));
	jv scope = jv_copy(a->scope);

	must(!a->asked);
	*wait = (struct wait){a, on_value, NULL};
	a->asked = wait;
	if (name)
		scope = jv_object_set(scope, jv_string(name), extra);
	else
		jv_free(extra);
	wait->question = evaluator_ask(e, f, scope, on_attempt_value, wait);
}

bool attempt_leave_evaluator(struct attempt *a)
{
	if (!a->asked)
		return false;
	evaluator_forget(tools_evaluator(worker_tools(a->worker)),
			 a->asked->question);
	free(a->asked);
	a->asked = NULL;
	return true;
}
