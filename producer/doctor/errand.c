/* SPDX-License-Identifier: MIT */
#include "errand.h"

#include <stdlib.h>

struct errand *errand_new(struct doctor *d, judge_fn *judge, struct slice a,
			  struct slice b, struct slice c)
{
	struct errand *e;

	if (doctor_is_over(d))
		return NULL;
	reader_room(d->reader);
	e = xcalloc(1, sizeof(*e));
	e->doctor = d;
	e->judge = judge;
	e->a = arena_copy(&e->arena, a);
	e->b = arena_copy(&e->arena, b);
	e->c = arena_copy(&e->arena, c);
	look_begin(d->reader);
	return e;
}

struct slice errand_key(struct errand *e, const char *name, struct slice rest)
{
	return doctor_key(e->doctor, &e->arena, name, rest);
}

static void on_answers(void *arg, const struct reply *answers)
{
	struct errand *e = arg;

	if (answers)
		e->judge(e, answers->items);
	arena_clear(&e->arena);
	free(e);
}

void errand_send(struct errand *e)
{
	look_end(e->doctor->reader, on_answers, e);
}
