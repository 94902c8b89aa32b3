/* SPDX-License-Identifier: MIT */
#include "follow.h"

#include <stdio.h>

#include "answer.h"
#include "report.h"
#include "view.h"

#define PERIOD_MIN_MS 20
#define PERIOD_MAX_MS 1000
#define PICTURE_MAX_MS 200 /* so that clocks on a terminal run smoothly */

static int show(struct view *v, enum follow_how how, jv run)
{
	if (how == FOLLOW_SILENT)
		return 0;
	if (how == FOLLOW_JSON)
		return view_objects(v, run);
	if (v->out->is_terminal)
		return view_picture(v, run);
	return view_lines(v, run);
}

/* Where only clocks and progress differ, asking more often shows no more. */
static int64_t next_period(int64_t period, bool has_changed, int64_t max)
{
	if (has_changed)
		return PERIOD_MIN_MS;
	period += period / 2;
	return period < max ? period : max;
}

static void say_how_to_go_on(struct slice id)
{
	fprintf(stderr,
		"the run goes on; see it with: treadle watch %.*s, "
		"end it with: treadle cancel %.*s\n",
		(int)id.len, id.data, (int)id.len, id.data);
}

int follow_run(struct dialogue *d, struct slice id, const struct output *out,
	       enum follow_how how, jv *run, struct error *err)
{
	bool is_picture = how == FOLLOW_SHOWN && out->is_terminal;
	int64_t period = PERIOD_MIN_MS;
	struct view view;
	int rc = 0;

	view_init(&view, out);
	*run = jv_invalid();
	dialogue_hold(d);
	while (rc == 0) {
		jv status;
		rc = dialogue_ask(d, STORE_status, &id, 1, &status, err);
		if (rc != 0)
			break;
		bool has_changed = !jv_equal(jv_copy(*run), jv_copy(status));
		jv_free(*run);
		*run = status;
		if (show(&view, how, *run) != 0)
			rc = error_set(err, ERR_SYSTEM,
				       "nobody reads standard output");
		else if (!slice_is(answer_text(*run, "state"), "running"))
			break;
		period = next_period(period, has_changed,
				     is_picture ? PICTURE_MAX_MS
						: PERIOD_MAX_MS);
		if (rc == 0 && dialogue_sleep(d, period)) {
			say_how_to_go_on(id);
			rc = FOLLOW_INTERRUPTED;
		}
	}
	view_clear(&view);
	return rc ? rc : report_exit_code(*run);
}
