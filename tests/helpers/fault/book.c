/* SPDX-License-Identifier: MIT */
#include "book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const actions[] = {"none", "lose", "cut", "spoil", "mute"};

void book_init(struct book *b, const char *target, uint64_t seed)
{
	*b = (struct book){.random = seed * 2 + 1};
	snprintf(b->target, sizeof(b->target), "%s", target);
}

/* xorshift64: the same seed, the same chances. */
static uint64_t chance(struct book *b, uint64_t below)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random % below;
}

/* --- calls --------------------------------------------------------------- */

size_t book_call(struct book *b, const char *name)
{
	size_t i = 0;

	while (i < b->call_count && strcmp(b->calls[i], name) != 0)
		i++;
	must(i < BOOK_CALLS_MAX);
	if (i == b->call_count)
		snprintf(b->calls[b->call_count++], BOOK_NAME_MAX, "%s", name);
	b->seen[i]++;
	return i;
}

enum action book_judge(struct book *b, size_t call)
{
	for (size_t i = 0; i < b->rule_count; i++) {
		struct rule *r = &b->rules[i];

		if (!r->left ||
		    (strcmp(r->name, "*") && strcmp(r->name, b->calls[call])) ||
		    chance(b, 100) >= (uint64_t)r->percent)
			continue;
		r->left--;
		r->done++;
		return r->action;
	}
	return ACTION_NONE;
}

/* --- orders -------------------------------------------------------------- */

struct order {
	char word[5][256];
};

static bool is(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

static struct rule *find_rule(struct book *b, enum action action,
			      const char *name)
{
	struct rule *r = b->rules, *end = b->rules + b->rule_count;

	while (r < end && (r->action != action || !is(r->name, name)))
		r++;
	if (r < end)
		return r;
	must(b->rule_count < BOOK_RULES_MAX);
	b->rule_count++;
	*r = (struct rule){.action = action};
	memcpy(r->name, name, strlen(name));
	return r;
}

static int obey_rule(struct book *b, const struct order *o)
{
	struct rule *r;
	size_t action = 1;

	while (action < ACTION_COUNT && !is(actions[action], o->word[1]))
		action++;
	if (action == ACTION_COUNT || strlen(o->word[2]) >= BOOK_NAME_MAX)
		return -1;
	r = find_rule(b, (enum action)action, o->word[2]);
	r->left = strtol(o->word[3], NULL, 10);
	r->percent = strtol(o->word[4], NULL, 10);
	return 0;
}

static int stall_of(const char *word)
{
	if (is(word, "up"))
		return STALL_UP;
	return is(word, "down") ? STALL_DOWN : STALL_UP | STALL_DOWN;
}

/* What fell into a hole is never found again: then all begin anew. */
static enum touch calm(struct book *b)
{
	enum touch touch = b->is_hole ? TOUCH_RESET : TOUCH_GO_ON;

	b->latency_ms = b->bytes_per_ms = b->bytes_per_s = 0;
	b->stall = 0;
	b->is_hole = false;
	return touch;
}

static int obey_wire(struct book *b, const struct order *o, enum touch *touch)
{
	const char *what = o->word[1];
	uint64_t number = strtoull(o->word[2], NULL, 10);

	*touch = TOUCH_GO_ON;
	if (is(what, "latency"))
		b->latency_ms = number;
	else if (is(what, "dribble"))
		b->bytes_per_ms = number;
	else if (is(what, "bandwidth"))
		b->bytes_per_s = number;
	else if (is(what, "stall"))
		b->stall = stall_of(o->word[2]);
	else if (is(what, "hole"))
		b->is_hole = true;
	else if (is(what, "calm"))
		*touch = calm(b);
	else
		return -1;
	return 0;
}

static void tell_rules(const struct book *b, struct buf *out)
{
	for (size_t i = 0; i < b->rule_count; i++)
		buf_addf(out, "%s %s %ld %ld\n", actions[b->rules[i].action],
			 b->rules[i].name, b->rules[i].left, b->rules[i].done);
}

static void tell_seen(const struct book *b, struct buf *out)
{
	for (size_t i = 0; i < b->call_count; i++)
		buf_addf(out, "%s %ld\n", b->calls[i], b->seen[i]);
}

enum touch book_obey(struct book *b, const char *line, struct buf *out)
{
	struct order o = {0};
	enum touch touch = TOUCH_NONE;
	int result = 0;

	sscanf(line, "%255s %255s %255s %255s %255s", o.word[0], o.word[1],
	       o.word[2], o.word[3], o.word[4]);
	if (is(o.word[0], "rule")) {
		result = obey_rule(b, &o);
	} else if (is(o.word[0], "rules")) {
		tell_rules(b, out);
	} else if (is(o.word[0], "seen")) {
		tell_seen(b, out);
	} else if (is(o.word[0], "wire")) {
		result = obey_wire(b, &o, &touch);
	} else if (is(o.word[0], "reset")) {
		touch = TOUCH_RESET;
	} else if (is(o.word[0], "target")) {
		memcpy(b->target, o.word[1], sizeof(b->target));
		touch = TOUCH_RESET;
	} else {
		result = -1;
	}
	buf_adds(out, result < 0 ? "error\n" : "ok\n");
	return touch;
}
