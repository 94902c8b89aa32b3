/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* A run's hash against the model; new entries are learnt here. */

struct record {
	char state[16], entry[40], worker[40];
	int attempt, recoveries;
	long long started_at;
	int count; /* of what was there */
};

static void read_record(const char *text, struct record *r)
{
	memset(r, 0, sizeof(*r));
	r->count =
		sscanf(text, "%15s %d %d %39s %39s %lld", r->state, &r->attempt,
		       &r->recoveries, r->entry, r->worker, &r->started_at);
}

static bool is_state(const char *got, enum step_state state)
{
	const char *name = step_state_name(state);

	return strncmp(got, name, strlen(name)) == 0;
}

static enum invariant broken_by_state(enum step_state expected, const char *got)
{
	bool is_live = is_state(got, READY) || is_state(got, RUNNING);

	if (expected == SKIPPED || is_state(got, SKIPPED))
		return INVARIANT_B1;
	if (expected == FAILED || is_state(got, FAILED))
		return INVARIANT_B2;
	if (expected == PARKED || is_state(got, PARKED))
		return INVARIANT_W1;
	if (expected == SPREAD || is_state(got, SPREAD))
		return INVARIANT_I1;
	switch (expected) {
	case WAITING:
		return is_live ? INVARIANT_S6 : INVARIANT_S10;
	case DELAYED:
		return is_live ? INVARIANT_S13 : INVARIANT_S12;
	case DEAD:
		return is_live ? INVARIANT_S8 : INVARIANT_S12;
	case CANCELLED:
		return INVARIANT_S11;
	case DONE:
		return INVARIANT_S4;
	case READY:
		return strcmp(got, "dead") == 0 ? INVARIANT_S8 : INVARIANT_S10;
	default:
		return INVARIANT_S10;
	}
}

static void check_waiting(struct world *w, const struct model_run *r, int step,
			  const char *text)
{
	const struct model_step *s = &r->steps[step];
	int needs = __builtin_popcount(r->shape->steps[step].needs);
	int left = needs, attempts = 0;

	if (text && strncmp(text, "waiting", 7) != 0) {
		world_broken(w, broken_by_state(WAITING, text),
			     "run %d/%s waits for %d, but is %s", r->number,
			     STEP_NAME(step), s->needs_left, text);
		return;
	}
	if (text)
		sscanf(text, "waiting %d %d", &left, &attempts);
	if (left != s->needs_left)
		world_broken(w, INVARIANT_S6,
			     "run %d/%s waits for %d needs, not for %d",
			     r->number, STEP_NAME(step), left, s->needs_left);
	if (attempts != s->attempt)
		world_broken(w, INVARIANT_S8,
			     "run %d/%s has had %d attempts, not %d", r->number,
			     STEP_NAME(step), attempts, s->attempt);
}

static void check_entry(struct world *w, const struct model_run *r,
			struct model_step *s, const struct record *record)
{
	char old[TEXT_MAX];
	struct entry entry;
	int step = (int)(s - r->steps), order;

	if (!entry_read(record->entry, &entry)) {
		world_broken(w, INVARIANT_S7, "run %d/%s has no entry",
			     r->number, STEP_NAME(step));
		return;
	}
	order = s->has_entry ? entry_compare(entry, s->entry) : 1;
	if (s->is_new && order <= 0)
		world_broken(w, INVARIANT_S5,
			     "run %d/%s was to have another entry than %s",
			     r->number, STEP_NAME(step), record->entry);
	else if (!s->is_new && order != 0)
		world_broken(w, INVARIANT_S7,
			     "run %d/%s has entry %s, no more %s", r->number,
			     STEP_NAME(step), record->entry,
			     name_entry(old, s->entry));
	s->entry = entry;
	s->has_entry = true;
	s->is_new = false;
}

static void check_step(struct world *w, struct model_run *r, int step,
		       const char *text)
{
	struct model_step *s = &r->steps[step];
	const char *expected = step_state_name(s->state);
	bool is_begun = s->state != SKIPPED || s->has_entry;
	char worker[TEXT_MAX];
	struct record record;

	if (s->state == WAITING) {
		check_waiting(w, r, step, text);
		return;
	}
	read_record(text ? text : "waiting", &record);
	if (strcmp(record.state, expected) != 0) {
		world_broken(w, broken_by_state(s->state, record.state),
			     "run %d/%s was to be %s, not %s", r->number,
			     STEP_NAME(step), expected,
			     text ? text : "waiting");
		return;
	}
	if (!is_begun && strcmp(record.entry, "-") != 0)
		world_broken(w, INVARIANT_B1,
			     "run %d/%s was skipped and never begun: %s",
			     r->number, STEP_NAME(step), text);
	if (record.attempt != s->attempt || record.recoveries != s->recoveries)
		world_broken(w, INVARIANT_S8,
			     "run %d/%s has %d attempts, %d recoveries; not %s",
			     r->number, STEP_NAME(step), s->attempt,
			     s->recoveries, text);
	if (is_begun)
		check_entry(w, r, s, &record);
	if (s->state == READY && (s->memo || s->is_again) &&
	    strcmp(record.worker, "more") != 0)
		world_broken(w, INVARIANT_S15,
			     "run %d/%s has left something: %s", r->number,
			     STEP_NAME(step), text);
	if (s->state == RUNNING &&
	    (strcmp(record.worker, name_worker(worker, s->worker)) != 0 ||
	     record.started_at != s->started_at))
		world_broken(w, INVARIANT_S10, "run %d/%s runs at %s: %s",
			     r->number, STEP_NAME(step), worker, text);
}

/* --- what is beside the record ----------------------------------------------
 */

/* A field that is to have this value, or "" for none. */
static void check_field(struct world *w, const struct reply *hash,
			const char *field, const char *expected,
			enum invariant id)
{
	const char *got = reply_field(hash, field);

	if (strcmp(got ? got : "", expected) != 0)
		world_broken(w, id, "%s of a run was to be \"%s\", not \"%s\"",
			     field, expected, got ? got : "");
}

static void check_at(struct world *w, const struct reply *hash,
		     const char *field, int64_t at, enum invariant id)
{
	char text[TEXT_MAX] = "";

	if (at)
		snprintf(text, sizeof(text), "%" PRId64, at);
	check_field(w, hash, field, text, id);
}

static int check_letter(struct world *w, struct model_run *r, int step,
			const struct reply *hash)
{
	struct letter *l = &r->steps[step].letter;
	char field[TEXT_MAX], text[TEXT_MAX] = "";
	const char *got;

	snprintf(field, sizeof(field), "dead:%s", STEP_NAME(step));
	got = reply_field(hash, field);
	if (l->is_there && l->is_new && got && entry_read(got, &l->entry))
		l->is_new = false;
	if (l->is_there)
		name_entry(text, l->entry);
	check_field(w, hash, field, text, INVARIANT_S12);
	return l->is_there;
}

/* What a step waits for. */
static int check_waits(struct world *w, const struct model_run *r, int step,
		       const struct reply *hash)
{
	const struct model_step *s = &r->steps[step];
	char field[TEXT_MAX], text[TEXT_MAX], until[40] = "", prompt[40] = "";

	if (!r->shape->steps[step].has_signal)
		return 0;
	snprintf(field, sizeof(field), "waits:%s", STEP_NAME(step));
	if (s->due_at)
		snprintf(until, sizeof(until), ",\"until\":%" PRId64,
			 s->due_at);
	if (s->prompt != PAYLOAD_NIL)
		snprintf(prompt, sizeof(prompt), ",\"prompt\":%d",
			 (int)(s->prompt & 0x7f));
	snprintf(text, sizeof(text), "{\"signal\":\"%s\"%s%s}", STEP_NAME(step),
		 until, prompt);
	check_field(w, hash, field, s->state == PARKED ? text : "",
		    INVARIANT_W1);
	return s->state == PARKED;
}

/* How far a step is with its items. */
static int check_items(struct world *w, const struct model_run *r, int step,
		       const struct reply *hash)
{
	const struct model_list *l = &r->lists[step];
	char field[TEXT_MAX], text[TEXT_MAX];

	if (!r->shape->steps[step].is_each)
		return 0;
	snprintf(field, sizeof(field), "items:%s", STEP_NAME(step));
	snprintf(text, sizeof(text), "%d %d %d %d", l->total, l->begun, l->done,
		 l->failed);
	check_field(w, hash, field, l->is_counted ? text : "", INVARIANT_I1);
	return l->is_counted;
}

/* Returns how many fields there are to be. */
static int check_beside(struct world *w, struct model_run *r, int step,
			const struct reply *hash)
{
	struct model_step *s = &r->steps[step];
	char field[TEXT_MAX], text[TEXT_MAX];
	int count = 0;

	snprintf(field, sizeof(field), "again:%s", STEP_NAME(step));
	snprintf(text, sizeof(text), "%d %d", s->base, s->generation);
	check_field(w, hash, field, s->is_again ? text : "", INVARIANT_S16);
	count += s->is_again;
	snprintf(field, sizeof(field), "progress:%s", STEP_NAME(step));
	check_at(w, hash, field, s->progress, INVARIANT_R1);
	count += s->progress != 0;
	snprintf(field, sizeof(field), "cost:%s", STEP_NAME(step));
	snprintf(text, sizeof(text), "{\"usd\":%" PRIu32 "}", s->cost);
	check_field(w, hash, field, s->cost ? text : "", INVARIANT_R1);
	count += s->cost != 0;
	snprintf(field, sizeof(field), "caught:%s", STEP_NAME(step));
	check_field(w, hash, field,
		    s->caught < 0 ? "" : name_step(text, s->caught),
		    INVARIANT_B2);
	count += s->caught >= 0;
	snprintf(field, sizeof(field), "cached:%s", STEP_NAME(step));
	check_field(w, hash, field,
		    s->source_run
			    ? name_source(text, s->source_run, s->source_step)
			    : "",
		    INVARIANT_C1);
	count += s->source_run != 0;
	if (!is_item(step))
		count += check_waits(w, r, step, hash);
	if (!is_item(step))
		count += check_items(w, r, step, hash);
	return count + check_letter(w, r, step, hash);
}

static bool is_small(uint32_t input)
{
	char text[TEXT_MAX];

	return input && strlen(name_payload(text, 'i', input)) <= INPUT_SMALL;
}

const char *run_text(char text[TEXT_MAX], const struct model_run *r, int left)
{
	snprintf(text, TEXT_MAX, "%s %d%s%s%s", run_state_name(r->state), left,
		 r->is_again ? " again" : "", r->closing ? " " : "",
		 closing_name(r->closing));
	return text;
}

static enum invariant broken_by_whole(const struct model_run *r,
				      const char *got)
{
	if (r->closing ||
	    (got && (strstr(got, "draining") || strstr(got, "cleaning"))))
		return INVARIANT_B3;
	return r->state == RUN_CANCELLED ? INVARIANT_S11 : INVARIANT_S10;
}

static int check_whole(struct world *w, const struct model_run *r,
		       const struct reply *hash)
{
	char text[TEXT_MAX];

	check_field(w, hash, "state", run_text(text, r, r->left),
		    broken_by_whole(r, reply_field(hash, "state")));
	check_field(w, hash, "closing",
		    r->closing ? run_state_name(r->ending) : "", INVARIANT_B3);
	check_field(w, hash, "def", r->shape->digest, INVARIANT_S3);
	check_field(w, hash, "workflow", r->shape->name, INVARIANT_S3);
	check_at(w, hash, "submitted_at", r->submitted_at, INVARIANT_S10);
	check_at(w, hash, "finished_at", r->finished_at, INVARIANT_S10);
	check_at(w, hash, "deadline_at", r->deadline_at, INVARIANT_S14);
	if (is_small(r->input))
		check_field(w, hash, "input", name_payload(text, 'i', r->input),
			    INVARIANT_S15);
	check_field(w, hash, "key", r->key < 0 ? "" : name_key(text, r->key),
		    INVARIANT_S2);
	check_field(w, hash, "no_cache", r->is_uncached ? "1" : "",
		    INVARIANT_C1);
	if (r->has_reason != (reply_field(hash, "reason") != NULL))
		world_broken(w, INVARIANT_S10, "run %d %s a reason", r->number,
			     r->has_reason ? "has not" : "has");
	return 4 + (r->finished_at != 0) + (r->deadline_at != 0) +
	       (r->key >= 0) + r->is_uncached + r->has_reason +
	       is_small(r->input) + (r->closing != CLOSING_NOT);
}

void check_run(struct world *w, struct model_run *r, const struct reply *hash)
{
	char field[TEXT_MAX];
	size_t count;

	if (hash->count == 0) {
		world_broken(w, INVARIANT_S1, "run %d is not there", r->number);
		return;
	}
	/* Steps first: what is wrong with one shows in the run as well. */
	for (int i = 0; i < r->shape->places; i++) {
		if (r->steps[i].state == NOWHERE)
			continue;
		snprintf(field, sizeof(field), "step:%s", STEP_NAME(i));
		check_step(w, r, i, reply_field(hash, field));
	}
	count = (size_t)check_whole(w, r, hash);
	for (int i = 0; i < r->shape->places; i++) {
		if (r->steps[i].state == NOWHERE && !r->steps[i].is_again)
			continue;
		snprintf(field, sizeof(field), "step:%s", STEP_NAME(i));
		count += reply_field(hash, field) != NULL;
		count += (size_t)check_beside(w, r, i, hash);
	}
	if (hash->count != 2 * count)
		world_broken(w, INVARIANT_R1, "run %d has %zu fields, not %zu",
			     r->number, hash->count / 2, count);
}
