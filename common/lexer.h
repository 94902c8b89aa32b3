/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_LEXER_H
#define TREADLE_LEXER_H

#include "treadle/text.h"

/*
 * The tokens of a jq program, as far as we need them: to find where an
 * expression ends, and what it reads. jq itself judges all the rest.
 *
 * A text without \( ) is one TOKEN_TEXT. One with them comes as OPEN, what
 * is inside, CLOSE, for each of them; then TOKEN_TAIL.
 */
enum token_kind {
	TOKEN_END,    /* no more bytes, or a closing brace nobody opened */
	TOKEN_BAD,    /* lexer.problem says what is wrong */
	TOKEN_FIELD,  /* .name; text is the name */
	TOKEN_DOT,    /* . alone */
	TOKEN_DOTDOT, /* .. */
	TOKEN_NAME,   /* a keyword or a function */
	TOKEN_VARIABLE,
	TOKEN_FORMAT, /* @name */
	TOKEN_NUMBER,
	TOKEN_TEXT, /* text is what stands between the quotes */
	TOKEN_TAIL,
	TOKEN_OPEN,  /* mark is ( [ { or \ */
	TOKEN_CLOSE, /* of the innermost OPEN */
	TOKEN_PIPE,
	TOKEN_OTHER, /* mark is its first byte */
};

#define LEXER_DEPTH_MAX 64

struct lexer {
	struct slice source;
	size_t pos;
	char open[LEXER_DEPTH_MAX]; /* what is open: ( [ { or \ */
	size_t depth;
	bool is_in_text; /* the rest of a text follows a closed \( ) */
	const char *problem;
};

struct token {
	enum token_kind kind;
	struct slice text;
	char mark;
};

void lexer_init(struct lexer *l, struct slice source);

/* After END or BAD there is nothing more; l->pos is where it stopped. */
struct token lexer_next(struct lexer *l);

/* What lexer_next() will give. */
struct token lexer_peek(const struct lexer *l);

#endif
