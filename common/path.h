/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_PATH_H
#define TREADLE_PATH_H

#include "treadle/arena.h"
#include "treadle/value.h"

/*
 * Plain paths: what expressions are most of the time. .a.b, .a["b c"],
 * .a[0], .a[-1], and "." alone; they mean what they mean to jq.
 */
#define PATH_KEYS_MAX 64

struct path {
	jv *keys; /* texts and whole numbers */
	size_t count;
};

/* True, and fills *path, if text is a plain path and nothing else. */
bool path_parse(struct slice text, struct arena *arena, struct path *path);
void path_clear(struct path *path);

/* Gives *value; what is missing is null. Borrows scope. */
int path_get(const struct path *path, jv scope, jv *value, struct error *err);

#endif
