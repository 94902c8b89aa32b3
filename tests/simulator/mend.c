/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "wound.h"

/*
 * treadle_mend: of what was damaged a moment ago, and of what is well, where it
 * must find nothing to do.
 */

static void on_mended(struct world *w, const struct reply *reply, int expected)
{
	bool is_mended = strstr(reply_text(reply), "\"mended\":true") != NULL;

	world_tell(w, " -> %s", reply_text(reply));
	if (reply_is_error(reply) || is_mended != expected)
		world_broken(w, INVARIANT_D1, "mend was to find %s: %.200s",
			     expected ? "damage" : "nothing",
			     reply_text(reply));
}

static void say_mend(struct wound *x, bool is_wounded)
{
	struct world *w = x->w;
	struct command *c = connection_begin(w->connection, "FCALL");
	struct slice rest = slice_of(x->mend);

	command_text(c, "treadle_mend");
	command_text(c, "1");
	command_text(c, x->key);
	while (rest.len)
		command_slice(c, slice_cut(&rest, ' '));
	command_int(c, w->model.now);
	connection_send(w->connection);
	expect(w, on_mended, is_wounded);
	w->figures->calls[CALL_mend]++;
}

bool act_mend(struct world *w, const struct action *a)
{
	int kind = (int)(a->b % WOUNDS);
	bool is_wounded = a->c % 4 != 0 && wounds[kind].make;
	struct wound x = {.w = w};

	w->model.now = w->true_ms + w->offset_ms;
	world_key(w, x.key);
	if (!wounds[kind].find(&x, a->a))
		return false;
	world_tell(w, "%s; mend %s", is_wounded ? wounds[kind].text : "well",
		   x.mend);
	if (is_wounded) {
		wounds[kind].make(&x);
		expect(w, world_on_emptied, 0);
	}
	say_mend(&x, is_wounded);
	if (is_wounded && wounds[kind].mend)
		wounds[kind].mend(&x);
	w->since_scan = w->scan_every; /* all is looked at now */
	return true;
}
