/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* What Redis answers, against what the model says. */

/* --- words ------------------------------------------------------------------
 */

static bool is_word(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

static enum invariant broken_by_end(const char *expected, const char *got)
{
	if (is_word(expected, "FENCED") || is_word(got, "FENCED"))
		return INVARIANT_S5;
	if (is_word(expected, "DUPLICATE") || is_word(got, "DUPLICATE"))
		return INVARIANT_S4;
	if (is_word(expected, "CANCELLED") || is_word(got, "CANCELLED"))
		return INVARIANT_S11;
	return INVARIANT_S10;
}

static enum invariant broken_by_take(const char *expected)
{
	if (is_word(expected, "LOST"))
		return INVARIANT_S17;
	if (is_word(expected, "PAUSED"))
		return INVARIANT_S21;
	if (is_word(expected, "DROPPED"))
		return INVARIANT_S11;
	return INVARIANT_S9;
}

static enum invariant broken_by_submit(const struct item *item,
				       const char *expected)
{
	if (is_word(expected, "UNDEFINED"))
		return INVARIANT_S3;
	return item->key >= 0 ? INVARIANT_S2 : INVARIANT_S1;
}

static enum invariant broken_by(const struct said *s, int i, const char *got)
{
	const char *expected = s->answer.items[i].word;

	switch (s->call.function) {
	case CALL_take:
		return s->answer.items[i].is_put_off ? INVARIANT_S18
						     : broken_by_take(expected);
	case CALL_submit:
		return broken_by_submit(&s->call.items[i], expected);
	case CALL_heartbeat:
		return INVARIANT_S17;
	case CALL_recall:
	case CALL_remember:
		return INVARIANT_C1;
	case CALL_complete:
	case CALL_fail:
	case CALL_defer:
	case CALL_release:
	case CALL_note:
	case CALL_expand:
		return broken_by_end(expected, got);
	default:
		return INVARIANT_A1;
	}
}

static void check_word(struct world *w, const struct said *s, int i,
		       const char *got)
{
	const char *expected = s->answer.items[i].word;

	world_tell(w, " -> %s", got);
	if (strcmp(got, expected) != 0)
		world_broken(w, broken_by(s, i, got),
			     "%s was to be answered %s, not %s",
			     call_name(s->call.function), expected,
			     *got ? got : "something else");
}

/* --- take and complete ------------------------------------------------------
 * Their answers begin with the time; the items stand one behind the other.
 */

struct unread {
	const struct reply *reply;
	size_t at;
};

static const char *next_text(struct unread *u)
{
	return u->at < u->reply->count ? reply_text(&u->reply->items[u->at++])
				       : "";
}

/* One payload of an answer; what is left out is as good as nothing. */
static void check_payload(struct world *w, struct unread *u, size_t end,
			  char kind, uint32_t payload)
{
	char text[TEXT_MAX];
	const char *got = u->at < end ? next_text(u) : "";

	if (strcmp(got, name_payload(text, kind, payload)) != 0)
		world_broken(w, INVARIANT_S15,
			     "take was to give \"%s\", not \"%s\"", text, got);
}

/* What the round before has left. */
static void check_left(struct world *w, const struct left *left,
		       const char *got)
{
	char text[TEXT_MAX];

	if (strcmp(got, name_left(text, left)) != 0)
		world_broken(w, INVARIANT_N1,
			     "a round was to find \"%s\", not \"%s\"", text,
			     got);
}

static void check_counts(struct world *w, const char *expected, const char *got)
{
	int e[4] = {0}, g[4] = {-1, -1, -1, -1};
	enum invariant id;

	world_tell(w, " -> %s", got);
	if (strcmp(expected, got) == 0)
		return;
	sscanf(expected, "%d %d %d %d", &e[0], &e[1], &e[2], &e[3]);
	sscanf(got, "%d %d %d %d", &g[0], &g[1], &g[2], &g[3]);
	id = e[0] != g[0] || e[2] != g[2] ? INVARIANT_S8 : INVARIANT_S16;
	world_broken(w, id,
		     "take was to begin attempt, base, recoveries, generation "
		     "%s, not %s",
		     expected, got);
}

/* What is begun: digest, counts and how many texts follow, and these. */
static void check_begun(struct world *w, const struct item_answer *a,
			struct unread *u)
{
	const char *digest = next_text(u), *got = next_text(u);
	const char *texts = strrchr(got, ' ');
	char counts[TEXT_MAX];
	size_t end;

	if (strcmp(digest, a->digest) != 0)
		world_broken(w, INVARIANT_S3, "take gave definition %s, not %s",
			     digest, a->digest);
	snprintf(counts, sizeof(counts), "%.*s", texts ? (int)(texts - got) : 0,
		 got);
	check_counts(w, a->count, counts);
	end = u->at + (texts ? strtoul(texts, NULL, 10) : 0);
	check_payload(w, u, end, 'm', a->memo);
	check_payload(w, u, end, 'i', a->input);
	for (int k = 0; k < a->reads_count; k++)
		check_payload(w, u, end, 'o', a->reads[k]);
	if (a->is_repeated)
		check_left(w, &a->left, u->at < end ? next_text(u) : "");
	if (a->element)
		check_payload(w, u, end, 'e', a->element);
	u->at = end;
}

static void check_taken(struct world *w, const struct said *s, int i,
			struct unread *u)
{
	const struct item_answer *a = &s->answer.items[i];
	const char *got = next_text(u);

	if (!a->digest || isupper((unsigned char)*got)) {
		check_word(w, s, i, got);
		return;
	}
	u->at--;
	check_begun(w, a, u);
}

/* An end, or "<end> <step>" of one that began another, and its item. */
static void check_completed(struct world *w, const struct said *s, int i,
			    struct unread *u)
{
	const struct item_answer *a = &s->answer.items[i];
	const char *got = next_text(u), *heir = strchr(got, ' ');
	char name[TEXT_MAX], word[TEXT_MAX];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(got, " "), got);
	if (!heir && a->heir < 0) {
		check_word(w, s, i, word);
	} else if (!heir || a->heir < 0 ||
		   strcmp(heir + 1, name_step(name, a->heir)) != 0) {
		world_broken(w,
			     is_word(a->word, "FENCED") ? INVARIANT_S5
							: INVARIANT_S20,
			     "complete was to begin step %c, not%s",
			     a->heir < 0 ? '-' : 'a' + a->heir,
			     heir ? heir : " any");
	} else {
		check_word(w, s, i, word);
		check_begun(w, a, u);
	}
}

static void check_begins(struct world *w, const struct said *s,
			 const struct reply *reply)
{
	struct unread u = {reply, 1};

	if (reply->count == 0 || reply->items[0].integer != w->model.now)
		world_broken(w, INVARIANT_A1, "%s has not told the time",
			     call_name(s->call.function));
	for (int i = 0; i < s->call.count && !w->has_failed; i++) {
		if (s->call.function == CALL_take)
			check_taken(w, s, i, &u);
		else
			check_completed(w, s, i, &u);
	}
	if (!w->has_failed && u.at != reply->count)
		world_broken(w, INVARIANT_A1, "%s has answered %zu items",
			     call_name(s->call.function), reply->count);
}

/* --- other answers ----------------------------------------------------------
 */

static void check_words(struct world *w, const struct said *s,
			const struct reply *reply)
{
	if (reply->count != (size_t)s->answer.count)
		world_broken(w, INVARIANT_A1, "%s has answered %zu items",
			     call_name(s->call.function), reply->count);
	for (size_t i = 0; i < reply->count && !w->has_failed; i++)
		check_word(w, s, (int)i, reply_text(&reply->items[i]));
}

static bool has_entry(const struct reply *list, struct entry entry)
{
	char text[TEXT_MAX];

	name_entry(text, entry);
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(reply_text(&list->items[i]), text) == 0)
			return true;
	return false;
}

static void check_beat(struct world *w, const struct said *s,
		       const struct reply *reply)
{
	const struct reply *stops, *paused;

	if (reply->count != 4) {
		world_broken(w, INVARIANT_A1,
			     "heartbeat has answered %zu "
			     "items",
			     reply->count);
		return;
	}
	check_word(w, s, 0, reply_text(&reply->items[0]));
	stops = &reply->items[2];
	paused = &reply->items[3];
	if (is_word(s->answer.items[0].word, "LOST"))
		return;
	if (stops->count != (size_t)s->answer.stop_count)
		world_broken(w, INVARIANT_S11,
			     "heartbeat tells of %zu entries to stop, not %d",
			     stops->count, s->answer.stop_count);
	for (int i = 0; i < s->answer.stop_count; i++)
		if (!has_entry(stops, s->answer.stops[i]))
			world_broken(w, INVARIANT_S11,
				     "heartbeat does not tell what to stop");
	if (paused->count != (size_t)__builtin_popcount(w->model.paused))
		world_broken(w, INVARIANT_S21,
			     "heartbeat tells of %zu paused queues",
			     paused->count);
}

static void check_number(struct world *w, const struct said *s, int i,
			 const char *json)
{
	char member[TEXT_MAX];
	const char *at;

	snprintf(member, sizeof(member), "\"%s\":", s->answer.numbers[i].name);
	at = strstr(json, member);
	if (!at || strtoll(at + strlen(member), NULL, 10) !=
			   s->answer.numbers[i].value)
		world_broken(w,
			     s->call.function == CALL_promote && i == 0
				     ? INVARIANT_S13
			     : s->call.function == CALL_promote ? INVARIANT_S14
			     : s->call.function == CALL_sweep   ? INVARIANT_R1
								: INVARIANT_S11,
			     "%s was to tell %s%" PRId64 ": %.200s",
			     call_name(s->call.function), member,
			     s->answer.numbers[i].value, json);
}

static void check_json(struct world *w, const struct said *s,
		       const struct reply *reply)
{
	const char *json = reply_text(reply);
	const char *role = s->answer.is_leader ? "{\"role\":\"leader\""
					       : "{\"role\":\"standby\"";

	if (json[0] != '{')
		world_broken(w, INVARIANT_A1, "%s has answered no JSON",
			     call_name(s->call.function));
	else if (s->answer.is_role && !is_word(json, role))
		world_broken(w, INVARIANT_S22, "%s was to answer %s: %.200s",
			     call_name(s->call.function), role, json);
	for (int i = 0; i < 3 && s->answer.numbers[i].name; i++)
		check_number(w, s, i, json);
}

static void check_error(struct world *w, const struct said *s,
			const struct reply *reply)
{
	if (!reply_is_error(reply) ||
	    !is_word(reply->text.data, s->answer.error))
		world_broken(w,
			     s->call.function == CALL_leave ? INVARIANT_S9
							    : INVARIANT_A1,
			     "%s was to be refused (%s): %.200s",
			     call_name(s->call.function), s->answer.error,
			     reply_text(reply));
	else
		world_tell(w, " -> %.60s", reply->text.data);
}

void check_answer(struct world *w, const struct said *s,
		  const struct reply *reply)
{
	if (s->answer.error) {
		check_error(w, s, reply);
		return;
	}
	if (reply_is_error(reply)) {
		world_broken(w, INVARIANT_A1, "%s was refused: %.300s",
			     call_name(s->call.function), reply->text.data);
		return;
	}
	if (s->call.function == CALL_take || s->call.function == CALL_complete)
		check_begins(w, s, reply);
	else if (s->call.function == CALL_heartbeat)
		check_beat(w, s, reply);
	else if (reply->type == REPLY_ARRAY)
		check_words(w, s, reply);
	else if (reply->type == REPLY_STATUS || s->call.function == CALL_expand)
		check_word(w, s, 0, reply_text(reply));
	else
		check_json(w, s, reply);
}

/* --- what a read delivers ---------------------------------------------------
 */

static bool read_item(const struct reply *entry, int queue, struct item *item)
{
	const char *run, *step;

	if (entry->count != 2 || entry->items[1].type != REPLY_ARRAY)
		return false;
	run = reply_field(&entry->items[1], "run");
	step = reply_field(&entry->items[1], "step");
	*item = (struct item){.queue = queue};
	if (!run || !step ||
	    !entry_read(reply_text(&entry->items[0]), &item->entry))
		return false;
	item->run = number_of_run(run);
	item->step = number_of_step(step);
	return true;
}

static void check_new(struct world *w, const struct item *item)
{
	struct model_run *of = model_run_find(&w->model, item->run);
	struct model_step *s =
		of ? model_step_at(of, item->queue, item->entry) : NULL;
	char text[TEXT_MAX];

	/* One that ran may be undelivered again after a power cut. */
	if (!s || s->holder >= 0 || (s->state != READY && !w->was_cut)) {
		world_broken(w, s ? INVARIANT_S7 : INVARIANT_S9,
			     "entry %s of run %d/%s was delivered: %s",
			     name_entry(text, item->entry), item->run,
			     STEP_NAME(item->step),
			     !s ? "it should not be there" : "once more");
		return;
	}
	model_deliver(&w->model, item->run, (int)(s - of->steps),
		      w->reading.number);
	for (int i = 0; i < RUNS_MAX; i++) {
		struct model_run *r = &w->model.runs[i];

		for (int k = 0; r->number && k < r->shape->places; k++)
			if (r->steps[k].state == READY &&
			    r->steps[k].holder < 0 &&
			    r->shape->steps[base_of(k)].queue == item->queue &&
			    entry_compare(r->steps[k].entry, item->entry) < 0)
				world_broken(w, INVARIANT_V5,
					     "run %d/%s has waited longer",
					     r->number, STEP_NAME(k));
	}
}

static void check_past(struct world *w, const struct item *item)
{
	struct model_run *r = model_run_find(&w->model, item->run);
	struct model_step *s =
		r ? model_step_at(r, item->queue, item->entry) : NULL;

	if (!s || s->holder != w->reading.number)
		world_broken(
			w, INVARIANT_R3, "worker %d is said to hold run %d/%s",
			w->reading.number, item->run, STEP_NAME(item->step));
}

/* A power cut has taken back that the reader had registered. */
static bool is_group_gone(const struct world *w, const struct reply *reply)
{
	return reply_is_error(reply) && w->was_cut &&
	       (w->reading.queues & ~w->model.groups) &&
	       strncmp(reply_text(reply), "NOGROUP", 7) == 0;
}

int check_delivered(struct world *w, const struct reply *reply,
		    struct item *items, int size)
{
	int count = 0;

	if (is_group_gone(w, reply)) {
		if (w->reader)
			w->reader->is_registered = false;
		return 0;
	}
	if (reply_is_error(reply)) {
		world_broken(w, INVARIANT_A1, "a read was refused: %s",
			     reply->text.data);
		return 0;
	}
	for (size_t i = 0; i < reply->count; i++) {
		const struct reply *stream = &reply->items[i];
		const char *key = reply_text(&stream->items[0]);
		int queue = key[strlen(key) - 1] - '0';

		for (size_t k = 0; k < stream->items[1].count; k++) {
			struct item item;

			if (!read_item(&stream->items[1].items[k], queue,
				       &item)) {
				world_broken(w, INVARIANT_R3,
					     "an entry that is gone is "
					     "pending");
				return count;
			}
			world_tell(w, " -> run %d/%s", item.run,
				   STEP_NAME(item.step));
			if (w->reading.is_past)
				check_past(w, &item);
			else
				check_new(w, &item);
			if (count < size)
				items[count++] = item;
		}
	}
	return count;
}
