/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"
#include "answer.h"
#include "dialogue.h"
#include "doctor/doctor.h"

#define ROUNDS_MAX 4 /* of examining and mending */

/* --- the examination ----------------------------------------------------- */

static bool has_leader(struct doctor *d)
{
	const struct slice none = {"", 0};
	const struct reply *r =
		ASK(d->reader, &d->arena, SLICE("EXISTS"),
		    doctor_key(d, &d->arena, "lead:promote", none),
		    doctor_key(d, &d->arena, "lead:reclaim", none));

	return r && r->integer > 0;
}

/* Time, who leads, and how much there is to do. */
static void begin(struct doctor *d)
{
	const struct slice all = SLICE("runs:");
	static const char *const states[] = {"running", "done", "failed",
					     "cancelled"};
	const struct reply *r = ASK(d->reader, &d->arena, SLICE("TIME"));
	int64_t seconds = 0;

	if (r && r->count == 2)
		slice_int(r->items[0].text, 0, INT64_MAX / 1000, &seconds);
	d->now = seconds * 1000;
	d->has_coordinator = has_leader(d);
	for (size_t i = 0; i < countof(states); i++) {
		r = ASK(d->reader, &d->arena, SLICE("ZCARD"),
			doctor_key(d, &d->arena, all.data,
				   slice_of(states[i])));
		int64_t count = r && r->type == REPLY_INTEGER ? r->integer : 0;
		d->expected += count < d->sample ? count : d->sample;
	}
}

/* A lead is free for a moment when its holder has stopped. */
static void check_coordinator(struct doctor *d)
{
	if (d->has_coordinator || has_leader(d) || doctor_is_over(d))
		return;
	if (d->expected > 0)
		finding(d, COORDINATOR_NONE, SUBJECT(.key = SLICE("")), "%s",
			"");
}

static int examine(struct doctor *d, struct error *err)
{
	static const struct {
		void (*check)(struct doctor *d);
		bool is_data;
	} checks[] = {{doctor_server, false}, {doctor_workflows_begin, true},
		      {doctor_indexes, true}, {doctor_queues, true},
		      {doctor_workers, true}, {doctor_keys, true},
		      {doctor_books, true},   {doctor_workflows_end, true},
		      {doctor_place, false},  {check_coordinator, false}};

	bar_begin(&d->bar, &d->call->talk, "runs examined");
	begin(d);
	for (size_t i = 0; i < countof(checks); i++) {
		if (checks[i].is_data || !d->is_data_only)
			checks[i].check(d);
		reader_drain(d->reader);
	}
	bar_end(&d->bar);
	if (!doctor_is_over(d))
		return 0;
	*err = *reader_error(d->reader);
	return error_prefix(err, "the examination could not be finished: ");
}

/* --- the result ---------------------------------------------------------- */

static void say_result(const struct doctor *d, int64_t took_ms)
{
	const struct call *c = d->call;
	long long errors = findings_count(d->findings, SEVERITY_ERROR);
	long long warnings = findings_count(d->findings, SEVERITY_WARNING);
	long long notes = findings_count(d->findings, SEVERITY_NOTE);
	char took[DURATION_TEXT_MAX];

	if (c->is_json) {
		output_printf(&c->out,
			      "{\"errors\":%lld,\"warnings\":%lld,\"notes\":"
			      "%lld,\"runs\":%lld,\"entries\":%lld,"
			      "\"members\":%lld,\"keys\":%lld,\"restless\":"
			      "%lld,\"took_ms\":%lld}\n",
			      errors, warnings, notes, (long long)d->runs,
			      (long long)d->entries, (long long)d->members,
			      (long long)d->keys, (long long)d->restless,
			      (long long)took_ms);
		return;
	}
	output_printf(&c->talk,
		      "examined %lld runs, %lld entries and %lld keys in %s",
		      (long long)d->runs, (long long)d->entries,
		      (long long)d->keys, duration_human(took_ms, took));
	if (d->restless)
		output_printf(&c->talk,
			      "; %lld runs changed faster than they could be "
			      "read",
			      (long long)d->restless);
	if (errors + warnings == 0)
		output_printf(&c->talk, "\nall is well\n");
	else
		output_printf(&c->talk, "\n%lld error%s, %lld warning%s\n",
			      errors, errors == 1 ? "" : "s", warnings,
			      warnings == 1 ? "" : "s");
}

/* --- mending ------------------------------------------------------------- */

static void say_mend(struct call *c, const struct mend *m, const char *what)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	if (c->is_json)
		buf_addf(&b, "{\"mend\":\"%s\",\"result\":\"%s\",\"words\":[",
			 finding_id(m->finding), what);
	else
		buf_addf(&b, "%s %s:", what, finding_id(m->finding));
	for (size_t i = 0; i < m->count; i++) {
		if (c->is_json && i > 0)
			buf_addc(&b, ',');
		if (c->is_json) {
			json_quote(&b, m->words[i]);
			continue;
		}
		buf_addc(&b, ' ');
		output_escape(&b, m->words[i]);
	}
	buf_adds(&b, c->is_json ? "]}\n" : "\n");
	output_write(&c->out, buf_slice(&b));
	buf_clear(&b);
}

/* One by one, each a call that looks again: returns how many it took. */
static int mend_all(struct call *c, const struct findings *f, int64_t *mended,
		    struct error *err)
{
	bool is_dry = call_has(c, "--dry-run");
	struct dialogue *dialogue = is_dry ? NULL : call_dialogue(c, err);

	if (!is_dry && !dialogue)
		return -1;
	for (const struct mend *m = findings_mends(f); m; m = m->next) {
		jv answer;
		bool is_mended;
		if (is_dry) {
			say_mend(c, m, "would mend");
			continue;
		}
		if (dialogue_ask(dialogue, STORE_mend, m->words, m->count,
				 &answer, err) != 0)
			return -1;
		is_mended = jv_get_kind(answer_get(answer, "mended")) ==
			    JV_KIND_TRUE;
		jv_free(answer);
		say_mend(c, m, is_mended ? "mended" : "left");
		*mended += is_mended;
	}
	if (findings_unkept(f))
		output_printf(&c->talk,
			      "%lld more could be mended: call it once more\n",
			      (long long)findings_unkept(f));
	return 0;
}

/* --- one examination and what follows ------------------------------------ */

/* Gives how many things were mended; then it is worth another look. */
static int attend(struct call *c, int64_t *mended, struct error *err)
{
	struct doctor d = {.call = c, .sample = INT64_MAX};
	int64_t begun = clock_monotonic_ms();
	int rc;

	*mended = 0;
	if (call_int(c, "--sample", INT32_MAX, &d.sample, err) != 0)
		return -1;
	d.reader = reader_open(c->config, err);
	if (!d.reader)
		return -1;
	d.is_data_only = call_has(c, "--data");
	d.prefix = arena_printf(&d.arena, "%s:{0}:", c->config->redis.prefix);
	d.findings = findings_new(c);
	d.plans = plans_new();
	d.recents = recents_new();
	d.uses = jv_object();
	d.workflows.said = jv_object();
	d.workflows.counted = jv_object();
	rc = examine(&d, err);
	findings_print(d.findings);
	fflush(c->out.file);
	if (rc == 0) {
		say_result(&d, clock_monotonic_ms() - begun);
		rc = findings_count(d.findings, SEVERITY_ERROR) +
			     findings_count(d.findings, SEVERITY_WARNING) >
		     0;
	}
	if (rc >= 0 && (call_has(c, "--repair") || call_has(c, "--dry-run")) &&
	    mend_all(c, d.findings, mended, err) != 0)
		rc = -1;
	reader_close(d.reader);
	jv_free(d.uses);
	jv_free(d.workflows.said);
	jv_free(d.workflows.counted);
	recents_free(d.recents);
	plans_free(d.plans);
	findings_free(d.findings);
	arena_clear(&d.arena);
	return rc;
}

/*
 * Some damage shows only when other damage is mended, so it is looked at
 * again; the last look decides.
 */
static int run_examination(struct call *c, struct error *err)
{
	int64_t mended;
	int rc;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		rc = attend(c, &mended, err);
		if (rc < 0 || !mended)
			break;
	}
	return rc;
}

/* --- the verb ------------------------------------------------------------ */

static int explain(struct call *c, struct error *err)
{
	if (call_has(c, "--reference")) {
		finding_reference(&c->out);
		return 0;
	}
	if (c->args_count == 1)
		finding_explain(c, NULL);
	for (int i = 1; i < c->args_count; i++) {
		if (!finding_explain(c, c->args[i]))
			return error_set(err, ERR_ABSENT,
					 "there is no finding %.64s (see: "
					 "treadle doctor explain)",
					 c->args[i]);
	}
	return 0;
}

static int run(struct call *c, struct error *err)
{
	if (c->args_count == 0)
		return run_examination(c, err);
	if (strcmp(c->args[0], "explain") == 0)
		return explain(c, err);
	return error_set(err, ERR_USAGE,
			 "treadle doctor examines, or explains what it may "
			 "find: treadle doctor explain [ID]");
}

static const struct verb_option options[] = {
	{"--repair", NULL, "mend what can be mended without guessing"},
	{"--dry-run", NULL, "say what --repair would mend, and mend nothing"},
	{"--data", NULL, "only what is kept, not the Redis it is kept in"},
	{"--sample", "N", "look at so many of each collection only"},
	{"--reference", NULL, "explain: the page docs/DOCTOR.md"},
	OPTION_JSON,
	{NULL, NULL, NULL},
};

const struct verb verb_doctor = {
	.name = "doctor",
	.args = "[explain [ID...]]",
	.args_max = ARGS_ANY,
	.summary = "examine all that is kept, and the Redis it is kept in",
	.details =
		"Reads every run, queue, index, worker and key, compares what "
		"belongs together as of one instant, and says what is wrong, "
		"what that means and what to do. It changes nothing, and may "
		"be called while all is at work. Each kind of finding has an "
		"id, which treadle doctor explain ID explains; docs/DOCTOR.md "
		"lists them.\n"
		"With --repair what can be mended without guessing is mended, "
		"one thing after the other, each looked at again in the same "
		"instant, so that it may be done while all is at work; then "
		"all is examined once more.\n"
		"The exit code is 0 only when all is well: 1 where there are "
		"errors or warnings, 6 where Redis could not be read to the "
		"end. Notes leave it 0.",
	.options = options,
	.examples = "treadle doctor\n"
		    "treadle doctor --json | jq -r 'select(.id) | .id'\n"
		    "treadle doctor --repair --dry-run\n"
		    "treadle doctor explain step-nowhere",
	.run = run,
};
