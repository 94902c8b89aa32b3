/* SPDX-License-Identifier: MIT */
#include "link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "named.h"
#include "treadle/workflow_link.h"

struct linker {
	struct call *call;
	struct workflow *const *given;
	size_t given_count;
	const char *busy[WORKFLOW_LEVELS_MAX + 1]; /* from the root down */
	size_t depth;
	struct workflow **parts; /* linked, each after all that it performs */
	size_t parts_count;
	struct error *err;
};

static int link_steps(struct linker *l, const struct workflow *w,
		      struct workflow **linked);

/* --- complaints ---------------------------------------------------------- */

/* Of a step of w: "a.yaml:7: step "pages" performs workflow "page"..." */
static int complain(struct linker *l, const struct workflow *w,
		    const struct step *step, const char *fmt, ...) PRINTF(4, 5);

static int complain(struct linker *l, const struct workflow *w,
		    const struct step *step, const char *fmt, ...)
{
	char why[400], place[320];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (*w->path && step->line > 0)
		snprintf(place, sizeof(place), "%s:%d", w->path, step->line);
	else
		snprintf(place, sizeof(place), "workflow \"%s\"", w->name);
	return error_set(l->err, ERR_INPUT,
			 "%s: step \"%s\" performs workflow \"%s\", %s", place,
			 step->name, step->performs, why);
}

/* "a -> b -> a" */
static int refuse_cycle(struct linker *l, const struct workflow *w,
			const struct step *step, size_t from)
{
	struct buf path;

	buf_init(&path, 300);
	for (size_t i = from; i < l->depth; i++)
		buf_addf(&path, "%s -> ", l->busy[i]);
	buf_adds(&path, step->performs);
	complain(l, w, step,
		 "and so itself, without end: %s; remove one of these steps",
		 path.data);
	buf_clear(&path);
	return -1;
}

static int refuse_absent(struct linker *l, const struct workflow *w,
			 const struct step *step)
{
	struct error why = *l->err;

	if (why.kind != ERR_ABSENT)
		return -1;
	return complain(l, w, step,
			"but %s; apply it first: treadle apply FILE", why.text);
}

/* --- linking ------------------------------------------------------------- */

static const struct workflow *find(struct workflow *const *list, size_t count,
				   const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	return NULL;
}

static int check_path(struct linker *l, const struct workflow *w,
		      const struct step *step)
{
	for (size_t i = 0; i < l->depth; i++)
		if (strcmp(l->busy[i], step->performs) == 0)
			return refuse_cycle(l, w, step, i);
	if (l->depth == WORKFLOW_LEVELS_MAX)
		return complain(l, w, step,
				"which would be level %d of workflows that "
				"perform others, more than %d: perform it from "
				"higher up",
				WORKFLOW_LEVELS_MAX + 1, WORKFLOW_LEVELS_MAX);
	return 0;
}

/* Keeps the linked form of w as a part. */
static int add_part(struct linker *l, const struct workflow *w)
{
	struct workflow *linked;

	if (link_steps(l, w, &linked) != 0)
		return -1;
	if (!l->parts)
		l->parts = xcalloc(WORKFLOW_PARTS_MAX, sizeof(*l->parts));
	if (l->parts_count == WORKFLOW_PARTS_MAX) {
		workflow_free(linked);
		return error_set(l->err, ERR_INPUT,
				 "workflow \"%s\" performs more than %d "
				 "workflows in all: split it",
				 l->busy[0], WORKFLOW_PARTS_MAX);
	}
	l->parts[l->parts_count++] = linked;
	return 0;
}

/* Gives the digest of what a step of w performs. */
static int link_step(struct linker *l, const struct workflow *w,
		     const struct step *step, const char **digest)
{
	const struct workflow *part =
		find(l->parts, l->parts_count, step->performs);
	const struct workflow *given;
	struct workflow *fetched = NULL;
	int rc = 0;

	if (!part) {
		if (check_path(l, w, step) != 0)
			return -1;
		struct dialogue *d = call_dialogue(l->call, l->err);
		given = find(l->given, l->given_count, step->performs);
		if (!d)
			return -1;
		if (!given &&
		    named_fetch(d, step->performs, &fetched, l->err) != 0)
			return refuse_absent(l, w, step);
		rc = add_part(l, given ? given : fetched);
		workflow_free(fetched);
		part = rc == 0 ? l->parts[l->parts_count - 1] : NULL;
	}
	*digest = part ? part->digest : NULL;
	return rc;
}

static int link_steps(struct linker *l, const struct workflow *w,
		      struct workflow **linked)
{
	const char **digests = xcalloc(w->steps_count, sizeof(*digests));
	int rc = 0;

	l->busy[l->depth++] = w->name;
	for (size_t i = 0; i < w->steps_count && rc == 0; i++)
		if (w->steps[i].performs)
			rc = link_step(l, w, &w->steps[i], &digests[i]);
	l->depth--;
	if (rc == 0)
		rc = workflow_link(w, digests, linked, l->err);
	free(digests);
	return rc;
}

int link_workflow(struct call *c, const struct workflow *w,
		  struct workflow *const *given, size_t given_count,
		  struct workflow **linked, struct error *err)
{
	struct linker l = {.call = c,
			   .given = given,
			   .given_count = given_count,
			   .err = err};

	*linked = NULL;
	if (!workflow_is_unlinked(w))
		return 0;
	int rc = link_steps(&l, w, linked);
	if (rc == 0) {
		(*linked)->parts = l.parts;
		(*linked)->parts_count = l.parts_count;
		return 0;
	}
	for (size_t i = 0; i < l.parts_count; i++)
		workflow_free(l.parts[i]);
	free(l.parts);
	return rc;
}
