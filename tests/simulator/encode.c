/* SPDX-License-Identifier: MIT */
#include "encode.h"

#include <inttypes.h>

typedef void encode_fn(const struct world *w, const struct call *c,
		       struct command *to);

static void add_payload(struct command *to, char kind, uint32_t payload)
{
	char text[TEXT_MAX];

	name_payload(text, kind, payload);
	if (payload >= PAYLOAD_NUMBER)
		command_slice(to, (struct slice){text, 1});
	else
		command_text(to, text);
}

/* JSON, as handlers report it. */
static void add_json(struct command *to, uint32_t payload)
{
	if (payload)
		command_addf(to, "%" PRIu32, payload);
	else
		command_text(to, "");
}

/* For the next try, or the next round. */
static void add_left_behind(struct command *to, const struct item *item)
{
	char text[TEXT_MAX];

	if (item->left.rounds)
		command_text(to, name_left(text, &item->left));
	else
		add_payload(to, 'm', item->memo);
}

static void add_once(struct command *to, const struct call *c)
{
	if (c->once)
		command_addf(to, "once:operator.%d", c->once);
}

static void add_place(struct command *to, const struct item *item)
{
	char text[TEXT_MAX];

	command_text(to, name_entry(text, item->entry));
	command_text(to, name_run(text, item->run));
	command_text(to, name_step(text, item->step));
}

static void add_ref(struct command *to, const struct item *item)
{
	char text[TEXT_MAX];

	command_text(to, name_queue(text, item->queue));
	add_place(to, item);
}

/* How it has come to that; and whose output it is, if the cache gave that. */
static void add_how(struct command *to, const struct item *item)
{
	const char *how = item->is_skipped   ? "skip"
			  : item->wants_heir ? "1"
					     : "0";
	char text[TEXT_MAX];

	if (item->source_run)
		command_addf(
			to, "%s %s", how,
			name_source(text, item->source_run, item->source_step));
	else
		command_text(to, how);
}

static void add_end(struct command *to, const struct call *c,
		    const struct item *item)
{
	add_ref(to, item);
	if (c->function == CALL_take || c->function == CALL_release)
		return;
	command_int(to, item->attempt);
	switch (c->function) {
	case CALL_complete:
		add_payload(to, 'o', item->is_skipped ? 0 : item->payload);
		add_how(to, item);
		break;
	case CALL_fail:
		command_int(to, item->when);
		command_text(to, class_name(item->class));
		command_text(to, "1");
		command_text(to, "it broke");
		add_payload(to, 'l', item->log);
		break;
	default:
		command_int(to, item->when);
		add_left_behind(to, item);
	}
}

static void encode_items(const struct world *w, const struct call *c,
			 struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_worker(text, c->who));
	for (int i = 0; i < c->count; i++)
		add_end(to, c, &c->items[i]);
}

static void encode_expand(const struct world *w, const struct call *c,
			  struct command *to)
{
	const struct item *item = &c->items[0];
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_worker(text, c->who));
	add_ref(to, item);
	command_int(to, item->attempt);
	command_int(to, item->first);
	for (int i = 0; i < item->size; i++)
		add_payload(to, 'e', item_payload(item->list, item->first + i));
}

static void encode_notes(const struct world *w, const struct call *c,
			 struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_worker(text, c->who));
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		add_place(to, item);
		command_int(to, item->attempt);
		add_json(to, item->progress);
		add_payload(to, 'm', item->memo);
		if (item->cost)
			command_addf(to, "{\"usd\":%" PRIu32 "}", item->cost);
		else
			command_text(to, "");
		add_payload(to, 'l', item->log);
	}
}

static void encode_recall(const struct world *w, const struct call *c,
			  struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		command_text(to, name_run(text, item->run));
		command_text(to, name_cache(text, item->cache));
	}
}

static void encode_remember(const struct world *w, const struct call *c,
			    struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		command_text(to, name_cache(text, item->cache));
		command_int(to, item->when);
		command_text(to, name_run(text, item->run));
		command_text(to, name_step(text, item->step));
		add_payload(to, 'o', item->payload);
	}
}

static void encode_define(const struct world *w, const struct call *c,
			  struct command *to)
{
	const struct shape *s = w->model.definitions[c->definition].shape;

	command_slice(to, (struct slice){s->digest, DIGEST_LEN});
	command_text(to, "canonical");
	command_slice(to, buf_slice(&s->graph));
}

static void encode_submit(const struct world *w, const struct call *c,
			  struct command *to)
{
	char text[TEXT_MAX];

	if (c->is_uncached)
		command_text(to, "no-cache");
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		command_text(to, name_run(text, item->run));
		command_text(
			to,
			w->model.definitions[item->definition].shape->digest);
		add_payload(to, 'i', item->payload);
		command_text(to,
			     item->key < 0 ? "" : name_key(text, item->key));
		command_int(to, item->when);
	}
}

static void encode_worker(const struct world *w, const struct call *c,
			  struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_worker(text, c->who));
	if (c->function == CALL_leave)
		return;
	command_int(to, c->lease_ms);
	if (c->function == CALL_heartbeat) {
		command_text(to, "0");
		return;
	}
	command_text(to, "host");
	command_text(to, "1");
	command_text(to, "0");
	command_text(to, "6");
	for (int q = 0; q < QUEUES; q++)
		if (c->queues & (1u << q))
			command_text(to, name_queue(text, q));
}

static void encode_role(const struct world *w, const struct call *c,
			struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_coordinator(text, c->who));
	command_int(to, c->lease_ms);
	command_int(to, c->limit);
	if (c->function == CALL_sweep) {
		command_int(to, c->retention_ms);
		command_int(to, c->runs_max);
	} else if (c->function == CALL_reclaim) {
		command_int(to, c->since);
		command_int(to, c->read);
	}
}

static void encode_run(const struct world *w, const struct call *c,
		       struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_run(text, c->run));
	if (c->function == CALL_cancel)
		command_text(to, "an operator wanted it");
	if (c->function == CALL_retry && c->step >= 0)
		command_text(to, name_step(text, c->step));
	add_once(to, c);
}

static void encode_signal(const struct world *w, const struct call *c,
			  struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_run(text, c->run));
	command_text(to, name_step(text, c->step));
	add_payload(to, 'd', c->data);
	add_once(to, c);
}

static void encode_drop(const struct world *w, const struct call *c,
			struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_entry(text, c->entry));
	add_once(to, c);
}

static void encode_queue(const struct world *w, const struct call *c,
			 struct command *to)
{
	char text[TEXT_MAX];

	(void)w;
	command_text(to, name_queue(text, c->queue));
}

void encode(const struct world *w, const struct call *c)
{
	static encode_fn *const encoders[CALL_COUNT] = {
		[CALL_define] = encode_define,
		[CALL_submit] = encode_submit,
		[CALL_register] = encode_worker,
		[CALL_heartbeat] = encode_worker,
		[CALL_leave] = encode_worker,
		[CALL_take] = encode_items,
		[CALL_expand] = encode_expand,
		[CALL_complete] = encode_items,
		[CALL_fail] = encode_items,
		[CALL_defer] = encode_items,
		[CALL_release] = encode_items,
		[CALL_note] = encode_notes,
		[CALL_recall] = encode_recall,
		[CALL_remember] = encode_remember,
		[CALL_promote] = encode_role,
		[CALL_reclaim] = encode_role,
		[CALL_sweep] = encode_role,
		[CALL_cancel] = encode_run,
		[CALL_retry] = encode_run,
		[CALL_forget] = encode_run,
		[CALL_signal] = encode_signal,
		[CALL_drop] = encode_drop,
		[CALL_pause] = encode_queue,
		[CALL_resume] = encode_queue,
	};
	struct command *command = connection_begin(w->connection, "FCALL");
	int64_t now = w->true_ms + w->offset_ms;
	char text[TEXT_MAX];

	must(encoders[c->function] != NULL);
	command_addf(command, "treadle_%s", call_name(c->function));
	command_text(command, "1");
	command_text(command, world_key(w, text));
	encoders[c->function](w, c, command);
	/* What it keeps of the memory is asked for anew, now and then too. */
	command_int(command,
		    w->model.is_memory_full || now % 16 == 0 ? -now : now);
}
