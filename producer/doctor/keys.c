/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "errand.h"
#include "exam.h"

/*
 * Every key there is below our prefix: it has one of these forms, the type of
 * that form, and belongs to something.
 */
static const struct slice none = {"", 0};

enum owner {
	OWNER_NONE,
	OWNER_RUN,
	OWNER_REST, /* of a run: must not outlive it */
	OWNER_QUEUE,
	OWNER_DEFINITION,
	OWNER_WORKER,
	OWNER_WORKFLOW,
	OWNER_CALLERS,
	OWNER_LEAD,  /* expires, by itself */
	OWNER_PROBE, /* so does it */
	OWNER_CACHE, /* and this must */
	OWNER_PART,  /* of a run, too: what it holds */
};

static const struct form {
	const char *name; /* ends in ":" where a name follows */
	const char *type;
	enum owner owner;
} forms[] = {
	{"run:", "hash", OWNER_RUN},
	{"out:", "hash", OWNER_REST},
	{"log:", "hash", OWNER_REST},
	{"items:", "list", OWNER_PART},
	{"results:", "list", OWNER_PART},
	{"queue:", "stream", OWNER_QUEUE},
	{"def:", "hash", OWNER_DEFINITION},
	{"worker:", "hash", OWNER_WORKER},
	{"stop:", "zset", OWNER_WORKER},
	{"lead:", "string", OWNER_LEAD},
	{"probe", "string", OWNER_PROBE},
	{"once:", "string", OWNER_PROBE},
	{"cache:", "string", OWNER_CACHE},
	{"blobs:", "set", OWNER_PART},
	{"recent:", "list", OWNER_WORKFLOW},
	{"workflows", "hash", OWNER_NONE},
	{"named", "hash", OWNER_NONE},
	{"callers:", "set", OWNER_CALLERS},
	{"children", "hash", OWNER_NONE},
	{"queues", "set", OWNER_NONE},
	{"paused", "set", OWNER_NONE},
	{"definitions", "zset", OWNER_NONE},
	{"keys", "hash", OWNER_NONE},
	{"blobs", "hash", OWNER_NONE},
	{"garbage", "zset", OWNER_NONE},
	{"delayed", "zset", OWNER_NONE},
	{"timer", "stream", OWNER_NONE},
	{"dead", "stream", OWNER_NONE},
	{"runs:running", "zset", OWNER_NONE},
	{"runs:done", "zset", OWNER_NONE},
	{"runs:failed", "zset", OWNER_NONE},
	{"runs:cancelled", "zset", OWNER_NONE},
	{"finished", "zset", OWNER_NONE},
	{"workers", "zset", OWNER_NONE},
	{"lost", "zset", OWNER_NONE},
	{"looked", "string", OWNER_NONE},
	{"counters", "hash", OWNER_NONE},
};

static const struct form *form_find(struct slice key, struct slice *rest)
{
	for (size_t i = 0; i < countof(forms); i++) {
		size_t len = strlen(forms[i].name);
		bool is_open = forms[i].name[len - 1] == ':';

		if (is_open ? !slice_starts(key, forms[i].name)
			    : !slice_is(key, forms[i].name))
			continue;
		*rest = (struct slice){key.data + len, key.len - len};
		return &forms[i];
	}
	return NULL;
}

/* --- one key ------------------------------------------------------------- */

/* a: the key without the partition, b: what follows its form */
static void judge_key(struct errand *e, const struct reply *answers)
{
	struct doctor *d = e->doctor;
	struct slice rest, type = answers[0].text;
	const struct form *form = form_find(e->a, &rest);
	int64_t ttl = answers[1].integer;
	const struct subject *about = SUBJECT(.key = e->a);

	if (slice_is(type, "none"))
		return;
	if (!slice_is(type, form->type))
		finding(d, KEY_TYPE, about, "it is a %.*s, not a %s",
			TEXT(type), form->type);
	if (form->owner == OWNER_CACHE) {
		if (ttl == -1)
			finding(d, CACHE_ENDLESS, about, "%s", "");
	} else if (form->owner == OWNER_LEAD || form->owner == OWNER_PROBE) {
		if (form->owner == OWNER_LEAD && ttl == -1)
			finding(d, LEAD_STUCK, about, "held by %.*s",
				TEXT(answers[2].text));
	} else if (ttl >= 0) {
		finding(d, KEY_EXPIRES, about, "in %lld ms", (long long)ttl);
	}
	if (form->owner == OWNER_PART && answers[2].integer == 0)
		finding(d, KEY_ORPHAN, about, "there is no such run");
	if (form->owner == OWNER_QUEUE && answers[2].integer == 0)
		finding(d, QUEUE_UNLISTED, SUBJECT(.key = rest), "%s", "");
}

static void look_at_key(struct doctor *d, struct slice key,
			const struct form *form, struct slice rest)
{
	struct errand *e = errand_new(d, judge_key, key, rest, none);
	struct slice whole;

	if (!e)
		return;
	whole = errand_key(e, "", e->a);
	LOOK(d->reader, SLICE("TYPE"), whole);
	LOOK(d->reader, SLICE("PTTL"), whole);
	if (form->owner == OWNER_QUEUE)
		LOOK(d->reader, SLICE("SISMEMBER"),
		     errand_key(e, "queues", none), e->b);
	else if (form->owner == OWNER_PART)
		LOOK(d->reader, SLICE("EXISTS"),
		     errand_key(e, "run:", slice_cut(&rest, '/')));
	else if (form->owner == OWNER_LEAD)
		LOOK(d->reader, SLICE("GET"), whole);
	errand_send(e);
}

/* --- runs ---------------------------------------------------------------- */

/* Those that no index names are examined; the others are, by their index. */
static void check_indexed(struct doctor *d, struct arena *arena,
			  struct slice *ids, size_t count)
{
	bool *is_indexed = arena_calloc(arena, count + 1, sizeof(bool));
	struct slice *words = arena_calloc(arena, count + 2, sizeof(*words));

	if (!count)
		return;
	words[0] = SLICE("ZMSCORE");
	memcpy(&words[2], ids, count * sizeof(*ids));
	for (int state = 0; state < RUN_STATES; state++) {
		words[1] = doctor_key(
			d, arena, "runs:", slice_of(run_state_names[state]));
		const struct reply *answer =
			reader_ask(d->reader, arena, words, count + 2);
		for (size_t i = 0; answer && i < answer->count; i++)
			is_indexed[i] |= answer->items[i].type == REPLY_TEXT;
	}
	for (size_t i = 0; i < count; i++) {
		if (!is_indexed[i])
			doctor_run(d, ids[i]);
	}
}

/* --- a page of keys ------------------------------------------------------ */

struct page {
	struct doctor *doctor;
	struct slice *runs, *rests; /* ids */
	size_t runs_count, rests_count;
};

static void take_key(struct page *p, struct slice key)
{
	struct doctor *d = p->doctor;
	size_t len = strlen(d->prefix);
	const struct form *form = NULL;
	struct slice rest;

	if (slice_starts(key, d->prefix)) {
		key.data += len;
		key.len -= len;
		form = form_find(key, &rest);
	}
	if (!form) {
		finding(d, KEY_UNKNOWN, SUBJECT(.key = key), "%s", "");
		return;
	}
	if (form->owner == OWNER_RUN)
		p->runs[p->runs_count++] = rest;
	else if (form->owner == OWNER_REST)
		p->rests[p->rests_count++] = rest;
	else
		look_at_key(d, key, form, rest);
	if (form->owner == OWNER_DEFINITION)
		doctor_definition(d, rest);
	else if (form->owner == OWNER_WORKER)
		doctor_worker(d, rest);
	else if (form->owner == OWNER_WORKFLOW)
		doctor_recent(d, rest);
	else if (slice_starts(key, "blobs:"))
		doctor_holds(d, rest);
	else if (form->owner == OWNER_CALLERS)
		doctor_callers(d, rest);
}

static void on_keys(struct doctor *d, const struct reply *items, size_t count)
{
	struct page p = {.doctor = d};
	struct arena arena;

	arena_init(&arena);
	p.runs = arena_calloc(&arena, count + 1, sizeof(*p.runs));
	p.rests = arena_calloc(&arena, count + 1, sizeof(*p.rests));
	for (size_t i = 0; i < count; i++)
		take_key(&p, items[i].text);
	check_indexed(d, &arena, p.runs, p.runs_count);
	doctor_check_runs(d, p.rests, p.rests_count);
	d->keys += (int64_t)count;
	arena_clear(&arena);
}

void doctor_keys(struct doctor *d)
{
	doctor_walk(d, "SCAN", none, on_keys);
}
