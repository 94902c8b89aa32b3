/* SPDX-License-Identifier: MIT */
#include "each.h"

#include <stdio.h>
#include <string.h>

#include "form.h"
#include "segment.h"

#define TOLERATES_MAX 1000000

void each_init(struct each_form *e)
{
	*e = (struct each_form){
		.list = jv_invalid(),
		.each = {.parallel_max = EACH_PARALLEL_MAX},
	};
}

void each_clear(struct each_form *e)
{
	jv_free(e->list);
}

/* --- what users write ---------------------------------------------------- */

static int read_list(struct each_form *e, struct spot s, const char *what,
		     struct error *err)
{
	jv_kind kind = jv_get_kind(s.value);

	if (kind != JV_KIND_ARRAY &&
	    !(kind == JV_KIND_STRING &&
	      segment_is_alone(slice_trim(value_text(s.value)))))
		return spot_complain(s, err,
				     "%sfor_each must be a list, or an "
				     "expression that gives one such as "
				     "${.steps.find.output}, is %s",
				     what, value_kind(s.value));
	e->list = jv_copy(s.value);
	return 0;
}

/* 3, 5% or all. */
static int read_tolerate(struct each_form *e, struct spot s, const char *what,
			 struct error *err)
{
	if (spot_is_absent(s))
		return 0;
	if (value_is_whole(s.value)) {
		double number = jv_number_value(s.value);

		e->each.tolerates = (int64_t)number;
		if (number >= 0 && number <= TOLERATES_MAX)
			return 0;
	} else if (value_is_text(s.value)) {
		struct slice text = value_text(s.value);

		e->each.tolerates_percent = 100;
		if (slice_is(text, "all"))
			return 0;
		if (text.len > 1 && text.data[--text.len] == '%' &&
		    slice_int(text, 0, 100, &e->each.tolerates_percent) == 0)
			return 0;
	}
	return spot_complain(s, err,
			     "%stolerate says how many items may fail: a "
			     "whole number, a share such as 5%%, or all",
			     what);
}

int each_read(struct each_form *e, struct spot step, const char *what,
	      struct error *err)
{
	static const char *const only[] = {"max_parallel", "tolerate"};
	struct form f = {.map = step, .what = what, .err = err};
	struct spot list = spot_get(step, "for_each");

	for (size_t i = 0; spot_is_absent(list) && i < countof(only); i++) {
		struct spot s = spot_get(step, only[i]);
		if (!spot_is_absent(s))
			return spot_complain(s, err,
					     "%s%s is about the items of "
					     "for_each: add that or remove "
					     "this",
					     what, only[i]);
	}
	if (spot_is_absent(list))
		return 0;
	if (!spot_is_absent(spot_get(spot_get(step, "wait"), "signal")))
		return spot_complain(step, err,
				     "%sa signal is for a step, not for the "
				     "items of for_each: wait for it in a step "
				     "of its own",
				     what);
	if (read_list(e, list, what, err) != 0 ||
	    form_whole(&f, "max_parallel", 1, EACH_PARALLEL_MAX,
		       &e->each.parallel_max) != 0)
		return -1;
	return read_tolerate(e, spot_get(step, "tolerate"), what, err);
}

/* --- stored form --------------------------------------------------------- */

/* What is of the item, not of the step that goes through the list. */
static const char *const of_item[] = {"kind", "params", "repeat", "cache"};

jv each_print(const struct each_form *e, jv step)
{
	jv item = jv_object(), each = jv_object();

	if (!jv_is_valid(e->list)) {
		jv_free(item);
		jv_free(each);
		return step;
	}
	for (size_t i = 0; i < countof(of_item); i++) {
		jv value = value_get(step, of_item[i]);
		if (jv_is_valid(value))
			item = jv_object_set(item, jv_string(of_item[i]),
					     value);
		step = jv_object_delete(step, jv_string(of_item[i]));
	}
	each = jv_object_set(each, jv_string("max"),
			     jv_number((double)e->each.parallel_max));
	if (e->each.tolerates > 0)
		each = jv_object_set(each, jv_string("tolerates"),
				     jv_number((double)e->each.tolerates));
	if (e->each.tolerates_percent > 0)
		each = jv_object_set(
			each, jv_string("tolerates_percent"),
			jv_number((double)e->each.tolerates_percent));
	step = jv_object_set(step, jv_string("kind"),
			     jv_string(step_kind_text(STEP_each)));
	step = jv_object_set(step, jv_string("params"),
			     JV_OBJECT(jv_string("items"), jv_copy(e->list)));
	step = jv_object_set(step, jv_string("each"), each);
	return jv_object_set(step, jv_string("item"), item);
}

int each_parse(struct each *each, struct spot step, struct error *err)
{
	struct spot map = spot_get(step, "each");
	struct form f = {.map = map, .what = "each.", .err = err};

	*each = (struct each){.parallel_max = -1};
	if (jv_get_kind(map.value) != JV_KIND_OBJECT ||
	    jv_get_kind(spot_get(step, "item").value) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT, "says nothing of its items");
	if (form_whole(&f, "max", 1, EACH_PARALLEL_MAX, &each->parallel_max) !=
		    0 ||
	    form_whole(&f, "tolerates", 0, TOLERATES_MAX, &each->tolerates) !=
		    0 ||
	    form_whole(&f, "tolerates_percent", 0, 100,
		       &each->tolerates_percent) != 0)
		return -1;
	return each->parallel_max < 0
		       ? error_set(err, ERR_INPUT, "has no \"each.max\"")
		       : 0;
}

void each_init_item(struct step *step)
{
	*step->item = (struct step){
		.name = step->name,
		.params = jv_null(),
		.condition_source = jv_invalid(),
		.catches = jv_invalid(),
		.repeat = {.source = jv_invalid()},
		.cache_source = jv_invalid(),
		.handles = -1,
		.undone_by = -1,
		.queue = step->queue,
		.timeout_ms = step->timeout_ms,
		.retry = step->retry,
		.recoveries_max = step->recoveries_max,
	};
}
