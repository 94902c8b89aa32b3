/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_EXPRESSION_H
#define TREADLE_EXPRESSION_H

#include "treadle/value.h"

/*
 * jq programs: the expressions of one template that are more than paths.
 *
 * jq compiles its own library with each program: 20 ms in 1.6, whatever the
 * size of ours. So expressions are compiled in groups, and one is chosen
 * when it runs. Their brackets must be balanced (lexer.h), or they could
 * reach out of their place in the group.
 */
#define EXPRESSIONS_MAX 4096
#define EXPRESSION_LEN_MAX 8192

struct expressions;

struct expressions *expressions_new(void);
void expressions_free(struct expressions *e);

/* Borrows source until expressions_free(). Gives its number, or -1: full. */
int expressions_add(struct expressions *e, const char *source);
size_t expressions_count(const struct expressions *e);

/* Compiles them. An error names the first expression that is wrong. */
int expressions_compile(struct expressions *e, struct error *err);

/*
 * Runs one over the scope, compiling its group if that wasn't done. Gives
 * *value, which must be the only one. Can take for ever.
 */
int expressions_run(struct expressions *e, int which, jv scope, jv *value,
		    struct error *err);

/* Puts the expression, shortened, in front of an error; returns -1. */
int expression_blame(const char *source, struct error *err);

#endif
