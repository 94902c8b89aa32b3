/* SPDX-License-Identifier: MIT */
#include "reads.h"

#include <string.h>

#include "lexer.h"

/*
 * What a jq program reads, told from its tokens.
 *
 * The question at each token is whether its input is still the scope. It is
 * at the start, and in every bracket that opens where it is; behind a `|` it
 * is not, up to the end of the bracket. `A as $x | B` and `label $x | B` are
 * the exceptions: B gets what A got. Where a part of a construct ends (`;`,
 * `then`, a `,` between members) the input is again what it was when the
 * bracket opened. So each bracket is a level that remembers both.
 *
 * Where the input is the scope, .steps.NAME and .input.x are known reads; a
 * bare dot, and a function, which may use its input, read everything.
 */
struct level {
	char open;
	bool was_piped; /* when it opened */
	bool is_piped;  /* the input is not the scope */
	bool is_bound;  /* the next pipe belongs to an `as` or a `label` */
};

struct scan {
	struct reads *reads;
	struct arena *arena;
	struct lexer lexer;
	struct level levels[LEXER_DEPTH_MAX + 1];
	size_t depth;
	bool is_after_term; /* what follows with a dot belongs to a term */
};

static void read_all(struct reads *r)
{
	r->is_all = true;
	r->has_input = true;
}

static void add_step(struct reads *r, struct arena *a, struct slice name)
{
	for (size_t i = 0; i < r->count; i++)
		if (slice_is(name, r->steps[i]))
			return;
	/* Powers of two are full. */
	if (!(r->count & (r->count - 1))) {
		size_t cap = r->count ? 2 * r->count : 1;
		const char **steps = arena_alloc(a, cap * sizeof(*steps));

		if (r->count)
			memcpy(steps, r->steps, r->count * sizeof(*steps));
		r->steps = steps;
	}
	r->steps[r->count++] = arena_copy(a, name).data;
}

void reads_path(struct reads *r, struct arena *a, const struct path *path)
{
	if (!path->count || !value_is_text(path->keys[0])) {
		read_all(r);
		return;
	}
	struct slice root = value_text(path->keys[0]);
	if (slice_is(root, "input"))
		r->has_input = true;
	r->has_output |= slice_is(root, "output");
	r->has_rounds |= slice_is(root, "round") || slice_is(root, "last");
	if (!slice_is(root, "steps"))
		return;
	if (path->count < 2 || !value_is_text(path->keys[1]))
		r->is_all = true;
	else
		add_step(r, a, value_text(path->keys[1]));
}

static bool is_plain(struct slice text)
{
	return !memchr(text.data, '\\', text.len);
}

/*
 * The constant name that a path goes on with: .name, ."name", ["name"]. The
 * lexer moves behind it, or stays where it is.
 */
static bool take_name(struct lexer *lexer, struct slice *name)
{
	struct lexer l = *lexer;
	struct token token = lexer_next(&l);

	if (token.kind == TOKEN_FIELD) {
		*name = token.text;
		*lexer = l;
		return true;
	}
	if (token.kind == TOKEN_DOT)
		token = lexer_next(&l);
	bool is_bracket = token.kind == TOKEN_OPEN && token.mark == '[';
	if (is_bracket)
		token = lexer_next(&l);
	if (token.kind != TOKEN_TEXT || !is_plain(token.text))
		return false;
	if (is_bracket && lexer_next(&l).kind != TOKEN_CLOSE)
		return false;
	*name = token.text;
	*lexer = l;
	return true;
}

/* jq reads .steps.make-pages as .steps.make minus a function pages. */
static int check_hyphen(const struct lexer *l, struct slice name,
			struct error *err)
{
	const char *rest = name.data + name.len;
	const char *end = l->source.data + l->source.len;
	const char *at = rest;

	if (at == end || *at != '-')
		return 0;
	while (at < end &&
	       (*at == '-' || *at == '_' || (*at >= '0' && *at <= '9') ||
		(*at >= 'a' && *at <= 'z')))
		at++;
	if (at - rest < 2)
		return 0;
	int len = (int)(at - name.data);
	return error_set(err, ERR_INPUT,
			 "to jq \".steps.%.*s\" is a subtraction: "
			 "write .steps[\"%.*s\"]",
			 len, name.data, len, name.data);
}

/* A path that begins at the scope: root is its first name. */
static int read_root(struct scan *s, struct slice root, struct error *err)
{
	struct slice name;

	if (slice_is(root, "input"))
		s->reads->has_input = true;
	if (!slice_is(root, "steps"))
		return 0;
	if (!take_name(&s->lexer, &name)) {
		s->reads->is_all = true;
		return 0;
	}
	add_step(s->reads, s->arena, name);
	return check_hyphen(&s->lexer, name, err);
}

/* A dot alone: .["name"] and ."name" are paths, the rest reads everything. */
static int read_dot(struct scan *s, struct error *err)
{
	struct token token = lexer_peek(&s->lexer);
	struct slice root;

	if ((token.kind == TOKEN_TEXT || token.kind == TOKEN_OPEN) &&
	    take_name(&s->lexer, &root))
		return read_root(s, root, err);
	read_all(s->reads);
	return 0;
}

static bool is_one_of(struct slice name, const char *const *names)
{
	for (; *names; names++)
		if (slice_is(name, *names))
			return true;
	return false;
}

/* {steps} is short for {steps: .steps}. */
static void read_member(struct scan *s, struct slice name)
{
	struct token next = lexer_peek(&s->lexer);

	if (next.kind == TOKEN_OTHER && next.mark == ':')
		return;
	s->reads->is_all |= slice_is(name, "steps");
	s->reads->has_input |= slice_is(name, "input");
}

/* A keyword or a function. */
static void read_name(struct scan *s, struct level *level, struct slice name)
{
	static const char *const binders[] = {"as", "label", NULL};
	static const char *const parts[] = {"then", "elif",  "else",
					    "end",  "catch", NULL};
	static const char *const others[] = {
		"if",    "and", "or",       "reduce", "foreach",
		"def",   "try", "true",     "false",  "null",
		"empty", "nan", "infinite", "break",  NULL};
	/* With arguments these leave their input alone. */
	static const char *const deaf[] = {"range", "limit",   "first", "last",
					   "error", "isempty", NULL};
	struct token next = lexer_peek(&s->lexer);
	bool is_call = next.kind == TOKEN_OPEN && next.mark == '(';

	s->is_after_term = false;
	if (is_one_of(name, binders)) {
		level->is_bound = true;
	} else if (is_one_of(name, parts)) {
		level->is_piped = level->was_piped;
		s->is_after_term = slice_is(name, "end");
	} else if (!is_one_of(name, others)) {
		s->is_after_term = true;
		if (!level->is_piped && !(is_call && is_one_of(name, deaf)))
			read_all(s->reads);
	}
}

static void punctuate(struct scan *s, struct level *level, char mark)
{
	bool ends_member = level->open == '{' && (mark == ',' || mark == ':');

	s->is_after_term = mark == '?';
	if (mark == ';' || ends_member)
		level->is_piped = level->was_piped;
}

static void pipe(struct scan *s, struct level *level)
{
	s->is_after_term = false;
	if (level->is_bound)
		level->is_bound = false;
	else
		level->is_piped = true;
}

static void enter(struct scan *s, struct level *level, char mark)
{
	s->is_after_term = false;
	s->levels[++s->depth] = (struct level){
		.open = mark,
		.was_piped = level->is_piped,
		.is_piped = level->is_piped,
	};
}

/* @uri "...\(.a)" formats the text behind it; @uri alone, its input. */
static bool formats_text(const struct lexer *l)
{
	struct token next = lexer_peek(l);

	return next.kind == TOKEN_TEXT ||
	       (next.kind == TOKEN_OPEN && next.mark == '\\');
}

static int read_token(struct scan *s, struct token token, bool is_member,
		      struct error *err)
{
	struct level *level = &s->levels[s->depth];
	bool is_root = !s->is_after_term && !level->is_piped;

	switch (token.kind) {
	case TOKEN_OPEN:
		enter(s, level, token.mark);
		return 0;
	case TOKEN_PIPE:
		pipe(s, level);
		return 0;
	case TOKEN_OTHER:
		punctuate(s, level, token.mark);
		return 0;
	case TOKEN_NAME:
		if (is_member && !level->is_piped)
			read_member(s, token.text);
		else if (!is_member)
			read_name(s, level, token.text);
		return 0;
	case TOKEN_CLOSE:
		s->depth--;
		break;
	case TOKEN_DOTDOT:
		if (is_root)
			read_all(s->reads);
		break;
	case TOKEN_FORMAT:
		if (is_root && !formats_text(&s->lexer))
			read_all(s->reads);
		break;
	default:
		break;
	}
	s->is_after_term = true;
	if (is_root && token.kind == TOKEN_FIELD)
		return read_root(s, token.text, err);
	if (is_root && token.kind == TOKEN_DOT)
		return read_dot(s, err);
	return 0;
}

int reads_expression(struct reads *r, struct arena *a, struct slice source,
		     struct error *err)
{
	struct scan s = {.reads = r, .arena = a};
	struct token token, last = {.kind = TOKEN_END};

	lexer_init(&s.lexer, source);
	while ((token = lexer_next(&s.lexer)).kind != TOKEN_END) {
		must(token.kind != TOKEN_BAD);
		bool is_member =
			s.levels[s.depth].open == '{' &&
			(last.kind == TOKEN_OPEN ||
			 (last.kind == TOKEN_OTHER && last.mark == ','));
		if (read_token(&s, token, is_member, err) != 0)
			return -1;
		last = token;
	}
	return 0;
}
