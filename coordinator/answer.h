/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_ANSWER_H
#define TREADLE_ANSWER_H

#include "treadle/value.h"

/*
 * Reading the library's answers. All borrow; what is absent, or not of the
 * type asked for, gives the fallback.
 */
int64_t answer_number(jv object, const char *key, int64_t fallback);
bool answer_is_true(jv object, const char *key);
/* Whether the text there is this one. */
bool answer_is(jv object, const char *key, const char *text);
/* The array there, or an empty one; to be freed. */
jv answer_array(jv object, const char *key);
/* Its own copy, to be freed with free(); "" for what is no text. */
char *answer_text(jv object, const char *key);

#endif
