/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "parts.h"

/*
 * Who looks is never refused, in whatever state things are, is shown what the
 * model says, and changes nothing: Redis refuses a write under FCALL_RO.
 */

static void add_arguments(const struct world *w, struct command *to)
{
	const struct look *l = &w->look;
	const struct model_definition *of =
		l->definition < 0 ? NULL : &w->model.definitions[l->definition];
	char run[TEXT_MAX];

	name_run(run, l->run);
	switch (l->function) {
	case CALL_definition:
		command_text(to, of->shape->digest);
		break;
	case CALL_find:
		command_text(to, l->is_below ? run : "01k");
		break;
	case CALL_status:
	case CALL_logs:
		command_text(to, run);
		break;
	case CALL_list:
		command_text(
			to, l->state < 0
				    ? ""
				    : run_state_name((enum run_state)l->state));
		command_text(to, l->is_below ? run : "");
		command_addf(to, "%d", l->limit);
		command_text(to, of ? of->shape->name : "");
		break;
	case CALL_dead:
		command_text(to, "");
		command_addf(to, "%d", l->limit);
		for (int i = 0; i < 4; i++)
			command_text(to, "");
		command_text(to, l->is_below ? run : "");
		break;
	default:
		break;
	}
}

static void choose_look(struct world *w, const struct action *a)
{
	static const enum function looks[] = {
		CALL_definition, CALL_stats,   CALL_version, CALL_find,
		CALL_status,     CALL_list,    CALL_dead,    CALL_logs,
		CALL_queues,     CALL_workers, CALL_status,  CALL_list};
	static const int limits[] = {1, 3, 50, 1000};
	int run = w->last_run - (int)(a->b % (RUNS_MAX * 2));

	w->look = (struct look){.function = looks[a->a % countof(looks)],
				.run = run > 0 ? run : 1,
				.limit = limits[a->c % countof(limits)],
				.state = (int)(a->c / 8 % 6) - 2,
				.definition =
					(int)(a->c / 64 % (2 * DEFINITIONS)) -
					DEFINITIONS,
				.is_below = a->c / 1024 % 2};
	if (w->look.function == CALL_definition)
		w->look.definition = (int)(a->b % DEFINITIONS);
}

bool act_look(struct world *w, const struct action *a)
{
	bool is_memory_full = a->b / 64 % 8 == 0;
	struct command *c;
	char text[TEXT_MAX];

	choose_look(w, a);
	world_tell(w, "%s is looked at%s", call_name(w->look.function),
		   is_memory_full ? ", memory is full" : "");
	w->figures->calls[w->look.function]++;
	if (is_memory_full) {
		connection_sendf(w->connection, "CONFIG SET maxmemory 1");
		expect(w, world_on_emptied, 0);
	}
	c = connection_begin(w->connection, "FCALL_RO");
	command_addf(c, "treadle_%s", call_name(w->look.function));
	command_text(c, "1");
	command_text(c, world_key(w, text));
	add_arguments(w, c);
	command_int(c, w->true_ms + w->offset_ms);
	connection_send(w->connection);
	expect(w, check_shown, 0);
	if (is_memory_full) {
		connection_sendf(w->connection, "CONFIG SET maxmemory 0");
		expect(w, world_on_emptied, 0);
	}
	return true;
}
