/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <stdio.h>

#include "treadle/clock.h"
#include "answer.h"
#include "bar.h"
#include "report.h"

#define VIEW_MAX (1 << 20)
#define NAME_COLUMNS_MAX 24
#define BAR_COLUMNS 20
#define ANSWERS_MAX 3

void view_init(struct view *v, const struct output *out)
{
	*v = (struct view){.out = out, .seen = jv_invalid()};
}

void view_clear(struct view *v)
{
	jv_free(v->seen);
	v->seen = jv_invalid();
}

static void remember(struct view *v, jv run)
{
	jv_free(v->seen);
	v->seen = jv_copy(run);
}

static void pad(struct buf *b, size_t used, size_t columns)
{
	for (; used < columns; used++)
		buf_addc(b, ' ');
}

static const char *mark(const struct output *o, struct slice state)
{
	static const struct {
		const char *state, *mark, *ascii;
	} marks[] = {
		{"done", "\u2713", "+"},      {"running", "\u25cf", "*"},
		{"spread", "\u25cf", "*"},    {"dead", "\u2717", "x"},
		{"failed", "\u2717", "x"},    {"delayed", "\u25d4", "~"},
		{"ready", "\u25cb", "o"},     {"parked", "\u25d4", "?"},
		{"cancelled", "\u2212", "-"}, {"skipped", "\u2212", "-"},
	};

	for (size_t i = 0; i < countof(marks); i++) {
		if (slice_is(state, marks[i].state))
			return o->has_unicode ? marks[i].mark : marks[i].ascii;
	}
	return o->has_unicode ? "\u00b7" : ".";
}

static size_t name_columns(const struct output *o, jv run)
{
	size_t longest = 4;

	for (int i = 0; i < answer_count(run, "steps"); i++) {
		struct slice name =
			answer_text(answer_item(run, "steps", i), "step");
		size_t columns = output_columns(o, name);
		if (columns > longest)
			longest = columns;
	}
	return longest < NAME_COLUMNS_MAX ? longest : NAME_COLUMNS_MAX;
}

/* Text cut to what is left of the line, which has used columns so far. */
static void add_rest(const struct output *o, struct buf *b, size_t used,
		     enum style style, struct slice text)
{
	struct buf safe;
	size_t width = (size_t)o->width;

	buf_init(&safe, VIEW_MAX);
	output_escape(&safe, text);
	struct slice shown = buf_slice(&safe);
	if (o->is_terminal)
		shown = output_fit(o, shown,
				   width > used + 1 ? width - used - 1 : 0);
	output_add(o, b, style, shown);
	buf_clear(&safe);
}

static void draw_step(const struct output *o, struct buf *b, jv step,
		      size_t columns, int64_t now)
{
	struct slice state = answer_text(step, "state");
	struct slice name = output_fit(o, answer_text(step, "step"), columns);
	enum style style = output_state_style(state);
	int64_t span = report_step_span_ms(step, now);
	double share = report_progress(step);
	char text[DURATION_TEXT_MAX] = "";
	struct buf note;

	buf_adds(b, "  ");
	output_add(o, b, style, slice_of(mark(o, state)));
	buf_addc(b, ' ');
	output_add(o, b, STYLE_PLAIN, name);
	pad(b, output_columns(o, name), columns + 2);
	output_add(o, b, style, state);
	pad(b, state.len, 11);
	if (span >= 0)
		duration_human(span, text);
	buf_addf(b, "%8s  ", text);

	size_t used = 4 + columns + 2 + 11 + 10;
	if (report_is_busy(step) && share >= 0) {
		bar_draw(o, b, share, BAR_COLUMNS, STYLE_BUSY);
		buf_addc(b, ' ');
		used += BAR_COLUMNS + 1;
	}
	buf_init(&note, VIEW_MAX);
	report_step(&note, step, now);
	add_rest(o, b, used, STYLE_DIM, buf_slice(&note));
	buf_clear(&note);
	buf_addc(b, '\n');
}

/* With more steps than lines: those at work, and then what is nearest. */
static bool is_worth_a_line(jv step, bool has_room)
{
	struct slice state = answer_text(step, "state");

	return has_room || report_is_busy(step) || slice_is(state, "delayed") ||
	       slice_is(state, "parked") || slice_is(state, "dead");
}

static int draw_steps(const struct output *o, struct buf *b, jv run,
		      int64_t now)
{
	int count = answer_count(run, "steps");
	int room = o->height - 6 > 3 ? o->height - 6 : 3;
	size_t columns = name_columns(o, run);
	int lines = 0, hidden = 0;

	for (int i = 0; i < count; i++) {
		jv step = answer_item(run, "steps", i);
		if (lines < room && is_worth_a_line(step, count <= room)) {
			draw_step(o, b, step, columns, now);
			lines++;
		} else {
			hidden++;
		}
	}
	if (hidden == 0)
		return lines;
	output_addf(o, b, STYLE_DIM, "    and %d more steps", hidden);
	buf_addc(b, '\n');
	return lines + 1;
}

static int draw_head(const struct output *o, struct buf *b, jv run, int64_t now)
{
	struct slice state = answer_text(run, "state");
	char span[DURATION_TEXT_MAX];

	output_add(o, b, STYLE_BOLD, answer_text(run, "workflow"));
	buf_adds(b, "  ");
	output_add(o, b, STYLE_DIM, answer_text(run, "run"));
	buf_adds(b, "  ");
	output_add(o, b, output_state_style(state), state);
	buf_addf(b, "  %s\n\n", duration_human(report_span_ms(run, now), span));
	return 2;
}

static int draw_foot(const struct output *o, struct buf *b, jv run)
{
	int64_t total = answer_int(run, "total", 1);
	int64_t left = answer_int(run, "left", 0);
	struct slice state = answer_text(run, "state");
	bool is_failed = slice_is(state, "failed");
	struct buf text;

	buf_init(&text, VIEW_MAX);
	buf_adds(b, "\n  ");
	bar_draw(o, b, (double)(total - left) / (double)(total ? total : 1),
		 BAR_COLUMNS * 2,
		 is_failed ? STYLE_BAD
		 : left    ? STYLE_BUSY
			   : STYLE_GOOD);
	buf_addc(b, ' ');
	report_steps(&text, run);
	output_add(o, b, STYLE_PLAIN, buf_slice(&text));
	buf_addc(b, '\n');
	buf_reset(&text);
	report_reason(&text, answer_get(run, "reason"));
	if (text.len) {
		buf_adds(b, "  ");
		add_rest(o, b, 2, is_failed ? STYLE_BAD : STYLE_LATE,
			 buf_slice(&text));
		buf_addc(b, '\n');
	}
	int lines = text.len ? 3 : 2;
	buf_clear(&text);
	return lines;
}

/* How to answer the first steps that wait for somebody; returns the lines. */
static int draw_answers(const struct output *o, struct buf *b, jv run)
{
	struct buf line;
	int lines = 0;

	buf_init(&line, VIEW_MAX);
	for (int i = 0; i < answer_count(run, "steps") && lines < ANSWERS_MAX;
	     i++) {
		buf_reset(&line);
		report_answer(&line, run, answer_item(run, "steps", i));
		if (!line.len)
			continue;
		buf_adds(b, "  answer: ");
		add_rest(o, b, 10, STYLE_LATE, buf_slice(&line));
		buf_addc(b, '\n');
		lines++;
	}
	buf_clear(&line);
	return lines;
}

/* Each line wipes what stood there before; so does the end of the picture. */
static void wipe_lines(struct buf *to, struct slice from)
{
	while (from.len) {
		struct slice line = slice_cut(&from, '\n');
		buf_add(to, line.data, line.len);
		buf_adds(to, "\033[K\n");
	}
	buf_adds(to, "\033[J");
}

int view_picture(struct view *v, jv run)
{
	int64_t now = clock_wall_ms();
	struct output o = *v->out;
	struct buf picture, frame;
	int lines = 0;

	output_measure(&o);
	buf_init(&picture, VIEW_MAX);
	buf_init(&frame, VIEW_MAX);
	if (v->lines > 0)
		buf_addf(&frame, "\033[%dA", v->lines);
	lines += draw_head(&o, &picture, run, now);
	lines += draw_steps(&o, &picture, run, now);
	lines += draw_foot(&o, &picture, run);
	lines += draw_answers(&o, &picture, run);
	wipe_lines(&frame, buf_slice(&picture));
	v->lines = lines;
	int rc = output_write(&o, buf_slice(&frame));
	buf_clear(&picture);
	buf_clear(&frame);
	remember(v, run);
	return rc;
}

/*
 * What was seen of a step; null if nothing was. Mostly it stands where it
 * stood, but items come and go.
 */
static jv seen_step(const struct view *v, jv step, int index)
{
	struct slice name = answer_text(step, "step");
	int count = answer_count(v->seen, "steps");

	for (int i = 0; i < count; i++) {
		jv seen = answer_item(v->seen, "steps", (index + i) % count);
		if (slice_equal(answer_text(seen, "step"), name))
			return seen;
	}
	return jv_null();
}

/* Progress is worth a line at each fifth of the way. */
static int fifths_done(jv step)
{
	double share = report_progress(step);

	return share >= 0 ? (int)(share * 5) : 0;
}

static bool has_changed(jv before, jv step)
{
	struct slice state = answer_text(step, "state");

	if (jv_get_kind(before) == JV_KIND_NULL)
		return !slice_is(state, "waiting");
	return !slice_equal(answer_text(before, "state"), state) ||
	       answer_int(before, "attempt", 0) !=
		       answer_int(step, "attempt", 0) ||
	       fifths_done(before) < fifths_done(step);
}

static void draw_line(const struct output *o, struct buf *b, jv run, jv step,
		      size_t columns)
{
	struct slice state = answer_text(step, "state");
	struct slice name = answer_text(step, "step");
	int64_t now = clock_wall_ms();
	int64_t span = report_step_span_ms(step, now);
	double at = (double)report_span_ms(run, now) / 1000;
	char text[DURATION_TEXT_MAX];
	struct buf note;

	buf_addf(b, "%8.1fs  ", at);
	output_add(o, b, STYLE_PLAIN, name);
	pad(b, output_columns(o, name), columns + 2);
	output_add(o, b, output_state_style(state), state);
	if (slice_is(state, "done") && span >= 0)
		buf_addf(b, " in %s", duration_human(span, text));
	if (answer_int(step, "attempt", 1) > 1)
		buf_addf(b, " (try %d)", (int)answer_int(step, "attempt", 1));
	buf_init(&note, VIEW_MAX);
	report_step(&note, step, now);
	if (report_wants_answer(step))
		buf_adds(&note, "; answer with: ");
	report_answer(&note, run, step);
	if (note.len && !slice_is(state, "ready")) {
		buf_adds(b, "  ");
		output_add(o, b, STYLE_DIM, buf_slice(&note));
	}
	buf_clear(&note);
	buf_addc(b, '\n');
}

static void draw_end(const struct output *o, struct buf *b, jv run)
{
	struct slice state = answer_text(run, "state");
	char span[DURATION_TEXT_MAX];
	struct buf reason;

	buf_init(&reason, VIEW_MAX);
	report_reason(&reason, answer_get(run, "reason"));
	buf_adds(b, "run ");
	output_add(o, b, STYLE_PLAIN, answer_text(run, "run"));
	buf_addc(b, ' ');
	output_add(o, b, output_state_style(state), state);
	buf_addf(b, " after %s",
		 duration_human(report_span_ms(run, clock_wall_ms()), span));
	if (reason.len) {
		buf_adds(b, ": ");
		output_add(o, b, STYLE_PLAIN, buf_slice(&reason));
	}
	buf_addc(b, '\n');
	buf_clear(&reason);
}

int view_lines(struct view *v, jv run)
{
	size_t columns = name_columns(v->out, run);
	struct buf b;

	buf_init(&b, 16 * VIEW_MAX);
	for (int i = 0; i < answer_count(run, "steps"); i++) {
		jv step = answer_item(run, "steps", i);
		if (has_changed(seen_step(v, step, i), step))
			draw_line(v->out, &b, run, step, columns);
	}
	if (!slice_is(answer_text(run, "state"), "running"))
		draw_end(v->out, &b, run);
	int rc = b.len ? output_write(v->out, buf_slice(&b)) : 0;
	buf_clear(&b);
	remember(v, run);
	return rc;
}

int view_objects(struct view *v, jv run)
{
	for (int i = 0; i < answer_count(run, "steps"); i++) {
		jv step = answer_item(run, "steps", i);
		if (!has_changed(seen_step(v, step, i), step))
			continue;
		jv shown = jv_object_set(jv_copy(step), jv_string("run"),
					 jv_copy(answer_get(run, "run")));
		output_json(v->out, shown);
		jv_free(shown);
	}
	if (!slice_is(answer_text(run, "state"), "running")) {
		jv shown = jv_object_delete(jv_copy(run), jv_string("steps"));
		output_json(v->out, shown);
		jv_free(shown);
	}
	remember(v, run);
	return output_write(v->out, SLICE(""));
}
