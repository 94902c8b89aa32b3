/* SPDX-License-Identifier: MIT */
#include "treadle/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

jv value_get(jv object, const char *key)
{
	if (jv_get_kind(object) != JV_KIND_OBJECT)
		return jv_invalid();
	return jv_object_get(jv_copy(object), jv_string(key));
}

bool value_is_text(jv v)
{
	return jv_get_kind(v) == JV_KIND_STRING;
}

struct slice value_text(jv v)
{
	must(value_is_text(v));
	return (struct slice){jv_string_value(v),
			      (size_t)jv_string_length_bytes(jv_copy(v))};
}

bool value_is_whole(jv v)
{
	double d;

	if (jv_get_kind(v) != JV_KIND_NUMBER)
		return false;
	d = jv_number_value(v);
	return fabs(d) <= WHOLE_MAX && d == trunc(d);
}

const char *value_kind(jv v)
{
	switch (jv_get_kind(v)) {
	case JV_KIND_NULL:
		return "null";
	case JV_KIND_FALSE:
		return "false";
	case JV_KIND_TRUE:
		return "true";
	case JV_KIND_NUMBER:
		return "a number";
	case JV_KIND_STRING:
		return "a string";
	case JV_KIND_ARRAY:
		return "an array";
	case JV_KIND_OBJECT:
		return "an object";
	case JV_KIND_INVALID:
		break;
	}
	return "nothing";
}

/* Members in order */

static int by_name(const void *a, const void *b)
{
	struct slice x = ((const struct member *)a)->name;
	struct slice y = ((const struct member *)b)->name;
	int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);

	if (order)
		return order;
	return (x.len > y.len) - (x.len < y.len);
}

static void add_member(struct members *m, struct member new, bool *is_sorted)
{
	/* Powers of two from the size of small upwards are full. */
	if (m->count == countof(m->small)) {
		m->items = xmalloc(2 * m->count * sizeof(new));
		memcpy(m->items, m->small, sizeof(m->small));
	} else if (m->count > countof(m->small) &&
		   !(m->count & (m->count - 1))) {
		m->items = xrealloc(m->items, 2 * m->count * sizeof(new));
	}
	m->items[m->count] = new;
	if (m->count && by_name(&m->items[m->count - 1], &new) > 0)
		*is_sorted = false;
	m->count++;
}

/* What was read from our own msgpack is in order already. */
void members_init(struct members *m, jv object)
{
	bool is_sorted = true;

	must(jv_get_kind(object) == JV_KIND_OBJECT);
	m->items = m->small;
	m->count = 0;
	for (int i = jv_object_iter(object); jv_object_iter_valid(object, i);
	     i = jv_object_iter_next(object, i)) {
		jv key = jv_object_iter_key(object, i);
		struct member new = {value_text(key), key,
				     jv_object_iter_value(object, i)};

		add_member(m, new, &is_sorted);
	}
	if (!is_sorted)
		qsort(m->items, m->count, sizeof(m->items[0]), by_name);
}

void members_clear(struct members *m)
{
	for (size_t i = 0; i < m->count; i++) {
		jv_free(m->items[i].key);
		jv_free(m->items[i].value);
	}
	if (m->items != m->small)
		free(m->items);
	m->items = NULL;
	m->count = 0;
}

/* Places */

int place_line(jv place)
{
	jv line = jv_invalid();
	int number = 0;

	switch (jv_get_kind(place)) {
	case JV_KIND_NUMBER:
		return (int)jv_number_value(place);
	case JV_KIND_ARRAY:
		line = jv_array_get(jv_copy(place), 0);
		break;
	case JV_KIND_OBJECT:
		line = value_get(place, "");
		break;
	default:
		break;
	}
	if (jv_get_kind(line) == JV_KIND_NUMBER)
		number = (int)jv_number_value(line);
	jv_free(line);
	return number;
}

jv place_get(jv place, const char *key)
{
	if (jv_get_kind(place) != JV_KIND_OBJECT)
		return jv_invalid();
	return jv_object_get(jv_copy(place), jv_string_fmt(".%s", key));
}

jv place_at(jv place, int index)
{
	if (jv_get_kind(place) != JV_KIND_ARRAY)
		return jv_invalid();
	return jv_array_get(jv_copy(place), index + 1);
}
