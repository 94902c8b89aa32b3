/* SPDX-License-Identifier: MIT */
#include "outline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "treadle/clock.h"
#include "answer.h"

/* --- from the stored form ------------------------------------------------ */

static jv set(jv object, const char *key, jv value)
{
	return jv_object_set(object, jv_string(key), value);
}

static jv duration(jv ms)
{
	char text[DURATION_TEXT_MAX];

	return jv_string(duration_format((int64_t)jv_number_value(ms), text));
}

static jv outline_retry(jv retry)
{
	static const char *const spans[] = {"delay", "max_delay"};
	jv out = jv_copy(retry);

	for (size_t i = 0; i < countof(spans); i++)
		out = set(out, spans[i], duration(answer_get(retry, spans[i])));
	return out;
}

static jv outline_repeat(jv repeat)
{
	jv out = jv_copy(repeat);

	if (answer_has(repeat, "every"))
		out = set(out, "every", duration(answer_get(repeat, "every")));
	return out;
}

static jv outline_on_error(jv clauses)
{
	jv out = jv_array();

	jv_array_foreach (clauses, i, clause) {
		jv shown = set(jv_object(), "then",
			       jv_copy(answer_get(clause, "step")));
		if (answer_has(clause, "classes"))
			shown = set(shown, "class",
				    jv_copy(answer_get(clause, "classes")));
		out = jv_array_append(out, shown);
		jv_free(clause);
	}
	return out;
}

/* "always() && ${...}"; of closing steps always() goes without saying. */
static jv outline_if(jv step, jv out)
{
	struct slice when = answer_text(step, "when");
	struct slice condition = answer_text(step, "if");
	bool is_said = when.len > 0 &&
		       !(answer_has(step, "final") && slice_is(when, "always"));

	if (is_said)
		return set(out, "if",
			   jv_string_fmt("%.*s()%s%.*s", (int)when.len,
					 when.data, condition.len ? " && " : "",
					 (int)condition.len, condition.data));
	if (condition.len)
		return set(out, "if", jv_copy(answer_get(step, "if")));
	return out;
}

/* What a closing step needs is written only as far as they are closing, too. */
static jv outline_needs(jv step, jv steps, jv out)
{
	bool is_final = answer_has(step, "final");
	jv needs = jv_array();

	for (int i = 0; i < answer_count(step, "needs"); i++) {
		jv need = answer_item(step, "needs", i);
		jv other = answer_get(steps, jv_string_value(need));
		if (!is_final || answer_has(other, "final"))
			needs = jv_array_append(needs, jv_copy(need));
	}
	if (jv_array_length(jv_copy(needs)) > 0)
		return set(out, "needs", needs);
	jv_free(needs);
	return out;
}

static jv outline_kind(jv step, jv out)
{
	struct slice kind = answer_text(step, "kind");
	jv params = answer_get(step, "params");

	if (!slice_is(kind, "workflow"))
		return set(out, kind.data, jv_copy(params));
	if (jv_object_has(jv_copy(params), jv_string("input")))
		out = set(out, "input", jv_copy(answer_get(params, "input")));
	return set(out, "workflow", jv_copy(answer_get(params, "name")));
}

/* What is done for each item of a list stands in the stored step as `item`. */
static jv outline_each(jv step, jv out)
{
	jv each = answer_get(step, "each"), item = answer_get(step, "item");
	int64_t percent = answer_int(each, "tolerates_percent", 0);

	out = jv_object_merge(out, jv_copy(item));
	out = jv_object_delete(out, jv_string("each"));
	out = jv_object_delete(out, jv_string("item"));
	out = set(out, "for_each",
		  jv_copy(answer_get(answer_get(step, "params"), "items")));
	out = set(out, "max_parallel", jv_copy(answer_get(each, "max")));
	if (percent > 0)
		out = set(out, "tolerate",
			  jv_string_fmt("%lld%%", (long long)percent));
	else if (answer_has(each, "tolerates"))
		out = set(out, "tolerate",
			  jv_copy(answer_get(each, "tolerates")));
	return out;
}

static jv outline_step(jv step, jv steps)
{
	static const char *const changed[] = {
		"kind",  "params",  "when",  "final",    "if",
		"needs", "timeout", "retry", "on_error", "definition"};
	jv item = answer_get(step, "item");
	bool is_each = jv_get_kind(item) == JV_KIND_OBJECT;
	jv performed = is_each ? item : step;
	jv out = jv_copy(step);

	if (is_each)
		out = outline_each(step, out);
	for (size_t i = 0; i < countof(changed); i++)
		out = jv_object_delete(out, jv_string(changed[i]));
	out = outline_kind(performed, out);
	if (answer_int(step, "timeout", 0) > 0)
		out = set(out, "timeout",
			  duration(answer_get(step, "timeout")));
	out = set(out, "retry", outline_retry(answer_get(step, "retry")));
	if (answer_has(performed, "repeat"))
		out = set(out, "repeat",
			  outline_repeat(answer_get(performed, "repeat")));
	if (answer_has(step, "on_error"))
		out = set(out, "on_error",
			  outline_on_error(answer_get(step, "on_error")));
	return outline_if(step, outline_needs(step, steps, out));
}

/* What undoes a step is stored as a step of its own behind it, NAME.undo. */
static bool is_undo(const char *name)
{
	return strchr(name, '.') != NULL;
}

static jv outline_compensated(const char *name, jv steps)
{
	jv step = outline_step(answer_get(steps, name), steps);
	jv key = jv_string_fmt("%s.undo", name);
	jv undo = answer_get(steps, jv_string_value(key));

	jv_free(key);
	if (jv_get_kind(undo) != JV_KIND_OBJECT)
		return step;
	undo = outline_step(undo, steps);
	undo = jv_object_delete(undo, jv_string("needs"));
	undo = jv_object_delete(undo, jv_string("if"));
	return set(step, "compensate", undo);
}

/* The last step that `output:` stands for, or may as well stand for. */
static bool is_output(const char *name, jv step)
{
	return strcmp(name, "output") == 0 &&
	       slice_is(answer_text(step, "kind"), "pass") &&
	       answer_has(answer_get(step, "params"), "value") &&
	       !answer_has(step, "if") && !answer_has(step, "when");
}

/* Of the step that `output:` stands for: nothing else can say how it is tried.
 */
static jv outline_defaults(jv step)
{
	jv out = jv_object();

	out = set(out, "timeout", duration(answer_get(step, "timeout")));
	out = set(out, "recoveries", jv_copy(answer_get(step, "recoveries")));
	return set(out, "retry", outline_retry(answer_get(step, "retry")));
}

static jv outline_output(jv step, jv out)
{
	jv value = answer_get(answer_get(step, "params"), "value");

	out = set(out, "defaults", outline_defaults(step));
	return set(out, "output", jv_copy(value));
}

jv outline_of(const struct workflow *w)
{
	static const char *const kept[] = {"name", "description", "input",
					   "compensate_on"};
	jv document, out = jv_object(), ordinary = jv_object(),
		     closing = jv_object();

	must(msgpack_parse(w->canonical, &document, NULL) == 0);
	jv steps = answer_get(document, "steps");
	for (size_t i = 0; i < countof(kept); i++)
		if (answer_has(document, kept[i]))
			out = set(out, kept[i],
				  jv_copy(answer_get(document, kept[i])));
	if (w->deadline_ms > 0)
		out = set(out, "deadline",
			  duration(answer_get(document, "deadline")));
	for (size_t i = 0; i < w->steps_count; i++) {
		const char *name = w->steps[i].name;
		jv step = answer_get(steps, name);
		if (is_undo(name))
			continue;
		if (is_output(name, step))
			out = outline_output(step, out);
		else if (answer_has(step, "final"))
			closing = set(closing, name,
				      outline_compensated(name, steps));
		else
			ordinary = set(ordinary, name,
				       outline_compensated(name, steps));
	}
	out = set(out, "steps", ordinary);
	if (jv_object_length(jv_copy(closing)) > 0)
		out = set(out, "finally", closing);
	else
		jv_free(closing);
	jv_free(document);
	return out;
}

/* --- to YAML ------------------------------------------------------------- */

static bool is_duration(struct slice s)
{
	int64_t ms;

	return s.len > 1 && !isdigit((unsigned char)s.data[s.len - 1]) &&
	       duration_parse(s, &ms) == 0;
}

/* Words that YAML may read as something else than a text. */
static bool is_plain(struct slice s)
{
	static const char *const special[] = {"true", "false", "null", "yes",
					      "no",   "off",   "y",    "n"};
	char lower[8];

	if (is_duration(s))
		return true;
	if (!s.len || !isalpha((unsigned char)s.data[0]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.data[i]) &&
		    !strchr("_-./", s.data[i]))
			return false;
	for (size_t i = 0; s.len < sizeof(lower) && i <= s.len; i++)
		lower[i] = (char)(i < s.len ? tolower((unsigned char)s.data[i])
					    : '\0');
	for (size_t i = 0; s.len < sizeof(lower) && i < countof(special); i++)
		if (strcmp(lower, special[i]) == 0)
			return false;
	return true;
}

static void print_text(struct slice s, struct buf *out)
{
	if (is_plain(s))
		buf_add(out, s.data, s.len);
	else
		json_quote(out, s);
}

static bool is_block(jv value)
{
	return jv_get_kind(value) == JV_KIND_OBJECT &&
	       jv_object_length(jv_copy(value)) > 0;
}

/* Where lines begin. */
struct margin {
	const char *text;
	int depth;
};

static void print_members(jv object, struct margin at, struct buf *out);

/* Lists, and maps without members, stand on the line, as JSON. */
static void print_scalar(jv value, struct buf *out)
{
	if (value_is_text(value))
		print_text(value_text(value), out);
	else
		json_print(value, out);
}

static void print_member(struct slice name, jv value, struct margin at,
			 struct buf *out)
{
	buf_addf(out, "%s%*s", at.text, 2 * at.depth, "");
	print_text(name, out);
	if (is_block(value)) {
		buf_adds(out, ":\n");
		at.depth++;
		print_members(value, at, out);
	} else {
		buf_adds(out, ": ");
		print_scalar(value, out);
		buf_addc(out, '\n');
	}
}

/* What people look for first stands first, the rest by name. */
static const char *const first[] = {"name",  "description", "deadline",
				    "input", "needs",       "if"};
static const char *const last[] = {"steps", "finally", "output"};

static bool is_among(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

static void print_listed(jv object, const char *const *names, size_t count,
			 struct margin at, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		jv value = value_get(object, names[i]);
		if (jv_is_valid(value))
			print_member(slice_of(names[i]), value, at, out);
		jv_free(value);
	}
}

static void print_members(jv object, struct margin at, struct buf *out)
{
	struct members m;

	print_listed(object, first, countof(first), at, out);
	members_init(&m, object);
	for (size_t i = 0; i < m.count; i++)
		if (!is_among(m.items[i].name, first, countof(first)) &&
		    !is_among(m.items[i].name, last, countof(last)))
			print_member(m.items[i].name, m.items[i].value, at,
				     out);
	members_clear(&m);
	print_listed(object, last, countof(last), at, out);
}

void outline_print(jv outline, struct buf *out)
{
	print_members(outline, (struct margin){.text = ""}, out);
}

void outline_value(jv value, const char *margin, struct buf *out)
{
	if (is_block(value)) {
		print_members(value, (struct margin){.text = margin}, out);
		return;
	}
	buf_adds(out, margin);
	print_scalar(value, out);
	buf_addc(out, '\n');
}
