/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include <stdarg.h>
#include <string.h>

#define HEAL_TURNS_MAX 15000
#define TRIES 40
#define BEGIN_MS 1700000000000

/* --- words ------------------------------------------------------------------
 */

const char *action_text(enum action_kind kind)
{
	static const char *const texts[] = {
#define ACTION(name, weight, text) text,
#include "actions.def"
#undef ACTION
	};

	return texts[kind];
}

const char *fate_text(enum fate fate)
{
	static const char *const texts[] = {
#define FATE(name, weight, text) text,
#include "fates.def"
#undef FATE
	};

	return texts[fate];
}

const char *invariant_id(enum invariant id)
{
	static const char *const ids[] = {
#define INVARIANT(id, sentence) #id,
#include "invariants.def"
#undef INVARIANT
	};

	return ids[id];
}

const char *invariant_sentence(enum invariant id)
{
	static const char *const sentences[] = {
#define INVARIANT(id, sentence) sentence,
#include "invariants.def"
#undef INVARIANT
	};

	return sentences[id];
}

const char *world_key(const struct world *w, char text[TEXT_MAX])
{
	snprintf(text, TEXT_MAX, "treadle:{w%d}", w->number);
	return text;
}

/* --- its beginning ----------------------------------------------------------
 */

/* Chance makes some worlds calm and others wild, each in its own way. */
static void choose_temper(struct world *w)
{
	static const int weights[] = {
#define ACTION(name, weight, text) weight,
#include "actions.def"
#undef ACTION
	};
	static const int faults[] = {0, 60, 150, 250, 400};
	static const int ticks[] = {3, 50, 300, 2000};
	struct temper *t = &w->temper;
	struct random *r = &w->random;

	t->fault_permille = faults[random_below(r, (int)countof(faults))];
	t->tick_max_ms = ticks[random_below(r, (int)countof(ticks))];
	t->actors = 2 + random_below(r, ACTORS_MAX - 1);
	t->coordinators = 1 + random_below(r, COORDINATORS_MAX);
	t->chaos_actions = 100 + random_below(r, 700);
	t->poison = random_one_in(r, 3) ? 3 + random_below(r, 20) : 0;
	for (int i = 0; i < ACTIONS; i++) {
		t->weights[i] = weights[i] * 4;
		if (weights[i] <= 12 && random_one_in(r, 3))
			t->weights[i] *= random_one_in(r, 2) ? 4 : 0;
	}
}

void world_init(struct world *w, const struct world_options *o)
{
	int set;

	memset(w, 0, sizeof(*w));
	w->number = o->number;
	w->database = o->database;
	w->connection = o->connection;
	w->figures = o->figures;
	w->shapes = o->shapes;
	w->random.state = random_mix(o->seed + random_mix((uint64_t)o->number));
	w->true_ms = BEGIN_MS + random_below(&w->random, 1000000000);
	choose_temper(w);
	model_init(&w->model);
	set = random_below(&w->random, SHAPES / DEFINITIONS);
	for (int i = 0; i < DEFINITIONS; i++)
		w->model.definitions[i].shape =
			&o->shapes[set * DEFINITIONS + i];
	w->scan_every = 40;
	for (int i = 0; i < w->temper.coordinators; i++)
		w->coordinators[i].number = ++w->last_coordinator;
}

/* --- what is said of it -----------------------------------------------------
 */

void world_broken(struct world *w, enum invariant id, const char *fmt, ...)
{
	va_list args;

	if (w->has_failed)
		return;
	w->has_failed = true;
	w->broken = id;
	va_start(args, fmt);
	vsnprintf(w->complaint, sizeof(w->complaint), fmt, args);
	va_end(args);
	world_tell(w, "\n     *** %s: %s", invariant_id(id), w->complaint);
}

void world_tell(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (!w->story)
		return;
	va_start(args, fmt);
	vfprintf(w->story, fmt, args);
	va_end(args);
}

/* --- turns ------------------------------------------------------------------
 */

void world_on_emptied(struct world *w, const struct reply *reply, int number)
{
	(void)number;
	if (reply_is_error(reply))
		world_broken(w, INVARIANT_A1, "%s", reply_text(reply));
}

void hear(struct world *w, const struct said *s)
{
	if (w->speaker)
		worker_hear(w, w->speaker, s);
	else
		other_hear(w, s);
}

int world_disk(const struct world *w)
{
	return w->database + w->connection->databases / 2;
}

void world_select(struct world *w)
{
	connection_sendf(w->connection, "SELECT %d", w->database);
	expect(w, world_on_emptied, 0);
}

static void begin_turn(struct world *w)
{
	world_select(w);
	if (w->story)
		fprintf(w->story, "\n%5d %lld ", w->turns,
			(long long)(w->true_ms + w->offset_ms));
}

bool world_do(struct world *w, const struct action *action)
{
	bool is_worker =
		action->kind >= ACTION_REGISTER && action->kind <= ACTION_THAW;
	bool has_meant;

	w->current = *action;
	w->speaker = NULL;
	has_meant = is_worker ? act_worker(w, action) : act_other(w, action);
	if (has_meant) {
		w->figures->actions[action->kind]++;
		w->figures->fates[action->fate]++;
	}
	return has_meant;
}

static void enter(struct world *w, enum phase phase)
{
	w->phase = phase;
	w->phase_turns = 0;
	w->since_scan = w->scan_every;
	/* Chaos may be replayed shortened: the rest has luck of its own. */
	w->random.state = random_mix((uint64_t)w->number + (uint64_t)phase);
	if (phase == PHASE_HEAL) /* one is replaced: it reads all queues */
		worker_die(w, &w->workers[0]);
	w->wants_digest = phase != PHASE_LEAVE;
	world_tell(w, "--- %s",
		   phase == PHASE_HEAL    ? "all is healed"
		   : phase == PHASE_LEAVE ? "all leave"
					  : "over");
}

static bool next_scripted(struct world *w, struct action *a)
{
	if (w->script_at == w->script_count)
		return false;
	*a = w->script[w->script_at++];
	return true;
}

static void chaos_turn(struct world *w)
{
	struct action a;

	for (int i = 0; i < TRIES; i++) {
		if (w->script ? !next_scripted(w, &a)
			      : w->acted >= w->temper.chaos_actions) {
			enter(w, PHASE_HEAL);
			return;
		}
		if (!w->script)
			a = choose_chaos(w);
		if (a.kind == ACTION_RESTART) {
			w->wants_restart = true;
			return;
		}
		if (world_do(w, &a)) {
			w->acted++;
			world_note(w, &a);
			return;
		}
	}
}

void world_note(struct world *w, const struct action *a)
{
	if (w->trace_count < TRACE_MAX)
		w->trace[w->trace_count++] = *a;
}

static void tell_stuck(struct world *w)
{
	char step[TEXT_MAX];
	for (int i = 0; i < RUNS_MAX; i++) {
		struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++) {
			if (model_is_live(&r->steps[k]) ||
			    (r->state == RUN_RUNNING &&
			     (r->steps[k].state == DELAYED ||
			      r->steps[k].state == PARKED)))
				world_broken(
					w, INVARIANT_V1,
					"step %s of run %d is %s for ever",
					name_step(step, k), r->number,
					step_state_name(r->steps[k].state));
		}
	}
	for (int i = 0; i < WORKERS_MAX && w->phase == PHASE_LEAVE; i++)
		if (w->model.workers[i].number)
			world_broken(w, INVARIANT_R3,
				     "worker %d is never forgotten",
				     w->model.workers[i].number);
	world_broken(w, INVARIANT_V1, "something is never answered");
}

static void quiet_turn(struct world *w)
{
	bool is_leaving = w->phase == PHASE_LEAVE;

	if (is_leaving ? world_has_left(w) : world_is_healed(w)) {
		enter(w, is_leaving ? PHASE_OVER : PHASE_LEAVE);
		return;
	}
	if (w->phase_turns > HEAL_TURNS_MAX) {
		tell_stuck(w);
		return;
	}
	for (int i = 0; i < TRIES; i++) {
		struct action a =
			is_leaving ? choose_leaving(w) : choose_healing(w);

		w->phase_turns++;
		if (world_do(w, &a))
			return;
	}
}

void world_turn(struct world *w)
{
	if (w->phase == PHASE_OVER)
		return; /* its last answers are on their way */
	begin_turn(w);
	w->turns++;
	w->true_ms += w->turns % 3;
	if (w->phase == PHASE_CHAOS)
		chaos_turn(w);
	else
		quiet_turn(w);
	if (++w->since_scan >= w->scan_every && !w->wants_restart) {
		w->since_scan = 0;
		scan(w);
	}
}

bool world_is_over(const struct world *w)
{
	return (w->phase == PHASE_OVER && w->digests_due == 0) || w->has_failed;
}
