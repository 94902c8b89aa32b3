/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "scan_data.h"

/*
 * All of a world against its model: everything that ought to be there is, and
 * nothing else. Each handler looks at one key.
 */

static struct model_step *step_named(struct world *w, const char *run,
				     const char *step, struct model_run **r)
{
	int number;

	*r = model_run_find(&w->model, number_of_run(run));
	number = number_of_step(step);
	if (!*r || number < 0 || number >= (*r)->shape->places)
		return NULL;
	return &(*r)->steps[number];
}

static const char *item_text(const struct reply *reply, size_t i)
{
	return reply_text(&reply->items[i]);
}

static long number_in(const struct reply *fields, const char *name)
{
	const char *text = reply_field(fields, name);

	return text ? strtol(text, NULL, 10) : -1;
}

/* Says so where a key holds another number of things than it ought to. */
void scan_count(struct world *w, enum invariant id, const char *what,
		size_t got, size_t expected)
{
	if (got != expected)
		world_broken(w, id, "%s: there are %zu, not %zu", what, got,
			     expected);
}

/* --- queues -----------------------------------------------------------------
 */

static size_t live_in(const struct world *w, int queue, bool is_held)
{
	size_t count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++)
			count += model_is_live(&r->steps[k]) &&
				 r->shape->steps[base_of(k)].queue == queue &&
				 (!is_held || r->steps[k].holder >= 0);
	}
	return count;
}

void scan_stream(struct world *w, const struct reply *reply, int queue)
{
	for (size_t i = 0; i < reply->count; i++) {
		const struct reply *fields = &reply->items[i].items[1];
		const char *run = reply_field(fields, "run");
		const char *step = reply_field(fields, "step");
		struct model_run *r;
		struct model_step *named, *s = NULL;
		struct entry entry;

		entry_read(item_text(&reply->items[i], 0), &entry);
		named = step_named(w, run ? run : "", step ? step : "", &r);
		if (named)
			s = model_step_at(r, queue, entry);
		if (!s && named && model_is_live(named))
			world_broken(w, INVARIANT_S7,
				     "run %s/%s has two entries in queue %d",
				     run, step, queue);
		else if (!s || (s != named && named->state != DONE))
			world_broken(w, INVARIANT_S9,
				     "queue %d holds an entry of run %s/%s, "
				     "which is %s",
				     queue, run, step,
				     named ? step_state_name(named->state)
					   : "gone");
	}
	scan_count(w, INVARIANT_S9, "entries of a queue", reply->count,
		   live_in(w, queue, false));
}

void scan_pending(struct world *w, const struct reply *reply, int queue)
{
	size_t count = 0;

	for (int i = 0; i < RUNS_MAX; i++) {
		struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++) {
			struct model_step *s = &r->steps[k];
			char entry[TEXT_MAX], worker[TEXT_MAX];
			bool is_found = false;

			if (!model_is_live(s) || s->holder < 0 ||
			    r->shape->steps[base_of(k)].queue != queue)
				continue;
			name_entry(entry, s->entry);
			name_worker(worker, s->holder);
			for (size_t p = 0; p < reply->count; p++)
				is_found =
					is_found ||
					(strcmp(item_text(&reply->items[p], 0),
						entry) == 0 &&
					 strcmp(item_text(&reply->items[p], 1),
						worker) == 0);
			if (!is_found)
				world_broken(w, INVARIANT_R3,
					     "run %d/%s is not pending for %s",
					     r->number, STEP_NAME(k), worker);
			count++;
		}
	}
	if (!reply_is_error(reply))
		scan_count(w, INVARIANT_R3, "pending entries of a queue",
			   reply->count, count);
}

void scan_consumers(struct world *w, const struct reply *reply, int queue)
{
	for (size_t i = 0; i < reply->count && w->phase == PHASE_OVER; i++)
		world_broken(w, INVARIANT_R3,
			     "queue %d still knows consumer %s", queue,
			     reply_field(&reply->items[i], "name"));
}

/* --- runs -------------------------------------------------------------------
 */

void scan_run(struct world *w, const struct reply *reply, int number)
{
	check_run(w, &w->model.runs[number], reply);
}

static void check_output(struct world *w, const struct reply *hash,
			 const char *field, const char *expected,
			 enum invariant id)
{
	const char *got = reply_field(hash, field);

	if (strcmp(got ? got : "", expected) != 0)
		world_broken(w, id, "%s is kept as \"%s\", not \"%s\"", field,
			     got ? got : "", expected);
}

void scan_output(struct world *w, const struct reply *reply, int number)
{
	const struct model_run *r = &w->model.runs[number];
	char text[TEXT_MAX], field[TEXT_MAX];
	size_t count;

	name_payload(text, 'i', r->input);
	count = strlen(text) > INPUT_SMALL;
	check_output(w, reply, ".input", count ? text : "", INVARIANT_S15);
	for (int i = 0; i < r->shape->places; i++) {
		const struct model_step *s = &r->steps[i];

		if (s->state == NOWHERE)
			continue;
		check_output(w, reply, name_step(field, i),
			     name_payload(text, 'o', s->output), INVARIANT_S4);
		snprintf(field, sizeof(field), ".memo:%s", STEP_NAME(i));
		check_output(w, reply, field, name_payload(text, 'm', s->memo),
			     INVARIANT_S15);
		snprintf(field, sizeof(field), ".last:%s", STEP_NAME(i));
		check_output(w, reply, field, name_left(text, &s->left),
			     INVARIANT_N1);
		snprintf(field, sizeof(field), ".error:%s", STEP_NAME(i));
		if (s->has_error != (reply_field(reply, field) != NULL))
			world_broken(w, INVARIANT_B2,
				     "run %d/%s %s told why it failed",
				     r->number, STEP_NAME(i),
				     s->has_error ? "has not" : "has");
		snprintf(field, sizeof(field), ".signal:%s", STEP_NAME(i));
		check_output(w, reply, field,
			     name_payload(text, 'd', s->signal), INVARIANT_W1);
		count += (s->output != 0) + (s->memo != 0) + s->has_error +
			 (s->signal != 0) + (s->left.rounds != 0);
	}
	scan_count(w, INVARIANT_R1, "outputs of a run", reply->count / 2,
		   count);
}

/* What a list of a step with items holds: one thing for each item. */
static void check_kept(struct world *w, const struct reply *reply, int number,
		       char kind, const uint32_t *payloads)
{
	const struct model_run *r = &w->model.runs[number / STEPS_MAX];
	int step = number % STEPS_MAX, count = r->lists[step].kept;

	scan_count(w, INVARIANT_I1, "items or results of a step", reply->count,
		   (size_t)count);
	for (int i = 0; i < count && !w->has_failed; i++) {
		const char *got = item_text(reply, (size_t)i);
		bool is_failed = payloads[i] == ITEM_FAILED;
		char text[TEXT_MAX] = "";

		if (!is_failed)
			name_payload(text, kind, payloads[i]);
		if (is_failed      ? got[0] != '\301'
		    : !payloads[i] ? strspn(got, " ") == 0
				   : strcmp(got, text) != 0)
			world_broken(w, INVARIANT_I1,
				     "of item %d of run %d/%s \"%s\" is kept, "
				     "not \"%s\"",
				     i, r->number, STEP_NAME(step), got, text);
	}
}

void scan_items(struct world *w, const struct reply *reply, int number)
{
	check_kept(w, reply, number, 'e',
		   w->model.runs[number / STEPS_MAX]
			   .lists[number % STEPS_MAX]
			   .items);
}

void scan_results(struct world *w, const struct reply *reply, int number)
{
	check_kept(w, reply, number, 'o',
		   w->model.runs[number / STEPS_MAX]
			   .lists[number % STEPS_MAX]
			   .results);
}

void scan_log(struct world *w, const struct reply *reply, int number)
{
	const struct model_run *r = &w->model.runs[number];

	for (int i = 0; i < r->log_count; i++) {
		uint32_t code = r->logs[i];
		int try = (int)(code & 0xff) - 2;
		char field[TEXT_MAX], suffix[16] = "";

		if (try == -2)
			snprintf(suffix, sizeof(suffix), "/log");
		else if (try >= 0)
			snprintf(suffix, sizeof(suffix), "~%d", try);
		snprintf(field, sizeof(field), "%s/%d%s",
			 STEP_NAME((int)(code >> 24)),
			 (int)(code >> 8 & 0xffff), suffix);
		if (!reply_field(reply, field))
			world_broken(w, INVARIANT_S12,
				     "nothing is kept of %s of run %d", field,
				     r->number);
	}
	scan_count(w, INVARIANT_S12, "what attempts left", reply->count / 2,
		   (size_t)r->log_count);
}

/* --- indexes ----------------------------------------------------------------
 */

void scan_delayed(struct world *w, const struct reply *reply, int number)
{
	size_t expected = 0;

	(void)number;
	for (int i = 0; i < RUNS_MAX; i++) {
		const struct model_run *r = &w->model.runs[i];

		expected += r->number && r->is_scheduled;
		for (int k = 0; r->number && k < r->shape->places; k++)
			expected += model_is_due(&r->steps[k]);
	}
	for (size_t i = 0; i + 1 < reply->count; i += 2) {
		const char *member = item_text(reply, i);
		int64_t score = strtoll(item_text(reply, i + 1), NULL, 10);
		char run[27] = "";
		struct model_run *r;
		struct model_step *s;

		snprintf(run, sizeof(run), "%s", member);
		s = step_named(w, run, strlen(member) > 27 ? member + 27 : "",
			       &r);
		if (!r || (s ? !model_is_due(s) : !r->is_scheduled))
			world_broken(w, INVARIANT_S9,
				     "%s is delayed and should not be", member);
		else if (score != (s ? s->due_at : r->deadline_at))
			world_broken(w, s ? INVARIANT_S13 : INVARIANT_S14,
				     "%s is due at %" PRId64, member, score);
	}
	scan_count(w, INVARIANT_S9, "delayed", reply->count / 2, expected);
}

void scan_index(struct world *w, const struct reply *reply, int state)
{
	size_t expected = 0;

	for (int i = 0; i < RUNS_MAX; i++)
		expected += w->model.runs[i].number &&
			    (int)w->model.runs[i].state == state;
	for (size_t i = 0; i < reply->count; i++) {
		struct model_run *r = model_run_find(
			&w->model, number_of_run(item_text(reply, i)));

		if (!r || (int)r->state != state)
			world_broken(w, INVARIANT_M2,
				     "run %s is not %s, and said to be",
				     item_text(reply, i),
				     run_state_name((enum run_state)state));
	}
	scan_count(w, INVARIANT_M2, "runs in an index", reply->count, expected);
}

void scan_finished(struct world *w, const struct reply *reply, int number)
{
	size_t expected = 0;

	(void)number;
	for (int i = 0; i < RUNS_MAX; i++)
		expected += w->model.runs[i].number &&
			    w->model.runs[i].state != RUN_RUNNING;
	for (size_t i = 0; i + 1 < reply->count; i += 2) {
		struct model_run *r = model_run_find(
			&w->model, number_of_run(item_text(reply, i)));

		if (!r || strtoll(item_text(reply, i + 1), NULL, 10) !=
				  r->finished_at)
			world_broken(w, INVARIANT_M2,
				     "run %s did not finish then",
				     item_text(reply, i));
	}
	scan_count(w, INVARIANT_M2, "finished runs", reply->count / 2,
		   expected);
}

/* Members of a set that are numbered names; a bit for each. */
void scan_queue_set(struct world *w, const struct reply *reply, int paused)
{
	unsigned got = 0;

	for (size_t i = 0; i < reply->count; i++)
		got |= 1u << number_behind(item_text(reply, i), 1);
	if (got != (paused ? w->model.paused : w->model.queues))
		world_broken(w, paused ? INVARIANT_S21 : INVARIANT_M2,
			     "%s queues are %x", paused ? "paused" : "known",
			     got);
}

void scan_keys(struct world *w, const struct reply *reply, int number)
{
	char key[TEXT_MAX], run[TEXT_MAX];
	size_t expected = 0;

	(void)number;
	for (int i = 0; i < KEYS; i++) {
		const char *got = reply_field(reply, name_key(key, i));

		expected += w->model.keys[i].run != 0;
		name_run(run, w->model.keys[i].run);
		if (w->model.keys[i].run &&
		    (!got || strncmp(got, run, strlen(run)) != 0))
			world_broken(w, INVARIANT_S2, "key %d is of run %s", i,
				     got ? got : "none");
	}
	scan_count(w, INVARIANT_S2, "idempotency keys", reply->count / 2,
		   expected);
}

void scan_counters(struct world *w, const struct reply *reply, int number)
{
	(void)number;
	for (int i = 0; i < COUNTERS; i++) {
		const char *name = counter_name((enum counter)i);
		const char *got = reply_field(reply, name);

		if ((got ? strtoll(got, NULL, 10) : 0) != w->model.counters[i])
			world_broken(w, INVARIANT_M1, "%s is %s, not %" PRId64,
				     name, got ? got : "nothing",
				     w->model.counters[i]);
	}
}

void scan_dead(struct world *w, const struct reply *reply, int number)
{
	size_t expected = 0;

	(void)number;
	for (int i = 0; i < RUNS_MAX; i++)
		for (int k = 0; k < PLACES_MAX && w->model.runs[i].number; k++)
			expected += w->model.runs[i].steps[k].letter.is_there;
	for (size_t i = 0; i < reply->count; i++) {
		const struct reply *fields = &reply->items[i].items[1];
		const char *history = reply_field(fields, "history");
		struct model_run *r;
		struct model_step *s =
			step_named(w, reply_field(fields, "run"),
				   reply_field(fields, "step"), &r);
		int count = 0;

		for (const char *at = history;
		     at && (at = strstr(at, "\"attempt\":")); at++)
			count++;
		if (!s || !s->letter.is_there || count != s->letter.history ||
		    number_in(fields, "attempts") != s->letter.attempts ||
		    number_in(fields, "recoveries") != s->letter.recoveries ||
		    strcmp(reply_field(fields, "class"),
			   class_name(s->letter.class)) != 0)
			world_broken(w, INVARIANT_S12,
				     "a dead letter of run %s/%s, %s attempts, "
				     "tells %d failures",
				     reply_field(fields, "run"),
				     reply_field(fields, "step"),
				     reply_field(fields, "attempts"), count);
	}
	scan_count(w, INVARIANT_S12, "dead letters", reply->count, expected);
}
