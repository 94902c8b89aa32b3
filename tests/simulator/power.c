/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "parts.h"

/*
 * Power cuts. What Redis has answered is not all on the disk; when the power
 * fails, what happened since never happened, and who acted upon it goes on
 * without knowing. So a world is copied now and then, key by key, to a database
 * beside its own, with its model, and comes back as it was then.
 */
static const char copy_script[] =
	"redis.call('SELECT', ARGV[2]) "
	"redis.call('FLUSHDB') "
	"redis.call('SELECT', ARGV[1]) "
	"for _, key in ipairs(redis.call('KEYS', '*')) do "
	"redis.call('COPY', key, key, 'DB', ARGV[2]) end";

static void copy(struct world *w, int from, int to)
{
	struct command *c = connection_begin(w->connection, "EVAL");

	command_text(c, copy_script);
	command_text(c, "0");
	command_int(c, from);
	command_int(c, to);
	connection_send(w->connection);
	expect(w, world_on_emptied, 0);
}

bool act_sync(struct world *w)
{
	world_tell(w, "what Redis has is on the disk");
	copy(w, w->database, world_disk(w));
	w->disk = w->model;
	w->synced_at = w->turns;
	return true;
}

/*
 * Connections break: each looks for what it may have been given. Reads that
 * were blocked are no more, and nobody is missed for a while.
 */
static void notice(struct world *w)
{
	w->left_read.number = 0;
	for (int i = 0; i < ACTORS_MAX; i++) {
		w->workers[i].read_until = 0;
		w->workers[i].unreconciled = w->workers[i].queues;
	}
	for (int i = 0; i < w->temper.coordinators; i++)
		w->coordinators[i].offset_seen = INT64_MAX;
	w->has_read = w->was_cut = true;
}

bool act_cut(struct world *w)
{
	if (w->synced_at == 0 || w->turns - w->synced_at > CUT_TURNS)
		return false;
	world_tell(w, "the power fails: back to turn %d", w->synced_at);
	copy(w, world_disk(w), w->database);
	w->model = w->disk;
	notice(w);
	return true;
}
