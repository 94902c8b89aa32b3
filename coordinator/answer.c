/* SPDX-License-Identifier: MIT */
#include "answer.h"

int64_t answer_number(jv object, const char *key, int64_t fallback)
{
	jv v = value_get(object, key);
	int64_t number = fallback;

	if (value_is_whole(v))
		number = (int64_t)jv_number_value(v);
	jv_free(v);
	return number;
}

bool answer_is_true(jv object, const char *key)
{
	jv v = value_get(object, key);
	bool is_true = jv_get_kind(v) == JV_KIND_TRUE;

	jv_free(v);
	return is_true;
}

bool answer_is(jv object, const char *key, const char *text)
{
	jv v = value_get(object, key);
	bool is_same = value_is_text(v) && slice_is(value_text(v), text);

	jv_free(v);
	return is_same;
}

jv answer_array(jv object, const char *key)
{
	jv v = value_get(object, key);

	if (jv_get_kind(v) == JV_KIND_ARRAY)
		return v;
	jv_free(v);
	return jv_array();
}

char *answer_text(jv object, const char *key)
{
	jv v = value_get(object, key);
	struct slice text = value_is_text(v) ? value_text(v) : slice_of("");
	char *copy = xmemdup(text.data, text.len);

	jv_free(v);
	return copy;
}
