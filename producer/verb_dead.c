/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"
#include "treadle/retry.h"
#include "answer.h"
#include "bar.h"
#include "call.h"
#include "pages.h"
#include "table.h"

#define LIMIT_DEFAULT 20
#define LIMIT_MAX 1000000
#define DETAIL_MAX (1 << 16)

struct letters {
	struct call *call;
	struct dialogue *dialogue;
	struct table table;
	int64_t now;
	bool is_drop;
	int64_t count, done, skipped;
	struct bar bar;
	struct error error;
};

/* --- looking -----------------------------------------------------------------
 */

static void add_failure(struct table *t, jv failure)
{
	struct buf text;
	int64_t code = answer_int(failure, "code", 0);
	struct slice detail = slice_trim(answer_text(failure, "detail"));

	buf_init(&text, DETAIL_MAX);
	if (code != 0)
		buf_addf(&text, "(%lld) ", (long long)code);
	buf_add(&text, detail.data, detail.len);
	table_cell(t, STYLE_PLAIN, buf_slice(&text));
	buf_clear(&text);
}

static int on_listed(void *arg, jv letter)
{
	struct letters *l = arg;
	struct table *t = &l->table;

	if (l->call->is_json) {
		output_json(&l->call->out, letter);
		return 0;
	}
	table_cell(t, STYLE_BOLD, answer_text(letter, "entry"));
	table_cell(t, STYLE_PLAIN, answer_text(letter, "run"));
	table_cell(t, STYLE_PLAIN, answer_text(letter, "workflow"));
	table_cell(t, STYLE_PLAIN, answer_text(letter, "step"));
	table_cell(t, STYLE_BAD, answer_text(letter, "class"));
	table_number(t, STYLE_PLAIN, answer_int(letter, "attempts", -1));
	table_span(t, l->now - answer_int(letter, "at", l->now));
	add_failure(t, letter);
	return 0;
}

static int list(struct letters *l, struct pages *p, struct error *err)
{
	static const char *const heads[] = {"ENTRY", "RUN",    "WORKFLOW",
					    "STEP",  "CLASS",  ">TRIES",
					    ">AGE",  "DETAIL", NULL};
	struct call *c = l->call;
	int64_t limit = LIMIT_DEFAULT;

	if (call_int(c, "--limit", LIMIT_MAX, &limit, err) != 0)
		return -1;
	table_init(&l->table, &c->out, &c->arena, heads);
	int rc = pages_each(p, limit, on_listed, l, err);
	if (rc != 0)
		return rc;
	if (table_rows(&l->table) > 0)
		table_print(&l->table);
	else if (!c->is_json)
		output_printf(&c->talk, "no dead letters\n");
	pages_end(p, c, "treadle dead list");
	return 0;
}

static void print_letter(struct call *c, jv letter)
{
	static const char *const keys[] = {"entry", "run",   "workflow", "step",
					   "queue", "class", "detail"};
	static const char *const heads[] = {">TRY", "CLASS",  "WORKER", ">TIME",
					    ">AGE", "DETAIL", NULL};
	int64_t now = clock_wall_ms();
	struct table t;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < countof(keys); i++) {
		output_addf(&c->out, &b, STYLE_DIM, "%-11s", keys[i]);
		output_add(&c->out, &b, STYLE_PLAIN,
			   answer_text(letter, keys[i]));
		buf_addc(&b, '\n');
	}
	buf_addc(&b, '\n');
	table_init(&t, &c->out, &c->arena, heads);
	for (int i = 0; i < answer_count(letter, "history"); i++) {
		jv try = answer_item(letter, "history", i);
		table_number(&t, STYLE_BOLD, answer_int(try, "attempt", -1));
		table_cell(&t, STYLE_BAD, answer_text(try, "class"));
		table_cell(&t, STYLE_DIM, answer_text(try, "worker"));
		table_span(&t, answer_int(try, "duration_ms", -1));
		table_span(&t, now - answer_int(try, "at", now));
		add_failure(&t, try);
	}
	table_draw(&t, &b);
	output_write(&c->out, buf_slice(&b));
	buf_clear(&b);
}

/*
 * Gives the letter of that entry. A page begins below its cursor, so the one
 * just above the entry begins with it.
 */
static int get_letter(struct letters *l, const char *entry, jv *answer,
		      jv *letter, struct error *err)
{
	unsigned long long ms, seq;
	char cursor[64], rest;
	struct slice args[2];

	*answer = jv_invalid();
	if (sscanf(entry, "%19llu-%19llu%c", &ms, &seq, &rest) != 2)
		return error_set(err, ERR_INPUT,
				 "\"%.64s\" can't be a dead letter: they are "
				 "named as in treadle dead list, "
				 "1732243342123-0",
				 entry);
	snprintf(cursor, sizeof(cursor), "%llu-%llu", ms, seq + 1);
	args[0] = slice_of(cursor);
	args[1] = SLICE("1");
	int rc = dialogue_ask(l->dialogue, STORE_dead, args, 2, answer, err);
	if (rc != 0)
		return rc;
	if (answer_count(*answer, "dead") == 1) {
		*letter = answer_item(*answer, "dead", 0);
		if (slice_is(answer_text(*letter, "entry"), entry))
			return 0;
	}
	jv_free(*answer);
	*answer = jv_invalid();
	return error_set(err, ERR_ABSENT,
			 "there is no dead letter %s (see: treadle dead list)",
			 entry);
}

static int show(struct letters *l, struct error *err)
{
	struct call *c = l->call;
	int rc = 0;

	for (int i = 1; i < c->args_count && rc == 0; i++) {
		jv answer, letter;
		rc = get_letter(l, c->args[i], &answer, &letter, err);
		if (rc == 0 && c->is_json)
			output_json(&c->out, letter);
		else if (rc == 0)
			print_letter(c, letter);
		jv_free(answer);
	}
	return rc;
}

/* --- acting ------------------------------------------------------------------
 */

/*
 * What changed since the letter was read is no reason to stop: another
 * letter of the same run has revived it, or somebody else was here.
 */
static int act(struct letters *l, jv letter, struct error *err)
{
	struct slice arg = answer_text(letter, l->is_drop ? "entry" : "run");
	int rc = dialogue_tell(l->dialogue,
			       l->is_drop ? STORE_drop : STORE_retry, &arg, 1,
			       err);

	if (rc == 0) {
		l->done++;
	} else if (rc < 0 &&
		   (err->kind == ERR_CONFLICT || err->kind == ERR_ABSENT)) {
		l->skipped++;
		rc = 0;
	}
	bar_update(&l->bar, l->done + l->skipped,
		   l->count ? (double)(l->done + l->skipped) / (double)l->count
			    : -1);
	return rc;
}

static int on_acted(void *arg, jv letter)
{
	struct letters *l = arg;

	return act(l, letter, &l->error);
}

static int on_counted(void *arg, jv letter)
{
	struct letters *l = arg;

	(void)letter;
	l->count++;
	return 0;
}

static void say_result(const struct letters *l)
{
	const struct call *c = l->call;
	const char *what = l->is_drop ? "dropped" : "retried";

	if (c->is_json)
		output_printf(&c->out, "{\"%s\":%lld,\"skipped\":%lld}\n", what,
			      (long long)l->done, (long long)l->skipped);
	else if (l->skipped)
		output_printf(&c->talk,
			      "%lld %s, %lld were not dead any more\n",
			      (long long)l->done, what, (long long)l->skipped);
	else
		output_printf(&c->talk, "%lld %s\n", (long long)l->done, what);
}

static int act_on_named(struct letters *l, struct error *err)
{
	int rc = 0;

	for (int i = 1; i < l->call->args_count && rc == 0; i++) {
		jv answer, letter;
		rc = get_letter(l, l->call->args[i], &answer, &letter, err);
		if (rc == 0)
			rc = act(l, letter, err);
		jv_free(answer);
	}
	if (rc == 0)
		say_result(l);
	return rc;
}

static int act_on_all(struct letters *l, struct pages *p, struct error *err)
{
	const char *verb = l->is_drop ? "drop" : "retry";
	char question[80];

	int rc = pages_each(p, INT64_MAX, on_counted, l, err);
	if (rc != 0)
		return rc;
	if (l->count == 0) {
		say_result(l);
		return 0;
	}
	snprintf(question, sizeof(question), "%s %lld dead letter%s", verb,
		 (long long)l->count, l->count == 1 ? "" : "s");
	if (call_confirm(l->call, question, err) != 0 ||
	    pages_begin(p, l->call, err) != 0)
		return -1;
	rc = pages_each(p, INT64_MAX, on_acted, l, err);
	bar_end(&l->bar);
	if (rc < 0 && l->error.kind != ERR_NONE)
		*err = l->error;
	if (rc == 0)
		say_result(l);
	return rc;
}

/* --- the verb ----------------------------------------------------------------
 */

/* All filters but --run, which has to be looked up. */
static int read_filters(struct call *c, struct pages *p, struct error *err)
{
	const char *class = call_text(c, "--class", "");
	int64_t older = 0;

	if (*class && failure_find(slice_of(class)) < 0)
		return error_set(err, ERR_USAGE,
				 "--class %.64s: there is no such class (see: "
				 "treadle help failures)",
				 class);
	if (call_duration(c, "--older", &older, err) != 0)
		return -1;
	p->args[2] = slice_of(call_text(c, "--workflow", ""));
	p->args[3] = slice_of(call_text(c, "--step", ""));
	p->args[4] = slice_of(class);
	p->args[5] = SLICE("");
	if (older)
		p->args[5] = slice_of(
			arena_printf(&c->arena, "%lld", (long long)older));
	p->args[6] = SLICE("");
	return pages_begin(p, c, err);
}

static bool has_filter(const struct call *c)
{
	return call_has(c, "--workflow") || call_has(c, "--step") ||
	       call_has(c, "--class") || call_has(c, "--older") ||
	       call_has(c, "--run") || call_has(c, "--all");
}

enum what { LIST, SHOW, RETRY, DROP };

static int read_what(const struct call *c, enum what *what, struct error *err)
{
	static const char *const names[] = {"list", "show", "retry", "drop"};
	const char *name = c->args_count ? c->args[0] : "list";
	bool is_named = c->args_count > 1;

	for (*what = LIST; *what <= DROP; ++*what) {
		if (strcmp(name, names[*what]) == 0)
			break;
	}
	if (*what > DROP) {
		const char *nearest = text_nearest(name, names, countof(names));
		return error_set(err, ERR_USAGE,
				 "treadle dead can list, show, retry and drop, "
				 "not %.64s%s%s",
				 name, nearest ? "; did you mean " : "",
				 nearest ? nearest : "");
	}
	if (*what == LIST && is_named)
		return error_set(err, ERR_USAGE,
				 "treadle dead list takes filters, no names");
	if (*what == SHOW && !is_named)
		return error_set(err, ERR_USAGE,
				 "which one? treadle dead show ENTRY");
	if (*what >= RETRY && is_named == has_filter(c))
		return error_set(err, ERR_USAGE,
				 "treadle dead %s: name entries, or filter "
				 "(--workflow, --step, --class, --older, "
				 "--run), or say --all",
				 name);
	return 0;
}

static int run(struct call *c, struct error *err)
{
	struct pages p = {.function = STORE_dead,
			  .member = "dead",
			  .args_count = 7,
			  .cursor = 0,
			  .limit = 1};
	struct letters l = {.call = c, .now = clock_wall_ms()};
	const char *run = call_text(c, "--run", NULL);
	enum what what;

	if (read_what(c, &what, err) != 0 || read_filters(c, &p, err) != 0)
		return -1;
	p.dialogue = l.dialogue = call_dialogue(c, err);
	if (!l.dialogue || (run && dialogue_find_run(l.dialogue, &c->arena, run,
						     &p.args[6], err) != 0))
		return -1;
	if (what == LIST)
		return list(&l, &p, err);
	if (what == SHOW)
		return show(&l, err);
	l.is_drop = what == DROP;
	bar_begin(&l.bar, &c->talk, "dead letters");
	return c->args_count > 1 ? act_on_named(&l, err)
				 : act_on_all(&l, &p, err);
}

static const struct verb_option options[] = {
	{"--workflow", "NAME", "of one workflow"},
	{"--step", "NAME", "of one step"},
	{"--class", "CLASS", "of one class of failures"},
	{"--older", "SPAN", "dead longer than this"},
	{"--run", "RUN", "of one run"},
	{"--all", NULL, "retry, drop: every one"},
	{"--yes", NULL, "retry, drop: do not ask"},
	{"--limit", "N", "list: so many at the most (20)"},
	{"--cursor", "CURSOR", "list: go on where a list ended"},
	OPTION_JSON,
	OPTION_EXPLAIN,
	{NULL, NULL, NULL},
};

const struct verb verb_dead = {
	.name = "dead",
	.args = "[list|show|retry|drop] [ENTRY...]",
	.args_max = ARGS_ANY,
	.summary = "list, show, retry or drop dead letters",
	.details =
		"A step that will not be tried again by itself leaves a dead "
		"letter: which step of which run, why, and every attempt. "
		"Retrying one takes its run up again, with all finished steps "
		"kept. Dropping one leaves the run failed. Both take entries, "
		"or filters, which say first how many they found.",
	.options = options,
	.examples = "treadle dead --workflow book --class throttled\n"
		    "treadle dead show 1732243342123-0\n"
		    "treadle dead retry --class throttled --yes",
	.run = run,
};
