/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "treadle/clock.h"
#include "answer.h"
#include "table.h"

#define REPORT_MAX (1 << 20)

static void add(struct buf *b, struct slice text)
{
	buf_add(b, text.data, text.len);
}

/* "timeout (504): the detail" */
static void add_failure(struct buf *b, jv failure)
{
	struct slice detail = answer_text(failure, "detail");
	int64_t code = answer_int(failure, "code", 0);

	add(b, answer_text(failure, "class"));
	if (code != 0)
		buf_addf(b, " (%lld)", (long long)code);
	if (detail.len) {
		buf_adds(b, ": ");
		add(b, slice_trim(detail));
	}
}

void report_reason(struct buf *b, jv reason)
{
	if (jv_get_kind(reason) != JV_KIND_OBJECT)
		return;
	if (answer_has(reason, "step")) {
		buf_adds(b, "step ");
		add(b, answer_text(reason, "step"));
		buf_adds(b, ": ");
	}
	add_failure(b, reason);
}

void report_steps(struct buf *b, jv run)
{
	int64_t total = answer_int(run, "total", 0);
	int64_t left = answer_int(run, "left", 0);
	struct slice closing = answer_text(run, "closing");

	if (closing.len) {
		bool is_undoing =
			slice_is(answer_text(run, "phase"), "undoing");
		buf_addf(b, "%s: %lld step%s until it is ",
			 is_undoing ? "undoing" : "cleaning up",
			 (long long)left, left == 1 ? "" : "s");
		add(b, closing);
		return;
	}
	buf_addf(b, "%lld of %lld step%s done", (long long)(total - left),
		 (long long)total, total == 1 ? "" : "s");
}

/* Its items are being performed. */
static bool is_spread(jv step)
{
	return slice_is(answer_text(step, "state"), "spread");
}

bool report_is_busy(jv step)
{
	return slice_is(answer_text(step, "state"), "running") ||
	       is_spread(step);
}

double report_progress(jv step)
{
	jv share = answer_get(answer_get(step, "progress"), "progress");
	jv items = answer_get(step, "items");
	int64_t total = answer_int(items, "total", 0);

	if (is_spread(step) && total > 0)
		return (double)(answer_int(items, "done", 0) +
				answer_int(items, "failed", 0)) /
		       (double)total;
	if (jv_get_kind(share) != JV_KIND_NUMBER)
		return -1;
	return jv_number_value(share);
}

static void add_progress(struct buf *b, jv step)
{
	double share = report_progress(step);
	struct slice message =
		answer_text(answer_get(step, "progress"), "message");

	if (share >= 0)
		buf_addf(b, "%d%%%s", (int)(share * 100),
			 message.len ? "  " : "");
	add(b, message);
}

/* "37 of 100 items, 2 failed" */
static void add_items(struct buf *b, jv items)
{
	int64_t total = answer_int(items, "total", 0);
	int64_t done = answer_int(items, "done", 0);
	int64_t failed = answer_int(items, "failed", 0);

	buf_addf(b, "%lld of %lld item%s", (long long)done, (long long)total,
		 total == 1 ? "" : "s");
	if (failed > 0)
		buf_addf(b, ", %lld failed", (long long)failed);
}

static void add_due(struct buf *b, jv step, int64_t now)
{
	char span[DURATION_TEXT_MAX];
	int64_t due_ms = answer_int(step, "due_at", now) - now;

	if (due_ms > 0)
		buf_addf(b, "again in %s", duration_human(due_ms, span));
	else
		buf_adds(b, "due now");
	if (answer_has(step, "failure")) {
		buf_adds(b, "; ");
		add_failure(b, answer_get(step, "failure"));
	}
}

/* "signal approve within 2h: Publish it?" */
static void add_waits(struct buf *b, jv step, int64_t now)
{
	jv waits = answer_get(step, "waits");
	struct slice prompt = answer_text(waits, "prompt");
	int64_t until = answer_int(waits, "until", 0);
	char span[DURATION_TEXT_MAX];

	buf_adds(b, "for signal ");
	add(b, answer_text(waits, "signal"));
	if (until > now)
		buf_addf(b, " within %s", duration_human(until - now, span));
	else if (until)
		buf_adds(b, ", whose time is over");
	if (prompt.len) {
		buf_adds(b, ": ");
		add(b, prompt);
	}
}

bool report_wants_answer(jv step)
{
	return slice_is(answer_text(step, "state"), "parked") &&
	       answer_has(answer_get(step, "waits"), "signal");
}

void report_answer(struct buf *b, jv run, jv step)
{
	if (!report_wants_answer(step))
		return;
	buf_adds(b, "treadle signal ");
	add(b, answer_text(run, "run"));
	buf_addc(b, ' ');
	add(b, answer_text(answer_get(step, "waits"), "signal"));
	buf_adds(b, " --data JSON");
}

/* Of a step that is repeated: the round that it is in, or waits for. */
static void add_round(struct buf *b, jv step)
{
	int64_t rounds = answer_int(step, "rounds", 0);
	int64_t ended = answer_int(step, "round", 0);

	if (rounds && ended < rounds)
		buf_addf(b, "round %lld of %lld  ", (long long)ended + 1,
			 (long long)rounds);
	else if (rounds)
		buf_addf(b, "round %lld  ", (long long)ended + 1);
}

/* "run 01k..., 2 of 6 steps done" */
static void add_child(struct buf *b, jv child)
{
	buf_adds(b, "run ");
	add(b, answer_text(child, "run"));
	if (!answer_has(child, "total"))
		return;
	buf_adds(b, ", ");
	report_steps(b, child);
}

void report_step(struct buf *b, jv step, int64_t now)
{
	struct slice state = answer_text(step, "state");
	struct slice queue = answer_text(step, "queue");

	if (slice_is(state, "waiting") && answer_count(step, "needs")) {
		buf_adds(b, "needs ");
		answer_join(step, "needs", b);
		if (answer_has(step, "signalled"))
			buf_adds(b, "; its signal has come");
	} else if (slice_is(state, "ready")) {
		buf_adds(b, "on queue ");
		add(b, queue);
	} else if (slice_is(state, "running")) {
		add_round(b, step);
		add_progress(b, step);
	} else if (slice_is(state, "delayed")) {
		add_round(b, step);
		add_due(b, step, now);
	} else if (slice_is(state, "parked") && answer_has(step, "child")) {
		add_child(b, answer_get(step, "child"));
	} else if (slice_is(state, "parked")) {
		add_waits(b, step, now);
	} else if (slice_is(state, "dead") && answer_has(step, "failure")) {
		add_failure(b, answer_get(step, "failure"));
	} else if (answer_has(step, "cached_from")) {
		buf_adds(b, "cached, as ");
		add(b, answer_text(step, "cached_from"));
		buf_adds(b, " gave it");
	} else if (answer_has(step, "items")) {
		add_items(b, answer_get(step, "items"));
	} else if (answer_has(step, "child")) {
		add_child(b, answer_get(step, "child"));
	}
}

int64_t report_span_ms(jv run, int64_t now)
{
	int64_t begun = answer_int(run, "submitted_at", now);
	int64_t ended = answer_int(run, "finished_at", now);

	return ended > begun ? ended - begun : 0;
}

int64_t report_step_span_ms(jv step, int64_t now)
{
	int64_t begun = answer_int(step, "started_at", -1);
	int64_t span = answer_int(step, "duration_ms", -1);

	/* What is parked goes on; its duration is how long that took. */
	if (begun < 0 || !(report_is_busy(step) ||
			   slice_is(answer_text(step, "state"), "parked")))
		return span;
	return now > begun ? now - begun : 0;
}

int report_exit_code(jv run)
{
	return slice_is(answer_text(run, "state"), "done") ? 0 : 1;
}

static void head(const struct output *o, struct buf *b, const char *what,
		 struct slice text)
{
	if (text.len == 0)
		return;
	output_addf(o, b, STYLE_DIM, "%-11s", what);
	output_add(o, b, STYLE_PLAIN, text);
	buf_addc(b, '\n');
}

static void head_time(const struct output *o, struct buf *b, const char *what,
		      jv run, int64_t now)
{
	char stamp[TIMESTAMP_TEXT_MAX], span[DURATION_TEXT_MAX], text[128];
	int64_t at = answer_int(run,
				what[0] == 's'   ? "submitted_at"
				: what[0] == 'f' ? "finished_at"
						 : "deadline_at",
				-1);

	if (at < 0)
		return;
	int64_t ago = now - at;
	duration_human(ago < 0 ? -ago : ago, span);
	snprintf(text, sizeof(text), "%s  (%s%s%s)",
		 timestamp_format(at, stamp), ago < 0 ? "in " : "", span,
		 ago < 0 ? "" : " ago");
	head(o, b, what, slice_of(text));
}

static void add_fork(const struct output *o, struct buf *b, jv of)
{
	struct buf text;

	if (jv_get_kind(of) != JV_KIND_OBJECT)
		return;
	buf_init(&text, 256);
	add(&text, answer_text(of, "run"));
	buf_adds(&text, " at ");
	add(&text, answer_text(of, "step"));
	head(o, b, "fork of", buf_slice(&text));
	buf_clear(&text);
}

static void add_head(const struct output *o, struct buf *b, jv run, int64_t now)
{
	struct slice state = answer_text(run, "state");
	char span[DURATION_TEXT_MAX];
	struct buf text;

	buf_init(&text, REPORT_MAX);
	head(o, b, "run", answer_text(run, "run"));
	head(o, b, "workflow", answer_text(run, "workflow"));
	add_fork(o, b, answer_get(run, "forked_from"));
	head(o, b, "parent", answer_text(run, "parent"));
	output_addf(o, b, STYLE_DIM, "%-11s", "state");
	output_add(o, b, output_state_style(state), state);
	report_steps(&text, run);
	buf_addf(b, ", %s, %s %s\n", text.data,
		 slice_is(state, "running") ? "for" : "after",
		 duration_human(report_span_ms(run, now), span));
	buf_reset(&text);
	report_reason(&text, answer_get(run, "reason"));
	head(o, b, "reason", buf_slice(&text));
	head_time(o, b, "submitted", run, now);
	head_time(o, b, "finished", run, now);
	if (!answer_has(run, "finished_at"))
		head_time(o, b, "deadline", run, now);
	head(o, b, "key", answer_text(run, "key"));
	buf_clear(&text);
}

static void add_json(const struct output *o, struct buf *b, const char *what,
		     jv value)
{
	struct buf text;

	if (jv_get_kind(value) == JV_KIND_NULL)
		return;
	buf_init(&text, REPORT_MAX);
	json_print(value, &text);
	struct slice shown = buf_slice(&text);
	if (o->width > 24)
		shown = output_fit(o, shown, (size_t)o->width - 12);
	output_addf(o, b, STYLE_DIM, "%-11s", what);
	output_add(o, b, STYLE_PLAIN, shown);
	buf_adds(b, shown.len < text.len ? "..\n" : "\n");
	buf_clear(&text);
}

static void add_steps(const struct output *o, struct arena *arena,
		      struct buf *b, jv run, int64_t now)
{
	static const char *const heads[] = {"STEP",   "KIND",  "STATE",
					    ">TRIES", ">LOST", "WORKER",
					    ">TIME",  "NOTE",  NULL};
	struct table t;
	struct buf note;

	table_init(&t, o, arena, heads);
	buf_init(&note, REPORT_MAX);
	for (int i = 0; i < answer_count(run, "steps"); i++) {
		jv step = answer_item(run, "steps", i);
		struct slice state = answer_text(step, "state");
		int64_t tries = answer_int(step, "attempt", 0);
		int64_t lost = answer_int(step, "recoveries", 0);

		table_cell(&t, STYLE_BOLD, answer_text(step, "step"));
		table_cell(&t, STYLE_DIM, answer_text(step, "kind"));
		table_cell(&t, output_state_style(state), state);
		table_number(&t, STYLE_PLAIN, tries ? tries : -1);
		table_number(&t, STYLE_LATE, lost ? lost : -1);
		table_cell(&t, STYLE_DIM, answer_text(step, "worker"));
		table_span(&t, report_step_span_ms(step, now));
		buf_reset(&note);
		report_step(&note, step, now);
		table_cell(&t, STYLE_PLAIN, buf_slice(&note));
	}
	buf_clear(&note);
	table_draw(&t, b);
}

/* How to answer those that wait for somebody. */
static void add_answers(const struct output *o, struct buf *b, jv run)
{
	struct buf line;
	bool is_first = true;

	buf_init(&line, REPORT_MAX);
	for (int i = 0; i < answer_count(run, "steps"); i++) {
		jv step = answer_item(run, "steps", i);
		buf_reset(&line);
		report_answer(&line, run, step);
		if (!line.len)
			continue;
		if (is_first)
			buf_addc(b, '\n');
		is_first = false;
		head(o, b, "answer", buf_slice(&line));
	}
	buf_clear(&line);
}

int report_print(const struct output *o, struct arena *arena, jv run)
{
	int64_t now = clock_wall_ms();
	struct buf b;

	buf_init(&b, 16 * REPORT_MAX);
	add_head(o, &b, run, now);
	add_json(o, &b, "input", answer_get(run, "input"));
	add_json(o, &b, "output", answer_get(run, "output"));
	buf_addc(&b, '\n');
	add_steps(o, arena, &b, run, now);
	add_answers(o, &b, run);
	int rc = output_write(o, buf_slice(&b));
	buf_clear(&b);
	return rc;
}
