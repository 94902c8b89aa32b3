/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "treadle/value.h"

#include "parts.h"

/* What somebody is shown, against what the model says. */
#define LETTERS_MAX (RUNS_MAX * PLACES_MAX)

static void show_broken(struct world *w, const char *what)
{
	world_broken(w, INVARIANT_L1, "%s does not show %s",
		     call_name(w->look.function), what);
}

/* --- members of what is shown -----------------------------------------------
 */

/* -1: there is none. */
static int64_t number_of(jv object, const char *name)
{
	jv v = value_get(object, name);
	int64_t number = value_is_whole(v) ? (int64_t)jv_number_value(v) : -1;

	jv_free(v);
	return number;
}

static void check_number(struct world *w, jv object, const char *name,
			 int64_t expected)
{
	int64_t got = number_of(object, name);

	if (got != expected)
		world_broken(w, INVARIANT_L1,
			     "%s was to show %s %" PRId64 ", not %" PRId64,
			     call_name(w->look.function), name, expected, got);
}

static void text_of(jv object, const char *name, char text[TEXT_MAX])
{
	jv v = value_get(object, name);

	snprintf(text, TEXT_MAX, "%s",
		 value_is_text(v) ? value_text(v).data : "");
	jv_free(v);
}

static void check_text(struct world *w, jv object, const char *name,
		       const char *expected)
{
	char got[TEXT_MAX];

	text_of(object, name, got);
	if (strcmp(got, expected) != 0)
		world_broken(w, INVARIANT_L1,
			     "%s was to show %s \"%s\", not \"%s\"",
			     call_name(w->look.function), name, expected, got);
}

static bool is_true(jv object, const char *name)
{
	jv v = value_get(object, name);
	bool is = jv_get_kind(v) == JV_KIND_TRUE;

	jv_free(v);
	return is;
}

/* How many items a list has; each is handed to `check` with its place. */
typedef void check_item_fn(struct world *w, jv item, int place);

static int check_list(struct world *w, jv object, const char *name,
		      check_item_fn *check)
{
	jv list = value_get(object, name);
	bool is_list = jv_get_kind(list) == JV_KIND_ARRAY;
	int count = is_list ? jv_array_length(jv_copy(list)) : -1;

	for (int i = 0; i < count && check && !w->has_failed; i++) {
		jv item = jv_array_get(jv_copy(list), i);

		check(w, item, i);
		jv_free(item);
	}
	jv_free(list);
	return count;
}

/* --- one run ----------------------------------------------------------------
 */

/* Until it is settled. */
static void check_rounds(struct world *w, jv item, const struct model_run *r,
			 int step)
{
	const struct model_step *s = &r->steps[step];
	int rounds = model_is_settled(s)
			     ? 0
			     : shape_rounds(&r->shape->steps[step], step);

	check_number(w, item, "round", rounds ? s->left.rounds : -1);
	check_number(w, item, "rounds", rounds ? rounds : -1);
}

static void check_step(struct world *w, jv item, int place)
{
	struct model_run *r = model_run_find(&w->model, w->look.run);
	const struct model_step *s;
	char name[TEXT_MAX];
	int step;

	(void)place;
	text_of(item, "step", name);
	step = number_of_step(name);
	if (step < 0 || step >= r->shape->count) {
		show_broken(w, "a step of the run");
		return;
	}
	s = &r->steps[step];
	check_text(w, item, "state", step_state_name(s->state));
	check_number(w, item, "attempt", s->attempt);
	check_number(w, item, "recoveries",
		     s->state == WAITING ? 0 : s->recoveries);
	check_number(w, item, "due_at", model_is_due(s) ? s->due_at : -1);
	check_rounds(w, item, r, step);
	check_text(w, item, "cached_from",
		   s->source_run
			   ? name_source(name, s->source_run, s->source_step)
			   : "");
	if (s->state == RUNNING)
		check_text(w, item, "worker", name_worker(name, s->worker));
}

static void check_status(struct world *w, jv v)
{
	struct model_run *r = model_run_find(&w->model, w->look.run);
	char name[TEXT_MAX];

	check_text(w, v, "run", name_run(name, r->number));
	check_text(w, v, "state", run_state_name(r->state));
	check_text(w, v, "workflow", r->shape->name);
	check_number(w, v, "left", r->left);
	check_text(w, v, "closing",
		   r->closing ? run_state_name(r->ending) : "");
	check_number(w, v, "submitted_at", r->submitted_at);
	check_number(w, v, "finished_at", r->finished_at ? r->finished_at : -1);
	if (check_list(w, v, "steps", check_step) != r->shape->count)
		show_broken(w, "all steps");
}

/* A log and a failure of one try are shown as one. */
static void check_logs(struct world *w, jv v)
{
	const struct model_run *r = model_run_find(&w->model, w->look.run);
	int expected = r->log_count;

	for (int i = 0; i < r->log_count; i++)
		for (int k = 0; k < r->log_count; k++)
			expected -= (r->logs[i] & 0xff) == 0 &&
				    r->logs[k] == r->logs[i] + 1;
	if (check_list(w, v, "attempts", NULL) != expected)
		show_broken(w, "all attempts");
}

/* --- many runs --------------------------------------------------------------
 */

static int runs_descending(const void *left, const void *right)
{
	return *(const int *)right - *(const int *)left;
}

/* The runs that are to be listed, the newest first; returns how many. */
static int gather_runs(const struct world *w, int runs[RUNS_MAX])
{
	const struct look *l = &w->look;
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		if (r->number && (l->state < 0 || l->state == (int)r->state) &&
		    (l->definition < 0 || l->definition == r->definition) &&
		    (!l->is_below || r->number < l->run))
			runs[count++] = r->number;
	}
	qsort(runs, (size_t)count, sizeof(runs[0]), runs_descending);
	return count;
}

static void check_listed(struct world *w, jv item, int place)
{
	int runs[RUNS_MAX], count = gather_runs(w, runs);
	struct model_run *r;
	char name[TEXT_MAX];

	if (place >= count) {
		show_broken(w, "only what there is");
		return;
	}
	r = model_run_find(&w->model, runs[place]);
	check_text(w, item, "run", name_run(name, r->number));
	check_text(w, item, "state", run_state_name(r->state));
	check_number(w, item, "left", r->left);
	check_number(w, item, "total", r->shape->count);
}

/* Of one workflow a page may be short, and yet not the last. */
static void check_page(struct world *w, jv v)
{
	int runs[RUNS_MAX], count = gather_runs(w, runs);
	int shown = check_list(w, v, "runs", check_listed);
	jv cursor = value_get(v, "cursor");
	bool is_end = jv_get_kind(cursor) == JV_KIND_NULL;

	jv_free(cursor);
	if (is_end ? shown != count
		   : w->look.definition < 0 && shown != w->look.limit)
		show_broken(w, "a whole page");
	if (is_end && count > w->look.limit)
		show_broken(w, "that there is more");
}

static void check_found(struct world *w, jv v)
{
	int count = 0, shown = check_list(w, v, "runs", NULL);

	for (int i = 0; i < RUNS_MAX; i++)
		count += w->model.runs[i].number &&
			 (!w->look.is_below ||
			  w->model.runs[i].number == w->look.run);
	if (shown != (count < 10 ? count : 10))
		show_broken(w, "the runs whose ids begin so");
}

/* --- dead letters -----------------------------------------------------------
 */

struct shown_letter {
	const struct model_run *run;
	const struct letter *letter;
	int step;
};

static int letters_descending(const void *left, const void *right)
{
	return entry_compare(
		((const struct shown_letter *)right)->letter->entry,
		((const struct shown_letter *)left)->letter->entry);
}

static int gather_letters(const struct world *w,
			  struct shown_letter letters[LETTERS_MAX])
{
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		if (!r->number ||
		    (w->look.is_below && r->number != w->look.run))
			continue;
		for (int k = 0; k < r->shape->places; k++)
			if (r->steps[k].letter.is_there)
				letters[count++] = (struct shown_letter){
					r, &r->steps[k].letter, k};
	}
	qsort(letters, (size_t)count, sizeof(letters[0]), letters_descending);
	return count;
}

static void check_letter(struct world *w, jv item, int place)
{
	struct shown_letter letters[LETTERS_MAX], *of = &letters[place];
	char text[TEXT_MAX];

	if (place >= gather_letters(w, letters)) {
		show_broken(w, "only what there is");
		return;
	}
	check_text(w, item, "entry", name_entry(text, of->letter->entry));
	check_text(w, item, "run", name_run(text, of->run->number));
	check_text(w, item, "step", name_step(text, of->step));
	check_text(w, item, "class", class_name(of->letter->class));
	check_number(w, item, "attempts", of->letter->attempts);
	check_number(w, item, "recoveries", of->letter->recoveries);
	if (check_list(w, item, "history", NULL) != of->letter->history)
		show_broken(w, "the history of a dead letter");
}

static void check_dead(struct world *w, jv v)
{
	struct shown_letter letters[LETTERS_MAX];
	int count = gather_letters(w, letters);

	if (check_list(w, v, "dead", check_letter) !=
	    (count < w->look.limit ? count : w->look.limit))
		show_broken(w, "all dead letters");
}

/* --- the whole --------------------------------------------------------------
 */

static int live_in(const struct world *w, int queue, bool is_held)
{
	int count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++)
			count += model_is_live(&r->steps[k]) &&
				 r->shape->steps[base_of(k)].queue == queue &&
				 (r->steps[k].holder >= 0) == is_held;
	}
	return count;
}

static void check_queue(struct world *w, jv item, int place)
{
	char name[TEXT_MAX];
	int queue;

	(void)place;
	text_of(item, "queue", name);
	queue = number_behind(name, 1);
	if (queue < 0 || queue >= QUEUES) {
		show_broken(w, "a queue");
		return;
	}
	check_number(w, item, "waiting", live_in(w, queue, false));
	check_number(w, item, "running", live_in(w, queue, true));
	if (is_true(item, "paused") != ((w->model.paused & (1u << queue)) != 0))
		show_broken(w, "whether a queue is paused");
}

static void check_queues(struct world *w, jv v)
{
	if (check_list(w, v, "queues", check_queue) !=
	    __builtin_popcount(w->model.queues))
		show_broken(w, "all queues");
}

/*
 * A registration that came late may have given a lost worker a lease: it is
 * shown as both for as long as that lasts.
 */
static void count_workers(const struct world *w, int *live, int *lost)
{
	*live = *lost = 0;
	for (int i = 0; i < WORKERS_MAX; i++) {
		const struct model_worker *of = &w->model.workers[i];
		bool is_late = of->lease_ends < w->model.now;

		if (!of->number)
			continue;
		*live += of->is_leased && !is_late;
		*lost += (of->is_leased && is_late) + (of->forget_at != 0);
	}
}

static void check_worker(struct world *w, jv item, int place)
{
	char name[TEXT_MAX];
	const struct model_worker *of;
	bool is_live;

	(void)place;
	text_of(item, "worker", name);
	of = model_worker_find(&w->model, number_behind(name, 1));
	if (!of) {
		show_broken(w, "a worker that there is");
		return;
	}
	is_live = of->is_leased && of->lease_ends > w->model.now;
	text_of(item, "state", name);
	if (strcmp(name, is_live ? "live" : "lost") != 0 && !of->forget_at)
		show_broken(w, "whether a worker lives");
}

static void check_workers(struct world *w, jv v)
{
	int live, lost;

	count_workers(w, &live, &lost);
	if (check_list(w, v, "workers", check_worker) != live + lost)
		show_broken(w, "all workers");
}

static void check_counters(struct world *w, jv v)
{
	jv counters = value_get(v, "counters");

	for (int i = 0; i < COUNTERS; i++) {
		int64_t expected = w->model.counters[i];
		const char *name = counter_name((enum counter)i);

		if (expected || number_of(counters, name) != -1)
			check_number(w, counters, name, expected);
	}
	jv_free(counters);
}

static void check_stats(struct world *w, jv v)
{
	struct shown_letter letters[LETTERS_MAX];
	int live, lost, delayed = 0, runs[RUN_STATES] = {0};
	jv of = value_get(v, "workers");

	w->look.is_below = false; /* of all */
	count_workers(w, &live, &lost);
	check_number(w, of, "live", live);
	check_number(w, of, "lost", lost);
	jv_free(of);
	of = value_get(v, "runs");
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		runs[r->state] += r->number != 0;
		delayed += r->number && r->is_scheduled;
		for (int k = 0; r->number && k < r->shape->places; k++)
			delayed += model_is_due(&r->steps[k]);
	}
	for (int i = 0; i < RUN_STATES; i++)
		check_number(w, of, run_state_name((enum run_state)i), runs[i]);
	jv_free(of);
	check_number(w, v, "now", w->model.now);
	check_number(w, v, "delayed", delayed);
	check_number(w, v, "dead", gather_letters(w, letters));
	check_counters(w, v);
	check_queues(w, v);
}

/* --- what is answered -------------------------------------------------------
 */

typedef void check_shown_fn(struct world *w, jv v);

static check_shown_fn *const checks[CALL_COUNT] = {
	[CALL_find] = check_found,      [CALL_status] = check_status,
	[CALL_list] = check_page,       [CALL_dead] = check_dead,
	[CALL_logs] = check_logs,       [CALL_queues] = check_queues,
	[CALL_workers] = check_workers, [CALL_stats] = check_stats,
};

static void check_json(struct world *w, const struct reply *reply)
{
	struct error err;
	jv v;

	if (json_parse(slice_of(reply_text(reply)), &v, &err) < 0) {
		world_broken(w, INVARIANT_L1, "%s answers no JSON: %s",
			     call_name(w->look.function), err.text);
		return;
	}
	checks[w->look.function](w, v);
	jv_free(v);
}

static void check_definition(struct world *w, const struct reply *reply)
{
	bool is_there = w->model.definitions[w->look.definition].is_there;

	if (strcmp(reply_text(reply), is_there ? "canonical" : "") != 0)
		show_broken(w, "a definition");
}

static bool is_of_no_run(const struct world *w)
{
	return (w->look.function == CALL_status ||
		w->look.function == CALL_logs) &&
	       !model_run_find((struct model *)&w->model, w->look.run);
}

void check_shown(struct world *w, const struct reply *reply, int number)
{
	(void)number;
	w->model.now = w->true_ms + w->offset_ms;
	if (is_of_no_run(w)) {
		if (!reply_is_error(reply) ||
		    strncmp(reply->text.data, "ABSENT", 6) != 0)
			show_broken(w, "that there is no such run");
	} else if (reply_is_error(reply)) {
		world_broken(w, INVARIANT_L1, "%s was refused: %.200s",
			     call_name(w->look.function), reply->text.data);
	} else if (w->look.function == CALL_definition) {
		check_definition(w, reply);
	} else if (w->look.function == CALL_version) {
		if (reply->type != REPLY_INTEGER)
			show_broken(w, "a number");
	} else {
		check_json(w, reply);
	}
}
