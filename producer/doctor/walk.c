/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "doctor.h"

/*
 * Walking over what may be long: a page at a time, so that neither Redis nor
 * we hold much at once. SCAN and its kin give every member that is there all
 * the while, some of them twice.
 */
#define PAGE "500"

struct slice doctor_key(const struct doctor *d, struct arena *arena,
			const char *a, struct slice b)
{
	return slice_of(arena_printf(arena, "%s%s%.*s", d->prefix, a, TEXT(b)));
}

struct slice doctor_slice(struct arena *arena, const char *a, struct slice b)
{
	return slice_of(arena_printf(arena, "%s%.*s", a, TEXT(b)));
}

bool doctor_is_over(const struct doctor *d)
{
	return reader_error(d->reader) != NULL;
}

/* A pattern that matches what begins with our prefix: `*` `?` `[` `\` quoted.
 */
static struct slice own_keys(const struct doctor *d, struct arena *arena)
{
	size_t len = strlen(d->call->config->redis.prefix);
	char *pattern = arena_alloc(arena, 2 * len + 3), *to = pattern;

	for (size_t i = 0; i < len; i++) {
		if (strchr("*?[]\\", d->prefix[i]))
			*to++ = '\\';
		*to++ = d->prefix[i];
	}
	memcpy(to, ":*", 3);
	return slice_of(pattern);
}

static const struct reply *next_page(struct doctor *d, struct arena *page,
				     const char *command, struct slice key,
				     struct slice cursor)
{
	const struct reply *answer;

	if (key.len)
		answer = ASK(d->reader, page, slice_of(command), key, cursor,
			     SLICE("COUNT"), SLICE(PAGE));
	else
		answer = ASK(d->reader, page, slice_of(command), cursor,
			     SLICE("MATCH"), own_keys(d, page), SLICE("COUNT"),
			     SLICE(PAGE));
	if (!answer || answer->type != REPLY_ARRAY || answer->count != 2 ||
	    answer->items[1].type != REPLY_ARRAY)
		return NULL;
	return answer;
}

void doctor_walk(struct doctor *d, const char *command, struct slice key,
		 walk_fn *on_items)
{
	struct arena page;
	char cursor[32] = "0";
	int64_t left = d->sample;

	arena_init(&page);
	do {
		arena_reset(&page);
		const struct reply *answer =
			next_page(d, &page, command, key, slice_of(cursor));
		if (!answer || answer->items[0].text.len >= sizeof(cursor))
			break;
		const struct reply *items = &answer->items[1];
		on_items(d, items->items, items->count);
		snprintf(cursor, sizeof(cursor), "%.*s",
			 TEXT(answer->items[0].text));
		left -= (int64_t)items->count;
	} while (strcmp(cursor, "0") != 0 && left > 0);
	arena_clear(&page);
}

void doctor_walk_stream(struct doctor *d, struct slice key,
			walk_entry_fn *on_entry)
{
	struct arena page;
	char from[64] = "-";
	int64_t left = d->sample;
	size_t count;

	arena_init(&page);
	do {
		arena_reset(&page);
		const struct reply *answer = ASK(
			d->reader, &page, SLICE("XRANGE"), key, slice_of(from),
			SLICE("+"), SLICE("COUNT"), SLICE(PAGE));
		if (!answer || answer->type != REPLY_ARRAY)
			break;
		count = answer->count;
		for (size_t i = 0; i < count; i++)
			on_entry(d, key, &answer->items[i]);
		if (count)
			snprintf(from, sizeof(from), "(%.*s",
				 TEXT(answer->items[count - 1].items[0].text));
		left -= (int64_t)count;
	} while (count && left > 0);
	arena_clear(&page);
}
