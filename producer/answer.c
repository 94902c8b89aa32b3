/* SPDX-License-Identifier: MIT */
#include "answer.h"

/*
 * An object holds a reference to each of its members, so a member may be
 * used after our own reference was given up, as long as the object is there.
 */
static jv borrowed(jv member)
{
	jv_free(member);
	return member;
}

jv answer_get(jv object, const char *key)
{
	if (jv_get_kind(object) != JV_KIND_OBJECT)
		return jv_null();
	jv member = value_get(object, key);
	if (!jv_is_valid(member)) {
		jv_free(member);
		return jv_null();
	}
	return borrowed(member);
}

struct slice answer_text(jv object, const char *key)
{
	jv member = answer_get(object, key);

	return value_is_text(member) ? value_text(member) : SLICE("");
}

int64_t answer_int(jv object, const char *key, int64_t otherwise)
{
	jv member = answer_get(object, key);

	if (jv_get_kind(member) != JV_KIND_NUMBER)
		return otherwise;
	return (int64_t)jv_number_value(member);
}

bool answer_has(jv object, const char *key)
{
	return jv_get_kind(answer_get(object, key)) != JV_KIND_NULL;
}

int answer_count(jv object, const char *key)
{
	jv member = answer_get(object, key);

	if (jv_get_kind(member) != JV_KIND_ARRAY)
		return 0;
	return jv_array_length(jv_copy(member));
}

jv answer_item(jv object, const char *key, int index)
{
	return borrowed(jv_array_get(jv_copy(answer_get(object, key)), index));
}

void answer_join(jv object, const char *key, struct buf *b)
{
	for (int i = 0; i < answer_count(object, key); i++) {
		jv item = answer_item(object, key, i);
		if (i > 0)
			buf_adds(b, ", ");
		if (value_is_text(item)) {
			struct slice text = value_text(item);
			buf_add(b, text.data, text.len);
		}
	}
}
