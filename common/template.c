/* SPDX-License-Identifier: MIT */
#include "treadle/template.h"

#include <stdlib.h>
#include <string.h>

#include "segment.h"

/*
 * Templates: read once, expanded for each attempt.
 *
 * A template becomes a tree of nodes of the same shape as its source. What
 * holds no ${ } stays a value and is only copied, which for a jv means
 * counted. A text becomes segments: constant text, paths, secrets, and jq
 * programs, which are gathered for the whole template, because compiling
 * them is dear and compiling them together costs no more than one.
 */
struct node {
	jv base; /* the value; where segments or children are, to be filled */
	struct segment *segments;
	struct child *children; /* those that are not constant */
};

struct child {
	jv key;
	int index;
	struct node node;
	struct child *next;
};

struct template
{
	struct node root;
	struct findings findings;
	int depth; /* while it is read */
};

/* --- reading a tree ------------------------------------------------------ */

static int read_node(struct template *t, struct node *node, jv source,
		     struct error *err);

static bool is_constant(const struct node *node)
{
	return !node->segments && !node->children;
}

static int read_text(struct template *t, struct node *node, struct error *err)
{
	struct slice text = value_text(node->base);

	if (!memmem(text.data, text.len, "${", 2))
		return 0;
	if (segments_read(&t->findings, text, &node->segments, err) != 0)
		return -1;
	struct segment *first = node->segments;
	if (first->kind == SEGMENT_TEXT && !first->next) { /* only escapes */
		jv_free(node->base);
		node->base = first->text;
		node->segments = NULL;
	}
	return 0;
}

/*
 * Keeps the child if it must be expanded each time; *value becomes what
 * stands in its parent's base.
 */
static int read_child(struct template *t, struct node *parent,
		      const struct child *where, jv *value, struct error *err)
{
	struct child *child = arena_alloc(&t->findings.arena, sizeof(*child));

	*child = *where;
	child->key = jv_copy(child->key);
	child->next = parent->children;
	parent->children = child;
	int result = read_node(t, &child->node, *value, err);
	if (result == 0 && is_constant(&child->node)) {
		*value = child->node.base;
		parent->children = child->next;
		jv_free(child->key);
	} else {
		*value = jv_null();
	}
	return result;
}

static int read_items(struct template *t, struct node *node, struct error *err)
{
	int count = jv_array_length(jv_copy(node->base));

	for (int i = 0; i < count; i++) {
		struct child where = {.key = jv_invalid(), .index = i};
		jv value = jv_array_get(jv_copy(node->base), i);
		int result = read_child(t, node, &where, &value, err);
		node->base = jv_array_set(node->base, i, value);
		if (result != 0)
			return -1;
	}
	return 0;
}

static int read_members(struct template *t, struct node *node,
			struct error *err)
{
	struct members m;
	int result = 0;

	members_init(&m, node->base);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		struct child where = {.key = m.items[i].key};
		jv value = jv_copy(m.items[i].value);
		result = read_child(t, node, &where, &value, err);
		if (result != 0)
			error_prefix(err,
				     "%s: ", jv_string_value(m.items[i].key));
		node->base =
			jv_object_set(node->base, jv_copy(where.key), value);
	}
	members_clear(&m);
	return result;
}

static int read_inside(struct template *t, struct node *node, struct error *err)
{
	switch (jv_get_kind(node->base)) {
	case JV_KIND_STRING:
		return read_text(t, node, err);
	case JV_KIND_ARRAY:
		return read_items(t, node, err);
	case JV_KIND_OBJECT:
		return read_members(t, node, err);
	default:
		return 0;
	}
}

/* Owns source. */
static int read_node(struct template *t, struct node *node, jv source,
		     struct error *err)
{
	*node = (struct node){.base = source};
	if (t->depth > VALUE_DEPTH_MAX)
		return error_set(err, ERR_INPUT, "is nested too deeply");
	t->depth++;
	int result = read_inside(t, node, err);
	t->depth--;
	return result;
}

static void clear_node(struct node *node)
{
	jv_free(node->base);
	segments_clear(node->segments);
	for (struct child *c = node->children; c; c = c->next) {
		jv_free(c->key);
		clear_node(&c->node);
	}
}

/* --- the whole ----------------------------------------------------------- */

struct template *template_new(jv source, bool compile, struct error *err)
{
	struct template *t = xcalloc(1, sizeof(*t));
	struct findings *f = &t->findings;

	arena_init(&f->arena);
	f->expressions = expressions_new();
	if (read_node(t, &t->root, jv_copy(source), err) == 0 &&
	    (!compile || expressions_compile(f->expressions, err) == 0))
		return t;
	template_free(t);
	return NULL;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	clear_node(&t->root);
	expressions_free(t->findings.expressions);
	arena_clear(&t->findings.arena);
	free(t);
}

bool template_is_constant(const struct template *t)
{
	return is_constant(&t->root);
}

bool template_is_plain(const struct template *t)
{
	return expressions_count(t->findings.expressions) == 0;
}

bool template_has_secrets(const struct template *t)
{
	return t->findings.has_secrets;
}

bool template_reads_rounds(const struct template *t)
{
	return t->findings.reads.has_rounds;
}

bool template_reads_output(const struct template *t)
{
	return t->findings.reads.has_output;
}

void template_reads(const struct template *t,
		    void (*on_read)(void *arg, const char *step), void *arg,
		    bool *reads_input)
{
	const struct reads *reads = &t->findings.reads;

	for (size_t i = 0; i < reads->count; i++)
		on_read(arg, reads->steps[i]);
	if (reads->is_all)
		on_read(arg, NULL);
	*reads_input = reads->has_input;
}

/* --- expanding ----------------------------------------------------------- */

static int expand(const struct node *node, struct expressions *e, jv scope,
		  jv *value, struct error *err)
{
	if (node->segments)
		return segments_expand(node->segments, e, scope, value, err);

	bool is_array = jv_get_kind(node->base) == JV_KIND_ARRAY;
	jv result = jv_copy(node->base);
	for (const struct child *c = node->children; c; c = c->next) {
		jv part;
		if (expand(&c->node, e, scope, &part, err) != 0) {
			jv_free(result);
			return -1;
		}
		result = is_array
				 ? jv_array_set(result, c->index, part)
				 : jv_object_set(result, jv_copy(c->key), part);
	}
	*value = result;
	return 0;
}

int template_expand(struct template *t, jv scope, jv *value, struct error *err)
{
	return expand(&t->root, t->findings.expressions, scope, value, err);
}
