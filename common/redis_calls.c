/* SPDX-License-Identifier: MIT */
#include "redis_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/clock.h"

/* --- a call -------------------------------------------------------------- */

struct call *call_new(struct command *c, const struct call_options *o,
		      redis_reply_fn *on_reply, void *arg)
{
	struct call *call = xmalloc(sizeof(*call));

	must(on_reply && o->block_ms >= 0);
	*call = (struct call){
		.body = c->body,
		.mode = o->mode,
		.block_ms = o->block_ms,
		.deadline_ms = o->deadline_ms,
		.deadline_at = NEVER,
		.on_reply = on_reply,
		.arg = arg,
	};
	snprintf(call->header, sizeof(call->header), "*%zu\r\n", c->count);
	if (o->deadline_ms >= 0)
		call->deadline_at = clock_monotonic_ms() + o->deadline_ms;
	buf_init(&c->body, c->body.max);
	c->count = 0;
	return call;
}

size_t call_size(const struct call *call)
{
	return strlen(call->header) + call->body.len;
}

void call_answer(struct call *call, const struct reply *reply,
		 const struct redis_failure *failure)
{
	if (call->on_reply)
		call->on_reply(call->arg, reply, failure);
	buf_clear(&call->body);
	free(call);
}

void call_fail(struct call *call, enum redis_cause cause,
	       const struct error *error)
{
	struct redis_failure failure = {.cause = cause,
					.code = SLICE(""),
					.text = SLICE(""),
					.error = *error};

	call_answer(call, NULL, &failure);
}

/* --- lists of them ------------------------------------------------------- */

void calls_push(struct calls *list, struct call *call)
{
	call->next = NULL;
	if (list->head)
		list->last->next = call;
	else
		list->head = call;
	list->last = call;
}

struct call *calls_pop(struct calls *list)
{
	struct call *call = list->head;

	if (call)
		list->head = call->next;
	return call;
}

void calls_prepend(struct calls *list, struct calls *from)
{
	if (!from->head)
		return;
	from->last->next = list->head;
	if (!list->head)
		list->last = from->last;
	list->head = from->head;
	from->head = NULL;
}

unsigned calls_gather(const struct calls *list, uv_buf_t *bufs, unsigned max)
{
	unsigned count = 0;

	for (struct call *c = list->head; c && count + 1 < max; c = c->next) {
		bufs[count].base = c->header;
		bufs[count++].len = strlen(c->header);
		bufs[count].base = c->body.data;
		bufs[count++].len = c->body.len;
	}
	return count;
}

void calls_part(struct calls *list, struct calls *again, struct calls *lost)
{
	struct call *call;

	while ((call = calls_pop(list))) {
		if (call->on_reply && call->mode == CALL_REPLAY)
			calls_push(again, call);
		else
			calls_push(lost, call);
	}
}

int64_t calls_resume(struct calls *parked, int64_t now, struct calls *waiting)
{
	struct calls rest = {0};
	struct call *call;
	int64_t next = NEVER;

	while ((call = calls_pop(parked))) {
		if (call->resume_at <= now) {
			calls_push(waiting, call);
			continue;
		}
		calls_push(&rest, call);
		if (call->resume_at < next)
			next = call->resume_at;
	}
	*parked = rest;
	return next;
}

int64_t calls_expire(struct calls *list, int64_t now, struct calls *late)
{
	struct calls rest = {0};
	struct call *call;
	int64_t next = NEVER;

	while ((call = calls_pop(list))) {
		if (call->deadline_at <= now) {
			calls_push(late, call);
			continue;
		}
		calls_push(&rest, call);
		if (call->deadline_at < next)
			next = call->deadline_at;
	}
	*list = rest;
	return next;
}

int64_t calls_expire_sent(struct calls *list, int64_t now, struct calls *late)
{
	struct call *copy;
	int64_t next = NEVER;

	for (struct call *c = list->head; c; c = c->next) {
		if (c->deadline_at <= now) {
			copy = xmalloc(sizeof(*copy));
			*copy = *c;
			calls_push(late, copy);
			c->on_reply = NULL;
			c->deadline_at = NEVER;
			buf_init(&c->body, c->body.max);
		} else if (c->deadline_at < next) {
			next = c->deadline_at;
		}
	}
	return next;
}
