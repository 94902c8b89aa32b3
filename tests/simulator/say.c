/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "encode.h"
#include "parts.h"

/*
 * A call on its way: what becomes of it, and who hears of it. The model is
 * told at the same moment, so that all that follows in this turn is known.
 */

/* --- telling ----------------------------------------------------------------
 */

static void tell_items(struct world *w, const struct call *c)
{
	char entry[TEXT_MAX], step[TEXT_MAX];

	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		if (c->function == CALL_submit)
			world_tell(w, " run %d of definition %d, key %d;",
				   item->run, item->definition, item->key);
		else
			world_tell(w, " run %d/%s entry %s attempt %d;",
				   item->run, name_step(step, item->step),
				   name_entry(entry, item->entry),
				   item->attempt);
	}
}

static void tell(struct world *w, const struct call *c, enum fate fate)
{
	if (!w->story)
		return;
	world_tell(w, "%s", call_name(c->function));
	if (c->who)
		world_tell(w, " by %d", c->who);
	if (c->run)
		world_tell(w, " run %d step %d", c->run, c->step);
	if (c->function == CALL_pause || c->function == CALL_resume)
		world_tell(w, " queue %d", c->queue);
	tell_items(w, c);
	if (fate != FATE_HEARD)
		world_tell(w, " (%s)", fate_text(fate));
}

/* --- hearing ----------------------------------------------------------------
 */

static void on_answer(struct world *w, const struct reply *reply, int number)
{
	const struct said *s = &w->said[number];

	check_answer(w, s, reply);
	if (s->is_heard && !w->has_failed)
		hear(w, s);
}

static void on_refused(struct world *w, const struct reply *reply, int number)
{
	static const char *const words[] = {"OOM", "ERR Function not found"};

	if (!reply_is_error(reply) || strncmp(reply->text.data, words[number],
					      strlen(words[number])) != 0)
		world_broken(w, INVARIANT_A1,
			     "\"%s\" was to be answered, not "
			     "\"%s\"",
			     words[number], reply_text(reply));
}

static void on_done(struct world *w, const struct reply *reply, int number)
{
	(void)number;
	if (reply_is_error(reply))
		world_broken(w, INVARIANT_A1, "Redis refused: %s",
			     reply_text(reply));
}

static void on_run(struct world *w, const struct reply *reply, int number)
{
	if (w->model.runs[number].number)
		check_run(w, &w->model.runs[number], reply);
}

/* --- saying -----------------------------------------------------------------
 */

static void send_call(struct world *w, const struct call *c,
		      on_reply_fn *on_reply, int number)
{
	encode(w, c);
	connection_send(w->connection);
	expect(w, on_reply, number);
}

static void apply(struct world *w, const struct call *c, bool is_heard)
{
	struct said *s = &w->said[w->said_count];
	unsigned before = w->model.touched;

	must(w->said_count < SAID_MAX);
	s->call = *c;
	s->is_heard = is_heard;
	w->model.now = w->true_ms + w->offset_ms;
	w->model.true_now = w->true_ms;
	model_apply(&w->model, c, &s->answer);
	if (w->model.stolen_from)
		world_broken(w, INVARIANT_S17,
			     "worker %d is missed before its time",
			     w->model.stolen_from);
	if (w->said_count > 0)
		w->model.touched |= before;
	w->figures->calls[c->function]++;
	send_call(w, c, on_answer, w->said_count++);
}

static void read_touched(struct world *w)
{
	char key[TEXT_MAX], name[TEXT_MAX];

	for (int i = 0; i < RUNS_MAX; i++) {
		if (!(w->model.touched & (1u << i)) || !w->model.runs[i].number)
			continue;
		connection_sendf(w->connection, "HGETALL %s:run:%s",
				 world_key(w, key),
				 name_run(name, w->model.runs[i].number));
		expect(w, on_run, i);
	}
}

static void say_without_memory(struct world *w, const struct call *c)
{
	connection_sendf(w->connection, "CONFIG SET maxmemory 1");
	expect(w, on_done, 0);
	w->model.is_memory_full = true;
	if (call_takes_memory(c->function))
		send_call(w, c, on_refused, 0);
	else
		apply(w, c, true);
	w->model.is_memory_full = false;
	connection_sendf(w->connection, "CONFIG SET maxmemory 0");
	expect(w, on_done, 0);
}

static void say_without_library(struct world *w, const struct call *c)
{
	connection_sendf(w->connection, "FUNCTION FLUSH");
	expect(w, on_done, 0);
	send_call(w, c, on_refused, 1);
	connection_load(w->connection);
	expect(w, on_done, 0);
}

static void hold_up(struct world *w, const struct call *c)
{
	if (w->held_up_count < HELD_UP_MAX)
		w->held_up[w->held_up_count++] = *c;
}

/* It takes a worker a while to connect again. */
static void disconnect(struct world *w)
{
	if (w->speaker && w->current.c % 3 == 0)
		w->speaker->is_frozen = true;
}

void say(struct world *w, const struct call *c, enum fate fate)
{
	tell(w, c, fate);
	w->said_count = 0;
	w->model.touched = 0;
	switch (fate) {
	case FATE_HEARD:
		apply(w, c, true);
		break;
	case FATE_REQUEST_LOST:
		break;
	case FATE_REPLY_LOST:
		w->figures->lost_replies[c->function]++;
		apply(w, c, false);
		disconnect(w);
		break;
	case FATE_TWICE:
		w->figures->lost_replies[c->function]++;
		apply(w, c, false);
		apply(w, c, true);
		break;
	case FATE_LATE:
		hold_up(w, c);
		break;
	case FATE_DIES_BEFORE:
		bereave(w, c);
		break;
	case FATE_DIES_AFTER:
		apply(w, c, false);
		bereave(w, c);
		break;
	case FATE_NO_MEMORY:
		say_without_memory(w, c);
		break;
	case FATE_NO_LIBRARY:
		say_without_library(w, c);
		break;
	case FATES:
		break;
	}
	read_touched(w);
}
