/* SPDX-License-Identifier: MIT */
#include "param.h"

#include "treadle/clock.h"

jv param_get(const struct attempt *a, const char *name)
{
	return value_get(a->params, name);
}

const char *param_text(const struct attempt *a, const char *name)
{
	jv value = param_get(a, name);
	const char *text = value_is_text(value) ? jv_string_value(value) : NULL;

	jv_free(value);
	return text;
}

int64_t param_size(const struct attempt *a, const char *name, int64_t initial)
{
	jv value = param_get(a, name);
	int64_t size = initial;

	if (value_is_text(value))
		must(size_parse(value_text(value), &size) == 0);
	else if (jv_is_valid(value))
		size = (int64_t)jv_number_value(value);
	jv_free(value);
	return size;
}
