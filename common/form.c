/* SPDX-License-Identifier: MIT */
#include "form.h"

#include <math.h>

#include "treadle/clock.h"

/* -1 if it is no duration. A bare 0 may be a number to YAML. */
static int parse_duration(jv value, int64_t *ms)
{
	if (value_is_text(value))
		return duration_parse(value_text(value), ms);
	*ms = 0;
	return jv_get_kind(value) == JV_KIND_NUMBER ? 0 : -1;
}

int form_duration(const struct form *f, const char *key, int64_t min_ms,
		  int64_t max_ms, int64_t *ms)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
	struct spot s = spot_get(f->map, key);
	int64_t read;

	if (spot_is_absent(s))
		return 0;
	if (jv_get_kind(s.value) == JV_KIND_NUMBER &&
	    jv_number_value(s.value) != 0)
		return spot_complain(s, f->err,
				     "%s%s is a number without a unit: write "
				     "%gs for seconds",
				     f->what, key, jv_number_value(s.value));
	if (parse_duration(s.value, &read) != 0)
		return spot_complain(s, f->err,
				     "%s%s must be a duration such as \"30s\" "
				     "or \"1h30m\"",
				     f->what, key);
	if (read < min_ms || read > max_ms)
		return spot_complain(s, f->err, "%s%s must be from %s to %s",
				     f->what, key,
				     duration_format(min_ms, least),
				     duration_format(max_ms, most));
	*ms = read;
	return 0;
}

int form_number(const struct form *f, const char *key, double min, double max,
		double *number)
{
	struct spot s = spot_get(f->map, key);
	double value = NAN;

	if (spot_is_absent(s))
		return 0;
	if (jv_get_kind(s.value) == JV_KIND_NUMBER)
		value = jv_number_value(s.value);
	if (!(value >= min && value <= max))
		return spot_complain(s, f->err,
				     "%s%s must be a number from %g to %g",
				     f->what, key, min, max);
	*number = value;
	return 0;
}

int form_whole(const struct form *f, const char *key, int64_t min, int64_t max,
	       int64_t *whole)
{
	double number = (double)*whole;

	if (form_number(f, key, (double)min, (double)max, &number) != 0)
		return -1;
	if (number != floor(number))
		return spot_complain(spot_get(f->map, key), f->err,
				     "%s%s must be a whole number", f->what,
				     key);
	*whole = (int64_t)number;
	return 0;
}
