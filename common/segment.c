/* SPDX-License-Identifier: MIT */
#include "segment.h"

#include <stdlib.h>
#include <string.h>

#include "lexer.h"
#include "secret.h"

#define EXPANDED_TEXT_MAX (64 << 20)

static int add_program(struct findings *f, struct segment *s,
		       struct slice source, struct error *err)
{
	if (reads_expression(&f->reads, &f->arena, source, err) != 0)
		return expression_blame(s->source, err);
	s->kind = SEGMENT_PROGRAM;
	s->program = expressions_add(f->expressions, s->source);
	if (s->program >= 0)
		return 0;
	return error_set(err, ERR_INPUT, "there are more than %d expressions",
			 EXPRESSIONS_MAX);
}

/* What people mistype: a name that the scope never has. */
static int check_root(const struct segment *s, struct error *err)
{
	static const char *const roots[] = {
		"input", "steps",    "run",    "env",   "item",
		"index", "response", "output", "round", "last"};

	if (!s->path.count || !value_is_text(s->path.keys[0]))
		return 0;
	const char *root = jv_string_value(s->path.keys[0]);
	for (size_t i = 0; i < countof(roots); i++)
		if (strcmp(root, roots[i]) == 0)
			return 0;
	const char *nearest = text_nearest(root, roots, countof(roots));
	error_set(err, ERR_INPUT, "there is no .%s; %s.%s", root,
		  nearest ? "did you mean " : "paths begin with .input or ",
		  nearest ? nearest : "steps");
	return expression_blame(s->source, err);
}

/* Source is what stands between the braces. */
static int read_segment(struct findings *f, struct segment *s,
			struct slice source, struct error *err)
{
	struct slice trimmed = slice_trim(source);
	struct slice secret = secret_name(trimmed);

	s->source = arena_copy(&f->arena, trimmed).data;
	if (secret.len) {
		s->kind = SEGMENT_SECRET;
		s->text = secret_mark(secret);
		f->has_secrets = true;
		return 0;
	}
	if (slice_starts(trimmed, "secret:"))
		error_set(err, ERR_INPUT,
			  "a secret's name is 1 to 64 of [A-Za-z0-9_.-]");
	else if (!trimmed.len)
		error_set(err, ERR_INPUT, "is empty: write $${ for a plain ${");
	else if (trimmed.len > EXPRESSION_LEN_MAX)
		error_set(err, ERR_INPUT, "is longer than %d bytes",
			  EXPRESSION_LEN_MAX);
	else if (memchr(trimmed.data, '\0', trimmed.len))
		error_set(err, ERR_INPUT, "has a NUL byte");
	else if (path_parse(trimmed, &f->arena, &s->path)) {
		s->kind = SEGMENT_PATH;
		reads_path(&f->reads, &f->arena, &s->path);
		return check_root(s, err);
	} else
		return add_program(f, s, trimmed, err);
	return expression_blame(s->source, err);
}

/* Text begins behind "${"; gives what stands before the closing brace. */
static int find_end(struct slice text, struct slice *source, struct error *err)
{
	struct lexer l;
	struct token token;

	/* "secret:a-b" is no jq, but has no brackets either. */
	lexer_init(&l, text);
	do
		token = lexer_next(&l);
	while (token.kind != TOKEN_END && token.kind != TOKEN_BAD);
	*source = (struct slice){text.data, l.pos};
	if (token.kind == TOKEN_END && l.pos < text.len)
		return 0;
	return error_set(err, ERR_INPUT, "\"${%.*s\" %s",
			 text.len < 80 ? (int)text.len : 80, text.data,
			 token.kind == TOKEN_BAD
				 ? l.problem
				 : "has no closing }: write $${ for a plain "
				   "${");
}

static struct segment *append(struct findings *f, struct segment ***tail)
{
	struct segment *s = arena_alloc(&f->arena, sizeof(*s));

	*s = (struct segment){.text = jv_invalid()};
	**tail = s;
	*tail = &s->next;
	return s;
}

static void append_text(struct findings *f, struct segment ***tail,
			struct buf *text)
{
	if (!text->len)
		return;
	struct segment *s = append(f, tail);
	s->kind = SEGMENT_TEXT;
	s->text = jv_string_sized(text->data, (int)text->len);
	buf_reset(text);
}

int segments_read(struct findings *f, struct slice text,
		  struct segment **segments, struct error *err)
{
	struct segment **tail = segments;
	struct slice source;
	struct buf plain;

	buf_init(&plain, text.len);
	while (text.len) {
		size_t used = 1;
		if (slice_starts(text, "$${")) {
			buf_adds(&plain, "${");
			used = 3;
		} else if (!slice_starts(text, "${")) {
			buf_addc(&plain, text.data[0]);
		} else {
			append_text(f, &tail, &plain);
			struct slice rest = {text.data + 2, text.len - 2};
			if (find_end(rest, &source, err) != 0 ||
			    read_segment(f, append(f, &tail), source, err) != 0)
				break;
			used = source.len + 3;
		}
		text = (struct slice){text.data + used, text.len - used};
	}
	append_text(f, &tail, &plain);
	buf_clear(&plain);
	return text.len ? -1 : 0;
}

void segments_clear(struct segment *segments)
{
	for (struct segment *s = segments; s; s = s->next) {
		jv_free(s->text);
		path_clear(&s->path);
	}
}

bool segment_is_alone(struct slice text)
{
	struct findings f = {.expressions = expressions_new()};
	struct segment *segments = NULL;
	bool is_one = false;

	arena_init(&f.arena);
	if (slice_starts(text, "${"))
		/* What is wrong inside is said by references.c. */
		is_one = segments_read(&f, text, &segments, NULL) != 0 ||
			 (segments && !segments->next);
	segments_clear(segments);
	expressions_free(f.expressions);
	arena_clear(&f.arena);
	return is_one;
}

/* --- expanding ----------------------------------------------------------- */

static int expand(const struct segment *s, struct expressions *e, jv scope,
		  jv *value, struct error *err)
{
	switch (s->kind) {
	case SEGMENT_PATH:
		if (path_get(&s->path, scope, value, err) != 0)
			return expression_blame(s->source, err);
		return 0;
	case SEGMENT_PROGRAM:
		return expressions_run(e, s->program, scope, value, err);
	default:
		*value = jv_copy(s->text);
		return 0;
	}
}

static void add_as_text(struct buf *out, jv value)
{
	if (value_is_text(value)) {
		struct slice text = value_text(value);
		buf_add(out, text.data, text.len);
	} else {
		json_print(value, out);
	}
}

int segments_expand(const struct segment *s, struct expressions *e, jv scope,
		    jv *value, struct error *err)
{
	struct buf out;
	int result = 0;

	if (!s->next)
		return expand(s, e, scope, value, err);
	buf_init(&out, EXPANDED_TEXT_MAX);
	for (; s && result == 0; s = s->next) {
		jv part;
		result = expand(s, e, scope, &part, err);
		if (result == 0) {
			add_as_text(&out, part);
			jv_free(part);
		}
	}
	if (result == 0 && out.is_full)
		result = error_set(err, ERR_INPUT,
				   "a text with expressions becomes too large");
	if (result == 0)
		*value = jv_string_sized(out.data, (int)out.len);
	buf_clear(&out);
	return result;
}
