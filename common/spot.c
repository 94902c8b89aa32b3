/* SPDX-License-Identifier: MIT */
#include "spot.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The parent holds the member, so our count may go. */
static jv borrow(jv member)
{
	jv_free(member);
	return member;
}

struct spot spot_get(struct spot object, const char *key)
{
	struct spot s = object;
	jv place = borrow(place_get(object.place, key));

	s.value = borrow(value_get(object.value, key));
	if (jv_is_valid(place))
		s.place = place;
	return s;
}

struct spot spot_at(struct spot array, int index)
{
	struct spot s = array;
	jv place = borrow(place_at(array.place, index));

	s.value = borrow(jv_array_get(jv_copy(array.value), index));
	if (jv_is_valid(place))
		s.place = place;
	return s;
}

bool spot_is_absent(struct spot s)
{
	return !jv_is_valid(s.value);
}

int spot_complain(struct spot s, struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	int line = place_line(s.place);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s.path && line > 0)
		return error_set(err, ERR_INPUT, "%s:%d: %s", s.path, line,
				 text);
	return error_set(err, ERR_INPUT, "%s", text);
}

bool spot_is(struct spot s, jv_kind kind, const char *what, struct error *err)
{
	static const char *const wanted[] = {
		[JV_KIND_STRING] = "a string",
		[JV_KIND_NUMBER] = "a number",
		[JV_KIND_ARRAY] = "a list",
		[JV_KIND_OBJECT] = "a map",
	};

	must((size_t)kind < countof(wanted) && wanted[kind]);
	if (jv_get_kind(s.value) == kind)
		return true;
	spot_complain(s, err, "%s must be %s, is %s", what, wanted[kind],
		      value_kind(s.value));
	return false;
}

static bool is_one_of(struct slice name, const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, known[i]))
			return true;
	return false;
}

/* "a, b, c" */
static void list_names(char *text, size_t size, const char *const *names,
		       size_t count)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
					i ? ", " : "", names[i]);
}

int spot_check_keys(struct spot object, const char *what,
		    const char *const *known, size_t count, struct error *err)
{
	struct members m;
	int result = 0;
	char all[256];

	list_names(all, sizeof(all), known, count);
	members_init(&m, object.value);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		if (is_one_of(m.items[i].name, known, count))
			continue;
		const char *key = m.items[i].name.data;
		const char *nearest = text_nearest(key, known, count);
		struct spot s = spot_get(object, key);
		result = spot_complain(
			s, err, "%sunknown key \"%.64s\"; %s%s%s", what, key,
			nearest ? "did you mean \"" : "known are ",
			nearest ? nearest : all, nearest ? "\"?" : "");
	}
	members_clear(&m);
	return result;
}
