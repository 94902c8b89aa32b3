/* SPDX-License-Identifier: MIT */
#include "branch.h"

#include <stdio.h>
#include <string.h>

#include "segment.h"
#include "treadle/retry.h"

static const char *const whens[] = {
	[WHEN_SUCCESS] = "success", [WHEN_ALWAYS] = "always",
	[WHEN_FAILURE] = "failure", [WHEN_CANCELLED] = "cancelled",
	[WHEN_UNDO] = "undo", /* nobody can write it */
};

const char *step_when_text(enum step_when when)
{
	must((size_t)when < countof(whens));
	return whens[when];
}

void branch_init(struct branch *b)
{
	*b = (struct branch){.condition = jv_invalid(),
			     .catches = jv_invalid()};
}

void branch_clear(struct branch *b)
{
	jv_free(b->condition);
	jv_free(b->catches);
}

/* --- if ------------------------------------------------------------------ */

/* Takes "always()" and the like off the text. */
static bool take_when(struct slice *text, enum step_when *when)
{
	for (size_t i = 0; i < WHEN_UNDO; i++) {
		size_t len = strlen(whens[i]);

		if (!slice_starts(*text, whens[i]) || text->len < len + 2 ||
		    memcmp(text->data + len, "()", 2) != 0)
			continue;
		*when = (enum step_when)i;
		text->data += len + 2;
		text->len -= len + 2;
		*text = slice_trim(*text);
		return true;
	}
	return false;
}

static int read_if(struct branch *b, struct spot s, const char *what,
		   struct error *err)
{
	jv_kind kind = jv_get_kind(s.value);
	struct slice text = SLICE("");
	bool has_when;

	if (kind == JV_KIND_INVALID || kind == JV_KIND_TRUE)
		return 0;
	if (kind == JV_KIND_FALSE) {
		b->condition = jv_string("${false}");
		return 0;
	}
	if (value_is_text(s.value))
		text = slice_trim(value_text(s.value));
	has_when = take_when(&text, &b->when);
	if (has_when && text.len == 0)
		return 0;
	if (has_when && slice_starts(text, "&&"))
		text = slice_trim((struct slice){text.data + 2, text.len - 2});
	else if (has_when)
		text = SLICE("");
	if (!segment_is_alone(text))
		return spot_complain(
			s, err,
			"%sif must be an expression such as ${.input.fast}, or "
			"success(), failure(), always() or cancelled(), alone "
			"or with \"&& ${...}\" behind it",
			what);
	b->condition = jv_string_sized(text.data, (int)text.len);
	return 0;
}

/* --- on_error ------------------------------------------------------------ */

static int read_class(struct spot s, const char *what, jv *classes,
		      struct error *err)
{
	const char *names[FAILURE_COUNT];
	int class =
		value_is_text(s.value) ? failure_find(value_text(s.value)) : -1;

	/* With these the run itself ends. */
	if (class >= 0 && class != FAILURE_DEADLINE &&
	    class != FAILURE_CANCELLED) {
		*classes = jv_array_append(*classes, jv_copy(s.value));
		return 0;
	}
	for (int i = 0; i < FAILURE_COUNT; i++)
		names[i] = failure_text((enum failure_class)i);
	const char *text =
		value_is_text(s.value) ? jv_string_value(s.value) : "";
	const char *nearest =
		class < 0 ? text_nearest(text, names, countof(names)) : NULL;
	return spot_complain(s, err,
			     "%son_error: \"%.64s\" is no failure class that a "
			     "step can have%s%s; docs/WORKFLOWS.md lists them",
			     what, text, nearest ? ": did you mean " : "",
			     nearest ? nearest : "");
}

/* {class: timeout, then: other} or {class: [...], then: other}, {then: x} */
static int read_clause(struct spot s, const char *what, jv *clause,
		       struct error *err)
{
	static const char *const keys[] = {"class", "then"};
	struct spot class = spot_get(s, "class"), then = spot_get(s, "then");
	jv classes = jv_array();
	int result = 0;
	char at[128];

	snprintf(at, sizeof(at), "%son_error: ", what);
	*clause = jv_object();
	if (jv_get_kind(s.value) != JV_KIND_OBJECT ||
	    !value_is_text(then.value))
		result = spot_complain(
			s, err,
			"%son_error must be a list of {class: ..., then: "
			"STEP}; without a class a clause is for all failures",
			what);
	else
		result = spot_check_keys(s, at, keys, countof(keys), err);
	if (result == 0 && jv_get_kind(class.value) == JV_KIND_ARRAY) {
		int count = jv_array_length(jv_copy(class.value));
		for (int i = 0; i < count && result == 0; i++)
			result = read_class(spot_at(class, i), what, &classes,
					    err);
	} else if (result == 0 && !spot_is_absent(class)) {
		result = read_class(class, what, &classes, err);
	}
	if (result == 0) {
		*clause = jv_object_set(*clause, jv_string("step"),
					jv_copy(then.value));
		if (!spot_is_absent(class))
			*clause = jv_object_set(*clause, jv_string("classes"),
						jv_copy(classes));
	}
	jv_free(classes);
	return result;
}

static int read_on_error(struct branch *b, struct spot s, const char *what,
			 struct error *err)
{
	char at[96];
	int result = 0;

	if (spot_is_absent(s))
		return 0;
	snprintf(at, sizeof(at), "%son_error", what);
	if (!spot_is(s, JV_KIND_ARRAY, at, err))
		return -1;
	int count = jv_array_length(jv_copy(s.value));
	if (count > CATCHES_MAX)
		return spot_complain(s, err, "%s has %d clauses, more than %d",
				     at, count, CATCHES_MAX);
	if (count == 0)
		return 0;
	b->catches = jv_array();
	for (int i = 0; i < count && result == 0; i++) {
		jv clause;
		result = read_clause(spot_at(s, i), what, &clause, err);
		b->catches = jv_array_append(b->catches, clause);
	}
	return result;
}

int branch_read(struct branch *b, struct spot step, const char *what,
		struct error *err)
{
	struct spot tolerant = spot_get(step, "continue_on_error");
	jv_kind kind = jv_get_kind(tolerant.value);

	if (kind != JV_KIND_INVALID && kind != JV_KIND_TRUE &&
	    kind != JV_KIND_FALSE)
		return spot_complain(tolerant, err,
				     "%scontinue_on_error must be true or "
				     "false, is %s",
				     what, value_kind(tolerant.value));
	b->is_tolerant = kind == JV_KIND_TRUE;
	if (read_if(b, spot_get(step, "if"), what, err) != 0)
		return -1;
	return read_on_error(b, spot_get(step, "on_error"), what, err);
}

/* --- stored form --------------------------------------------------------- */

jv branch_print(const struct branch *b, jv step)
{
	if (b->when != WHEN_SUCCESS)
		step = jv_object_set(step, jv_string("when"),
				     jv_string(step_when_text(b->when)));
	if (jv_is_valid(b->condition))
		step = jv_object_set(step, jv_string("if"),
				     jv_copy(b->condition));
	if (b->is_tolerant)
		step = jv_object_set(step, jv_string("continue_on_error"),
				     jv_true());
	if (jv_is_valid(b->catches))
		step = jv_object_set(step, jv_string("on_error"),
				     jv_copy(b->catches));
	if (b->is_final)
		step = jv_object_set(step, jv_string("final"), jv_true());
	return step;
}

static int parse_when(enum step_when *when, struct spot s, struct error *err)
{
	if (spot_is_absent(s))
		return 0;
	for (size_t i = 0; i < countof(whens); i++) {
		if (value_is_text(s.value) &&
		    slice_is(value_text(s.value), whens[i])) {
			*when = (enum step_when)i;
			return 0;
		}
	}
	return error_set(err, ERR_INPUT, "\"when\" is unsupported");
}

static bool is_clause(jv clause)
{
	struct spot s = {.value = clause, .place = jv_invalid()};
	jv classes = spot_get(s, "classes").value;
	bool is_good = value_is_text(spot_get(s, "step").value);

	if (!jv_is_valid(classes))
		return is_good;
	if (jv_get_kind(classes) != JV_KIND_ARRAY)
		return false;
	jv_array_foreach (classes, i, class) {
		is_good = is_good && value_is_text(class);
		jv_free(class);
	}
	return is_good;
}

static int parse_catches(struct branch *b, struct spot s, struct error *err)
{
	bool is_good = jv_get_kind(s.value) == JV_KIND_ARRAY;

	if (spot_is_absent(s))
		return 0;
	for (int i = 0; is_good && i < jv_array_length(jv_copy(s.value)); i++)
		is_good = is_clause(spot_at(s, i).value);
	if (!is_good)
		return error_set(err, ERR_INPUT, "\"on_error\" is unsupported");
	b->catches = jv_copy(s.value);
	return 0;
}

int branch_parse(struct branch *b, jv step, struct error *err)
{
	struct spot map = {.value = step, .place = jv_invalid()};
	struct spot condition = spot_get(map, "if");

	b->is_tolerant = !spot_is_absent(spot_get(map, "continue_on_error"));
	b->is_final = !spot_is_absent(spot_get(map, "final"));
	if (!spot_is_absent(condition) && !value_is_text(condition.value))
		return error_set(err, ERR_INPUT, "\"if\" is no expression");
	b->condition = jv_copy(condition.value);
	if (parse_when(&b->when, spot_get(map, "when"), err) != 0)
		return -1;
	return parse_catches(b, spot_get(map, "on_error"), err);
}

/* --- all steps together -------------------------------------------------- */

struct check {
	struct spot written, steps;
	jv handled; /* by the name of the handler: whose failures */
	struct error *err;
};

static bool has_need(struct spot step, jv name)
{
	struct spot needs = spot_get(step, "needs");
	int count = jv_array_length(jv_copy(needs.value));

	for (int i = 0; i < count; i++)
		if (jv_equal(jv_copy(spot_at(needs, i).value), jv_copy(name)))
			return true;
	return false;
}

/* Runs only when the run has come to that end. */
static bool is_closing(struct spot step)
{
	jv when = spot_get(step, "when").value;

	return !spot_is_absent(spot_get(step, "final")) ||
	       (value_is_text(when) && !slice_is(value_text(when), "always"));
}

static int check_clause(struct check *c, jv name, struct spot written, int i,
			jv target)
{
	const char *from = jv_string_value(name), *to = jv_string_value(target);
	struct spot handler = spot_get(c->steps, to);
	struct spot s =
		spot_get(spot_at(spot_get(written, "on_error"), i), "then");
	struct spot other = spot_get(
		(struct spot){.value = c->handled, .place = jv_invalid()}, to);

	if (spot_is_absent(handler))
		return spot_complain(s, c->err,
				     "step \"%s\": on_error names \"%.64s\", "
				     "which does not exist: add that step",
				     from, to);
	if (!has_need(handler, name))
		return spot_complain(
			s, c->err,
			"step \"%s\": on_error names \"%s\", which "
			"does not need it: add \"needs: %s\" there",
			from, to, from);
	if (!spot_is_absent(spot_get(handler, "when")))
		return spot_complain(
			s, c->err,
			"step \"%s\": on_error names \"%s\", which "
			"has an end of the run in its \"if\": "
			"remove one of both",
			from, to);
	if (!spot_is_absent(other) &&
	    !jv_equal(jv_copy(other.value), jv_copy(name)))
		return spot_complain(s, c->err,
				     "step \"%s\" handles the failures of "
				     "\"%s\" already: use a second step",
				     to, jv_string_value(other.value));
	c->handled = jv_object_set(c->handled, jv_copy(target), jv_copy(name));
	return 0;
}

static int check_needs(struct check *c, jv name, struct spot written,
		       struct spot step)
{
	struct spot needs = spot_get(step, "needs");
	int count = jv_array_length(jv_copy(needs.value));

	if (is_closing(step)) {
		if (count == 0)
			return spot_complain(
				spot_get(written, "if"), c->err,
				"step \"%s\": its \"if\" waits for the end of "
				"what is before it, but it needs nothing: give "
				"it needs, or put it under \"finally\"",
				jv_string_value(name));
		return 0;
	}
	for (int i = 0; i < count; i++) {
		jv need = spot_at(needs, i).value;

		if (is_closing(spot_get(c->steps, jv_string_value(need))))
			return spot_complain(
				spot_get(written, "needs"), c->err,
				"step \"%s\" needs \"%s\", which is performed "
				"only when the run has failed or was "
				"cancelled: remove that need",
				jv_string_value(name), jv_string_value(need));
	}
	return 0;
}

static int check_step(struct check *c, jv name)
{
	struct spot step = spot_get(c->steps, jv_string_value(name));
	struct spot written = spot_get(c->written, jv_string_value(name));
	struct spot catches = spot_get(step, "on_error");
	int count = spot_is_absent(catches)
			    ? 0
			    : jv_array_length(jv_copy(catches.value));

	for (int i = 0; i < count; i++) {
		struct spot target = spot_get(spot_at(catches, i), "step");
		if (check_clause(c, name, written, i, target.value) != 0)
			return -1;
	}
	return check_needs(c, name, written, step);
}

int branches_check(struct spot written, jv steps, struct error *err)
{
	struct check c = {
		.written = written,
		.steps = {.value = steps, .place = jv_invalid()},
		.handled = jv_object(),
		.err = err,
	};
	struct members m;
	int result = 0;

	members_init(&m, steps);
	for (size_t i = 0; i < m.count && result == 0; i++)
		result = check_step(&c, m.items[i].key);
	members_clear(&m);
	jv_free(c.handled);
	return result;
}
