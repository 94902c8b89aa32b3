/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "alarm.h"
#include "definition.h"
#include "news.h"

enum { BUCKETS_FIRST = 64, SPARE_MAX = 1024 };

void list_push(struct attempt_list *l, struct attempt *a)
{
	a->next = NULL;
	a->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = a;
	l->last = a;
	l->count++;
}

void list_remove(struct attempt_list *l, struct attempt *a)
{
	*(a->prev ? &a->prev->next : &l->first) = a->next;
	*(a->next ? &a->next->prev : &l->last) = a->prev;
	a->next = a->prev = NULL;
	l->count--;
}

struct attempt *list_shift(struct attempt_list *l)
{
	struct attempt *a = l->first;

	if (a)
		list_remove(l, a);
	return a;
}

void table_init(struct table *t, struct worker *w)
{
	*t = (struct table){.worker = w, .bucket_count = BUCKETS_FIRST};
	t->buckets = xcalloc(BUCKETS_FIRST, sizeof(t->buckets[0]));
}

void table_clear(struct table *t)
{
	struct attempt *a;

	must(t->count == 0);
	while ((a = t->spare)) {
		t->spare = a->next;
		arena_clear(&a->arena);
		free(a);
	}
	free(t->buckets);
	t->buckets = NULL;
}

/* FNV-1a over the entry; queues share a worker, so their names add little. */
static size_t hash(struct slice entry)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < entry.len; i++)
		h = (h ^ (unsigned char)entry.data[i]) * 1099511628211u;
	return (size_t)(h ^ h >> 32);
}

static struct attempt **bucket_of(const struct table *t, struct slice entry)
{
	return &t->buckets[hash(entry) & (t->bucket_count - 1)];
}

static void grow(struct table *t)
{
	struct attempt **old = t->buckets;
	size_t old_count = t->bucket_count;

	t->bucket_count = old_count * 2;
	t->buckets = xcalloc(t->bucket_count, sizeof(t->buckets[0]));
	for (size_t i = 0; i < old_count; i++) {
		for (struct attempt *a = old[i], *next; a; a = next) {
			struct attempt **to = bucket_of(t, slice_of(a->entry));

			next = a->hash_next;
			a->hash_next = *to;
			*to = a;
		}
	}
	free(old);
}

static void copy_text(char *to, size_t size, struct slice from)
{
	must(from.len < size);
	memcpy(to, from.data, from.len);
	to[from.len] = '\0';
}

/* What is set here and nowhere else; the arena survives from the last use. */
static struct attempt *renew(struct table *t)
{
	struct attempt *a = t->spare;

	if (a) {
		t->spare = a->next;
		t->spare_count--;
		a->next = NULL;
	} else {
		a = xcalloc(1, sizeof(*a));
		arena_init(&a->arena);
	}
	a->memo = a->params = a->scope = jv_invalid();
	a->output = jv_invalid();
	a->alarm_at = ALARM_NONE;
	return a;
}

struct attempt *table_add(struct table *t, const char *queue,
			  struct slice entry, struct slice run,
			  struct slice step)
{
	struct attempt *a = renew(t), **bucket;

	a->worker = t->worker;
	a->state = ATTEMPT_TAKING;
	copy_text(a->entry, sizeof(a->entry), entry);
	copy_text(a->run, sizeof(a->run), run);
	copy_text(a->name, sizeof(a->name), step);
	a->ref = (struct step_ref){.queue = queue,
				   .entry = a->entry,
				   .run = a->run,
				   .step = a->name};
	if (++t->count > t->bucket_count)
		grow(t);
	bucket = bucket_of(t, entry);
	a->hash_next = *bucket;
	*bucket = a;
	return a;
}

struct attempt *table_find(const struct table *t, const char *queue,
			   struct slice entry)
{
	struct attempt *a = *bucket_of(t, entry);

	while (a &&
	       !(slice_is(entry, a->entry) && strcmp(a->ref.queue, queue) == 0))
		a = a->hash_next;
	return a;
}

static void unlink_from_bucket(struct table *t, struct attempt *a)
{
	struct attempt **at = bucket_of(t, slice_of(a->entry));

	while (*at != a) {
		must(*at);
		at = &(*at)->hash_next;
	}
	*at = a->hash_next;
	t->count--;
}

void table_remove(struct table *t, struct attempt *a)
{
	struct arena arena;

	must(a->alarm_at == ALARM_NONE);
	unlink_from_bucket(t, a);
	jv_free(a->memo);
	jv_free(a->params);
	jv_free(a->scope);
	jv_free(a->output);
	news_free(a->news);
	if (a->definition)
		definition_put(a->definition);
	arena_reset(&a->arena);
	if (t->spare_count == SPARE_MAX) {
		arena_clear(&a->arena);
		free(a);
		return;
	}
	arena = a->arena;
	memset(a, 0, sizeof(*a));
	a->arena = arena;
	a->next = t->spare;
	t->spare = a;
	t->spare_count++;
}

void table_each(struct table *t, void (*visit)(struct attempt *a, void *arg),
		void *arg)
{
	for (size_t i = 0; i < t->bucket_count; i++) {
		for (struct attempt *a = t->buckets[i], *next; a; a = next) {
			next = a->hash_next;
			visit(a, arg);
		}
	}
}
