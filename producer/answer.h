/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_ANSWER_H
#define PRODUCER_ANSWER_H

#include "treadle/value.h"

/*
 * Reading the library's answers without counting references: what these
 * return is borrowed from the object, and lives until that is freed.
 */
jv answer_get(jv object, const char *key);
struct slice answer_text(jv object, const char *key); /* empty where absent */
int64_t answer_int(jv object, const char *key, int64_t otherwise);
bool answer_has(jv object, const char *key); /* and it is not null */

int answer_count(jv object, const char *key); /* items of an array, or 0 */
jv answer_item(jv object, const char *key, int index);

/* Appends the texts of an array, a comma and a blank between them. */
void answer_join(jv object, const char *key, struct buf *b);

#endif
