/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <string.h>

#include "lexer.h"

/* One member after a dot or in brackets; invalid if it is anything else. */
static jv bracket_key(struct lexer *l)
{
	struct token token = lexer_next(l);
	double sign = 1;

	if (token.kind == TOKEN_TEXT &&
	    !memchr(token.text.data, '\\', token.text.len))
		return jv_string_sized(token.text.data, (int)token.text.len);
	if (token.kind == TOKEN_OTHER && token.mark == '-') {
		sign = -1;
		token = lexer_next(l);
	}
	int64_t index;
	if (token.kind != TOKEN_NUMBER ||
	    slice_int(token.text, 0, INT32_MAX, &index) != 0)
		return jv_invalid();
	return jv_number(sign * (double)index);
}

static jv next_key(struct lexer *l, struct token token, bool is_first)
{
	if (token.kind == TOKEN_FIELD)
		return jv_string_sized(token.text.data, (int)token.text.len);
	if (token.kind == TOKEN_DOT)
		token = lexer_next(l);
	else if (is_first)
		return jv_invalid();
	if (token.kind != TOKEN_OPEN || token.mark != '[')
		return jv_invalid();

	jv key = bracket_key(l);
	if (jv_is_valid(key) && lexer_next(l).kind == TOKEN_CLOSE)
		return key;
	jv_free(key);
	return jv_invalid();
}

bool path_parse(struct slice text, struct arena *arena, struct path *path)
{
	struct lexer l;
	jv keys[PATH_KEYS_MAX];

	*path = (struct path){NULL, 0};
	lexer_init(&l, text);
	struct token token = lexer_next(&l);
	if (token.kind == TOKEN_DOT && lexer_peek(&l).kind == TOKEN_END)
		return true;

	size_t n = 0;
	for (; token.kind != TOKEN_END; token = lexer_next(&l)) {
		jv key = n < PATH_KEYS_MAX ? next_key(&l, token, n == 0)
					   : jv_invalid();
		if (!jv_is_valid(key)) {
			path_clear(&(struct path){keys, n});
			return false;
		}
		keys[n++] = key;
	}
	path->keys = arena_alloc(arena, n * sizeof(*keys));
	path->count = n;
	if (n)
		memcpy(path->keys, keys, n * sizeof(*keys));
	return n > 0;
}

void path_clear(struct path *path)
{
	for (size_t i = 0; i < path->count; i++)
		jv_free(path->keys[i]);
	path->count = 0;
}

int path_get(const struct path *path, jv scope, jv *value, struct error *err)
{
	jv v = jv_copy(scope);

	for (size_t i = 0; i < path->count; i++) {
		v = jv_get(v, jv_copy(path->keys[i]));
		if (jv_is_valid(v))
			continue;
		jv message = jv_invalid_get_msg(v);
		error_set(err, ERR_INPUT, "%s",
			  value_is_text(message) ? jv_string_value(message)
						 : "cannot be looked up");
		jv_free(message);
		return -1;
	}
	*value = v;
	return 0;
}
