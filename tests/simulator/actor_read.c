/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

#define AUDIT_MS 60000

/*
 * What workers read, after worker/fetch.c: new entries, and after a lost reply
 * their own pending ones.
 */

static void give(struct world *w, const struct item *item)
{
	struct worker *of = w->reader;

	if (hand_of(of, item))
		return;
	for (int i = 0; i < HANDS_MAX; i++) {
		if (of->hands[i].state != HAND_FREE)
			continue;
		of->hands[i] =
			(struct hand){.state = HAND_GIVEN, .item = *item};
		return;
	}
	of->unreconciled |= 1u << item->queue;
}

static void on_read(struct world *w, const struct reply *reply, int is_heard)
{
	struct item items[64];
	int count = check_delivered(w, reply, items, (int)countof(items));

	for (int i = 0; i < count && is_heard && w->reader; i++)
		give(w, &items[i]);
	w->reader = NULL;
}

static void send_read(struct world *w, int count, unsigned queues,
		      const char *id)
{
	struct command *c = connection_begin(w->connection, "XREADGROUP");
	char text[TEXT_MAX], key[TEXT_MAX];

	command_text(c, "GROUP");
	command_text(c, "workers");
	command_text(c, name_worker(text, w->reading.number));
	command_text(c, "COUNT");
	command_addf(c, "%d", count);
	command_text(c, "STREAMS");
	for (int q = 0; q < QUEUES; q++)
		if (queues & (1u << q))
			command_addf(c, "%s:queue:%s", world_key(w, key),
				     name_queue(text, q));
	for (int q = 0; q < QUEUES; q++)
		if (queues & (1u << q))
			command_text(c, id);
	w->has_read = true;
	connection_send(w->connection);
}

static bool is_lost_on_the_way(enum fate fate)
{
	return fate == FATE_REQUEST_LOST || fate == FATE_LATE ||
	       fate == FATE_DIES_BEFORE || fate == FATE_NO_LIBRARY;
}

/* The read of `number`, for `of` unless that is dead. */
static void read_new(struct world *w, struct worker *of, int number,
		     unsigned queues, int count)
{
	enum fate fate = w->current.fate;
	bool is_heard = of && (fate == FATE_HEARD || fate == FATE_NO_MEMORY);

	world_tell(w, "read by %d, count %d, queues %x%s%s", number, count,
		   queues, is_heard ? "" : " ", fate_text(fate));
	if (of && !is_heard)
		of->unreconciled = of->queues;
	w->reader = is_heard ? of : NULL;
	w->reading = (struct reading){number, queues, false};
	if (!is_lost_on_the_way(fate)) {
		send_read(w, count, queues, ">");
		expect(w, on_read, is_heard);
	}
	if (of && (fate == FATE_DIES_AFTER || fate == FATE_DIES_BEFORE))
		worker_die(w, of);
}

static bool is_any_ready(const struct world *w, unsigned queues)
{
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++)
			if (model_is_live(&r->steps[k]) &&
			    r->steps[k].holder < 0 &&
			    (queues &
			     (1u << r->shape->steps[base_of(k)].queue)))
				return true;
	}
	return false;
}

bool act_read(struct world *w, struct worker *of, const struct action *a)
{
	int room = hands_in(of, HAND_FREE);
	unsigned queues = of->queues;
	int open = __builtin_popcount(queues);

	if (!of->is_registered || of->is_leaving || room == 0 ||
	    of->unreconciled ||
	    (w->phase != PHASE_CHAOS && !is_any_ready(w, queues)))
		return false;
	while (open > room || (open > 1 && a->c % 3 == 0)) {
		queues &= queues - 1;
		open--;
	}
	read_new(w, of, of->number, queues,
		 1 + (int)(a->b % (uint32_t)(room / open)));
	return true;
}

/* A read that was blocked when its worker froze, or was cut off. */
bool act_serve(struct world *w, struct worker *of)
{
	struct left_read *left = &w->left_read;

	w->current.fate = FATE_HEARD;
	if (of->is_frozen && of->is_registered &&
	    of->read_until >= w->true_ms && hands_in(of, HAND_FREE) > 0) {
		read_new(w, of, of->number, of->queues & -of->queues, 1);
		of->read_until = 0;
		return true;
	}
	if (left->number && left->until >= w->true_ms) {
		read_new(w, NULL, left->number, left->queues, 1);
		left->number = 0;
		return true;
	}
	return false;
}

/* Once a minute, whatever happened. */
static void audit(struct world *w, struct worker *of)
{
	if (w->phase == PHASE_CHAOS || w->true_ms < of->audit_at)
		return;
	of->audit_at = w->true_ms + AUDIT_MS;
	of->unreconciled = of->queues;
}

bool act_reconcile(struct world *w, struct worker *of, const struct action *a)
{
	unsigned among;
	int queue = (int)(a->b % QUEUES);
	enum fate fate = w->current.fate;

	audit(w, of);
	among = of->unreconciled ? of->unreconciled : of->queues;
	while (among && !(among & (1u << queue)))
		queue = (queue + 1) % QUEUES;
	if (!of->is_registered || is_lost_on_the_way(fate) ||
	    (w->phase != PHASE_CHAOS && !of->unreconciled))
		return false;
	world_tell(w, "reconcile by %d, queue %d", of->number, queue);
	w->reader = fate == FATE_HEARD ? of : NULL;
	if (fate == FATE_HEARD)
		of->unreconciled &= ~(1u << queue);
	w->reading = (struct reading){of->number, 1u << queue, true};
	send_read(w, 128, 1u << queue, "0");
	expect(w, on_read, fate == FATE_HEARD);
	return true;
}
