/* SPDX-License-Identifier: MIT */
#include "repeat.h"

#include <stdio.h>

#include "form.h"
#include "segment.h"

#define EVERY_MAX (INT64_C(7) * 24 * 3600 * 1000)

void repeat_init(struct repeat *r)
{
	*r = (struct repeat){.until = jv_invalid()};
}

void repeat_clear(struct repeat *r)
{
	jv_free(r->until);
}

static int read_until(struct repeat *r, struct spot s, struct spot map,
		      const char *what, struct error *err)
{
	struct slice text = SLICE("");

	if (spot_is_absent(s))
		return spot_complain(
			map, err,
			"%srepeat has no \"until\": say when it has been "
			"performed often enough, such as until: "
			"${.output.ready}",
			what);
	if (value_is_text(s.value))
		text = slice_trim(value_text(s.value));
	if (!segment_is_alone(text))
		return spot_complain(s, err,
				     "%srepeat.until must be one expression "
				     "over .output, such as ${.output.ready}",
				     what);
	r->until = jv_string_sized(text.data, (int)text.len);
	return 0;
}

/* A loop without a bound is refused. */
static int read_max(struct repeat *r, const struct form *f, struct spot map,
		    const char *what)
{
	r->max = 0;
	if (form_whole(f, "max", 1, ROUNDS_MAX, &r->max) != 0)
		return -1;
	if (r->max)
		return 0;
	return spot_complain(map, f->err,
			     "%srepeat has no \"max\", so it might never end: "
			     "say how many rounds there may be, such as max: "
			     "60",
			     what);
}

int repeat_read(struct repeat *r, enum step_kind kind, struct spot step,
		const char *what, struct error *err)
{
	static const char *const keys[] = {"until", "every", "max"};
	struct spot map = spot_get(step, "repeat");
	char at[128];
	struct form f = {.map = map, .what = at, .err = err};

	if (spot_is_absent(map))
		return 0;
	if (jv_get_kind(map.value) != JV_KIND_OBJECT)
		return spot_complain(map, err,
				     "%srepeat must be a map such as {until: "
				     "${.output.ready}, every: 10s, max: 60}, "
				     "is %s",
				     what, value_kind(map.value));
	if (kind == STEP_wait)
		return spot_complain(
			map, err,
			"%sa step that waits can't be repeated: "
			"repeat the one that looks, with \"every\"",
			what);
	snprintf(at, sizeof(at), "%srepeat: ", what);
	if (spot_check_keys(map, at, keys, countof(keys), err) != 0)
		return -1;
	snprintf(at, sizeof(at), "%srepeat.", what);
	if (read_max(r, &f, map, what) != 0 ||
	    form_duration(&f, "every", 0, EVERY_MAX, &r->every_ms) != 0)
		return -1;
	return read_until(r, spot_get(map, "until"), map, what, err);
}

/* --- stored form --------------------------------------------------------- */

jv repeat_print(const struct repeat *r, jv step)
{
	if (!jv_is_valid(r->until))
		return step;
	return jv_object_set(
		step, jv_string("repeat"),
		JV_OBJECT(jv_string("until"), jv_copy(r->until),
			  jv_string("every"), jv_number((double)r->every_ms),
			  jv_string("max"), jv_number((double)r->max)));
}

int repeat_parse(struct repeat *r, jv step, struct error *err)
{
	struct spot map = spot_get(
		(struct spot){.value = step, .place = jv_invalid()}, "repeat");
	struct spot until = spot_get(map, "until");
	struct form f = {.map = map, .what = "repeat.", .err = err};

	if (spot_is_absent(map))
		return 0;
	r->every_ms = -1;
	if (form_whole(&f, "every", 0, EVERY_MAX, &r->every_ms) != 0 ||
	    form_whole(&f, "max", 1, ROUNDS_MAX, &r->max) != 0)
		return -1;
	if (!value_is_text(until.value) || r->every_ms < 0 || !r->max)
		return error_set(err, ERR_INPUT, "\"repeat\" is unsupported");
	r->until = jv_copy(until.value);
	return 0;
}
