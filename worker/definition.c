/* SPDX-License-Identifier: MIT */
#include "definition.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "parameters.h"

enum { IDLE_MAX = 256, IDLE_SIZE_MAX = 16 << 20 };

#define STEP(name, help) &step_##name,
#define PARAM(kind, name, type, presence, help)
#define END(kind)
static const struct kind *const kinds[] = {
#include "treadle/steps.def"
};
#undef STEP
#undef PARAM
#undef END

static struct formula formula_new(jv source, struct template *t)
{
	static uint64_t last_id;

	return (struct formula){
		.id = ++last_id, .source = source, .template = t};
}

static void plan_constant(struct plan *p)
{
	jv nothing = jv_object(), params = jv_invalid();
	bool is_fit = template_is_constant(p->params.template) &&
		      template_expand(p->params.template, nothing, &params,
				      NULL) == 0 &&
		      parameters_fit(p->step->kind, &params, NULL) == 0;

	jv_free(nothing);
	if (is_fit)
		p->constant = params;
	else
		jv_free(params);
}

/*
 * What reads the response of an API can't be expanded before there is one:
 * it becomes a formula of its own.
 */
static int plan_late(struct plan *p, struct error *err)
{
	jv rest =
		jv_object_delete(jv_copy(p->step->params), jv_string("output"));
	jv late = value_get(p->step->params, "output");

	p->params = formula_new(rest, template_new(rest, false, err));
	p->late = formula_new(late, template_new(late, false, err));
	return p->params.template && p->late.template ? 0 : -1;
}

/* As the library has it: see complete.lua, is_heir(). */
static bool may_have_heir(const struct workflow *w, const struct step *step)
{
	for (size_t i = 0; i < step->next_count; i++) {
		const struct step *next = &w->steps[step->next[i]];

		if (strcmp(next->queue, step->queue) == 0 &&
		    (next->kind != STEP_exec || step->kind == STEP_exec))
			return true;
	}
	return false;
}

static int plan_init(struct plan *p, const struct workflow *w,
		     const struct step *step, struct error *err)
{
	p->step = step;
	p->may_have_heir = !step->item && may_have_heir(w, step);
	p->kind = kinds[step->kind];
	p->constant = p->late.source = jv_invalid();
	p->condition =
		formula_new(jv_copy(step->condition_source), step->condition);
	p->until =
		formula_new(jv_copy(step->repeat.source), step->repeat.until);
	p->cache_key =
		formula_new(jv_copy(step->cache_source), step->cache_key);
	if (step->kind == STEP_http &&
	    jv_object_has(jv_copy(step->params), jv_string("output"))) {
		if (plan_late(p, err) < 0)
			return -1;
	} else {
		p->params = formula_new(jv_copy(step->params), step->template);
	}
	plan_constant(p);
	if (!step->item)
		return 0;
	p->item = xcalloc(1, sizeof(*p->item));
	return plan_init(p->item, w, step->item, err);
}

static void plan_clear(struct plan *p)
{
	if (!p->step)
		return;
	if (p->params.template != p->step->template)
		template_free(p->params.template);
	if (p->late.template)
		template_free(p->late.template);
	jv_free(p->params.source);
	jv_free(p->late.source);
	jv_free(p->condition.source);
	jv_free(p->until.source);
	jv_free(p->cache_key.source);
	jv_free(p->constant);
	if (p->item)
		plan_clear(p->item);
	free(p->item);
}

static void clear(struct definition *d)
{
	if (!d->workflow)
		return;
	for (size_t i = 0; i < d->workflow->steps_count; i++)
		plan_clear(&d->plans[i]);
	free(d->plans);
	workflow_free(d->workflow);
	d->plans = NULL;
	d->workflow = NULL;
}

static int decode(struct definition *d, struct slice bytes, struct error *err)
{
	struct workflow *w;

	if (bytes.len == 0)
		return error_set(err, ERR_ABSENT,
				 "definition %s is not stored any more",
				 d->digest);
	if (workflow_decode(bytes, &w, err) < 0)
		return error_prefix(err, "definition %s: ", d->digest);
	d->workflow = w;
	d->plans = xcalloc(w->steps_count, sizeof(d->plans[0]));
	for (size_t i = 0; i < w->steps_count; i++) {
		if (plan_init(&d->plans[i], w, &w->steps[i], err) < 0) {
			error_prefix(err,
				     "definition %s, step \"%s\": ", d->digest,
				     w->steps[i].name);
			clear(d);
			return -1;
		}
	}
	return 0;
}

static struct definition **bucket_of(struct definitions *s, struct slice digest)
{
	unsigned h = 5381;

	/* A digest is random: its beginning spreads well enough. */
	for (size_t i = 0; i < digest.len && i < 8; i++)
		h = h * 33 + (unsigned char)digest.data[i];
	return &s->buckets[h & (DEFINITION_BUCKETS - 1)];
}

static void unlink_idle(struct definitions *s, struct definition *d)
{
	*(d->newer ? &d->newer->older : &s->newest) = d->older;
	*(d->older ? &d->older->newer : &s->oldest) = d->newer;
	d->newer = d->older = NULL;
	s->idle_count--;
	s->idle_size -= d->workflow->canonical.len;
}

static void unlink_bucket(struct definition *d)
{
	struct definition **at = bucket_of(d->owner, slice_of(d->digest));

	while (*at != d)
		at = &(*at)->hash_next;
	*at = d->hash_next;
	if (d->owner->last == d)
		d->owner->last = NULL;
}

static void definition_free(struct definition *d)
{
	unlink_bucket(d);
	clear(d);
	free(d);
}

static void link_idle(struct definitions *s, struct definition *d)
{
	d->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = d;
	s->newest = d;
	s->idle_count++;
	s->idle_size += d->workflow->canonical.len;
	while (s->idle_count > IDLE_MAX || s->idle_size > IDLE_SIZE_MAX) {
		struct definition *oldest = s->oldest;

		unlink_idle(s, oldest);
		definition_free(oldest);
	}
}

void definitions_init(struct definitions *s, struct worker *w)
{
	*s = (struct definitions){.worker = w};
}

void definitions_clear(struct definitions *s)
{
	while (s->oldest) {
		struct definition *d = s->oldest;

		unlink_idle(s, d);
		definition_free(d);
	}
	for (size_t i = 0; i < DEFINITION_BUCKETS; i++)
		must(!s->buckets[i]);
}

/*
 * Whoever waited goes on; d stays alive for as long as they are told. One
 * that could not be had is forgotten: the next attempt asks again.
 */
static void tell_waiting(struct definition *d, const struct error *err)
{
	struct attempt *a;

	d->is_answered = true;
	d->users++;
	if (err)
		unlink_bucket(d);
	while ((a = list_shift(&d->waiting)))
		attempt_defined(a, err);
	definition_put(d);
}

static void on_bytes(void *arg, struct slice bytes,
		     const struct redis_failure *failure)
{
	struct definition *d = arg;
	struct error err;

	if (failure) {
		err = failure->error;
		error_prefix(&err, "asking for definition %s: ", d->digest);
		tell_waiting(d, &err);
	} else {
		tell_waiting(d, decode(d, bytes, &err) < 0 ? &err : NULL);
	}
}

static struct definition *find(struct definitions *s, struct slice digest)
{
	struct definition *d = s->last;

	if (d && slice_is(digest, d->digest))
		return d;
	for (d = *bucket_of(s, digest); d; d = d->hash_next)
		if (slice_is(digest, d->digest))
			return d;
	return NULL;
}

static struct definition *fetch(struct definitions *s, struct slice digest)
{
	struct definition *d = xcalloc(1, sizeof(*d));
	struct definition **bucket = bucket_of(s, digest);

	memcpy(d->digest, digest.data,
	       digest.len < DIGEST_LEN ? digest.len : DIGEST_LEN);
	d->owner = s;
	d->hash_next = *bucket;
	*bucket = d;
	store_definition(s->worker->store, digest, -1, on_bytes, d);
	return d;
}

bool definition_attach(struct definitions *s, struct attempt *a,
		       struct slice digest)
{
	struct definition *d = find(s, digest);

	if (!d)
		d = fetch(s, digest);
	else if (d->users == 0 && d->workflow)
		unlink_idle(s, d);
	s->last = d;
	d->users++;
	a->definition = d;
	if (!d->workflow)
		list_push(&d->waiting, a);
	return d->workflow;
}

void definition_leave(struct attempt *a)
{
	list_remove(&a->definition->waiting, a);
}

/* While it is being fetched the call refers to it: the answer puts it. */
void definition_put(struct definition *d)
{
	must(d->users > 0);
	if (--d->users > 0)
		return;
	if (d->workflow)
		link_idle(d->owner, d);
	else if (d->is_answered)
		free(d);
}

const struct workflow *definition_known(struct definitions *s,
					struct slice digest)
{
	const struct definition *d = find(s, digest);

	return d ? d->workflow : NULL;
}

bool definition_is_fetched(const struct definition *d)
{
	return d->workflow;
}

const struct plan *definition_plan(const struct definition *d,
				   struct slice step, int *index)
{
	struct slice name = slice_cut(&step, '/');
	const struct step *found = workflow_find(d->workflow, name);
	const struct plan *p =
		found ? &d->plans[found - d->workflow->steps] : NULL;
	int64_t number;

	*index = -1;
	if (!p || step.len == 0)
		return p;
	if (slice_int(step, 0, INT_MAX, &number) < 0)
		return NULL;
	*index = (int)number;
	return p->item;
}

const char *definition_name(const struct definition *d)
{
	return d && d->workflow ? d->workflow->name : NULL;
}
