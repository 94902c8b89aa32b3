/* SPDX-License-Identifier: MIT */
#include "lexer.h"

#include <string.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The byte at pos + ahead, or NUL behind the end. */
static char byte_at(const struct lexer *l, size_t ahead)
{
	size_t at = l->pos + ahead;

	return at < l->source.len ? l->source.data[at] : '\0';
}

void lexer_init(struct lexer *l, struct slice source)
{
	*l = (struct lexer){.source = source};
}

static struct token bad(struct lexer *l, const char *problem)
{
	l->problem = problem;
	return (struct token){.kind = TOKEN_BAD, .text = SLICE("")};
}

/* The token of len bytes from pos on, whose text leaves out skip of them. */
static struct token take(struct lexer *l, enum token_kind kind, size_t len,
			 size_t skip)
{
	const char *start = l->source.data + l->pos;

	l->pos += len;
	return (struct token){kind, {start + skip, len - skip}, *start};
}

static void skip_blanks(struct lexer *l)
{
	for (; l->pos < l->source.len; l->pos++) {
		char c = byte_at(l, 0);
		if (c == '#')
			while (l->pos + 1 < l->source.len &&
			       byte_at(l, 1) != '\n')
				l->pos++;
		else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
	}
}

static struct token open_mark(struct lexer *l, char mark, size_t len)
{
	if (l->depth == LEXER_DEPTH_MAX)
		return bad(l, "is nested too deeply");
	l->open[l->depth++] = mark;
	struct token token = take(l, TOKEN_OPEN, len, 0);
	token.mark = mark;
	return token;
}

static struct token close_mark(struct lexer *l, char mark)
{
	char open = l->depth ? l->open[l->depth - 1] : '\0';
	bool fits = (mark == ')' && (open == '(' || open == '\\')) ||
		    (mark == ']' && open == '[') ||
		    (mark == '}' && open == '{');

	if (!fits)
		return bad(l, mark == ')'   ? "has a \")\" that closes nothing"
			      : mark == ']' ? "has a \"]\" that closes nothing"
					    : "has a \"}\" that closes the "
					      "wrong bracket");
	l->depth--;
	l->is_in_text = open == '\\';
	return take(l, TOKEN_CLOSE, 1, 0);
}

/* From pos (behind a quote) to the next quote or \( . */
static struct token text(struct lexer *l, bool is_tail)
{
	size_t len = 0;

	for (; l->pos + len < l->source.len; len++) {
		char c = byte_at(l, len);
		if (c == '"') {
			l->is_in_text = false;
			struct token token = take(
				l, is_tail ? TOKEN_TAIL : TOKEN_TEXT, len, 0);
			l->pos++;
			return token;
		}
		if (c != '\\')
			continue;
		if (byte_at(l, ++len) == '(') {
			l->pos += len - 1;
			l->is_in_text = false;
			return open_mark(l, '\\', 2);
		}
	}
	return bad(l, "has a text without a closing quote");
}

static size_t number_len(const struct lexer *l)
{
	size_t n = 0;

	while (is_digit(byte_at(l, n)) || byte_at(l, n) == '.')
		n++;
	if (byte_at(l, n) == 'e' || byte_at(l, n) == 'E') {
		n++;
		if (byte_at(l, n) == '+' || byte_at(l, n) == '-')
			n++;
		while (is_digit(byte_at(l, n)))
			n++;
	}
	return n;
}

static size_t name_len(const struct lexer *l, size_t from)
{
	size_t n = from;

	while (is_letter(byte_at(l, n)) || is_digit(byte_at(l, n)) ||
	       (byte_at(l, n) == ':' && byte_at(l, n + 1) == ':' &&
		is_letter(byte_at(l, n + 2)) && n++))
		n++;
	return n;
}

static struct token dot(struct lexer *l)
{
	if (is_digit(byte_at(l, 1)))
		return take(l, TOKEN_NUMBER, number_len(l), 0);
	if (is_letter(byte_at(l, 1)))
		return take(l, TOKEN_FIELD, name_len(l, 1), 1);
	if (byte_at(l, 1) == '.')
		return take(l, TOKEN_DOTDOT, 2, 0);
	return take(l, TOKEN_DOT, 1, 0);
}

struct token lexer_next(struct lexer *l)
{
	if (l->is_in_text)
		return text(l, true);
	skip_blanks(l);
	if (l->pos == l->source.len)
		return l->depth ? bad(l, "has a bracket that is not closed")
				: take(l, TOKEN_END, 0, 0);

	char c = byte_at(l, 0);
	if (c == '\0')
		return bad(l, "has a NUL byte");
	if (c == '}' && !l->depth)
		return take(l, TOKEN_END, 0, 0);
	if (c == '"') {
		l->pos++;
		return text(l, false);
	}
	if (strchr("([{", c))
		return open_mark(l, c, 1);
	if (strchr(")]}", c))
		return close_mark(l, c);
	if (c == '.')
		return dot(l);
	if (is_digit(c))
		return take(l, TOKEN_NUMBER, number_len(l), 0);
	if (is_letter(c))
		return take(l, TOKEN_NAME, name_len(l, 0), 0);
	if ((c == '$' || c == '@') && is_letter(byte_at(l, 1)))
		return take(l, c == '$' ? TOKEN_VARIABLE : TOKEN_FORMAT,
			    name_len(l, 1), 1);
	if (c == '|' && byte_at(l, 1) != '=')
		return take(l, TOKEN_PIPE, 1, 0);
	if (c == '|')
		return take(l, TOKEN_OTHER, 2, 0);
	return take(l, TOKEN_OTHER, 1, 0);
}

struct token lexer_peek(const struct lexer *l)
{
	struct lexer copy = *l;

	return lexer_next(&copy);
}
