/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/template.h"

static jv parse(const char *json)
{
	struct error err;
	jv value;

	if (json_parse(slice_of(json), &value, &err) != 0)
		fail_msg("%s: %s", json, err.text);
	return value;
}

static struct template *make(const char *json)
{
	struct error err;
	jv source = parse(json);
	struct template *t = template_new(source, true, &err);

	jv_free(source);
	if (!t)
		fail_msg("%s: %s", json, err.text);
	return t;
}

/* --- tests/data/template.t ----------------------------------------------- */

static int expand(const char *source, const char *scope, jv *value,
		  struct error *err)
{
	jv template = parse(source), data = parse(scope);
	struct template *t = template_new(template, true, err);
	int result = t ? template_expand(t, data, value, err) : -1;

	template_free(t);
	jv_free(template);
	jv_free(data);
	return result;
}

static void check_case(int line, char *const lines[3])
{
	struct error err = {.text = ""};
	jv value = jv_invalid();
	int result = expand(lines[0], lines[1], &value, &err);

	if (strncmp(lines[2], "error: ", 7) == 0) {
		if (result == 0 || !strstr(err.text, lines[2] + 7))
			fail_msg("template.t:%d: got \"%s\"", line, err.text);
		return;
	}
	if (result != 0)
		fail_msg("template.t:%d: %s", line, err.text);
	jv expected = parse(lines[2]);
	if (!jv_equal(jv_copy(value), expected)) {
		jv text = jv_dump_string(value, 0);
		fail_msg("template.t:%d: got %s", line, jv_string_value(text));
	}
	jv_free(value);
}

/* The next line that is neither blank nor a comment; false at the end. */
static bool next_line(FILE *file, char *line, size_t size, int *number)
{
	while (fgets(line, (int)size, file)) {
		++*number;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] && line[0] != '#')
			return true;
	}
	return false;
}

static void templates_do_what_the_table_says(void **state)
{
	static char lines[3][1024];
	char *const group[] = {lines[0], lines[1], lines[2]};
	FILE *file = fopen("tests/data/template.t", "r");
	int number = 0, cases = 0;

	(void)state;
	assert_non_null(file);
	while (next_line(file, lines[0], sizeof(lines[0]), &number)) {
		int first = number;
		assert_true(
			next_line(file, lines[1], sizeof(lines[1]), &number));
		assert_true(
			next_line(file, lines[2], sizeof(lines[2]), &number));
		check_case(first, group);
		cases++;
	}
	fclose(file);
	assert_true(cases > 70);
}

/* --- what it reads ------------------------------------------------------- */

static void note_read(void *arg, const char *step)
{
	struct buf *reads = arg;

	buf_addf(reads, "%s%s", reads->len ? " " : "", step ? step : "*");
}

static const struct {
	const char *expression, *reads;
	bool input;
} read_cases[] = {
	{"1", "", false},
	{".input.x", "", true},
	{".input", "", true},
	{".run.id", "", false},
	{".", "*", true},
	{".steps", "*", false},
	{".steps.a", "a", false},
	{".steps.a.output.b.c", "a", false},
	{".steps[\\\"a b\\\"].output", "a b", false},
	{".steps[0]", "*", false},
	{".[\\\"steps\\\"].a", "a", false},
	/* from here on, jq */
	{".steps.a.output + .steps.b.output", "a b", false},
	{".steps.a.output + .steps.a.output", "a", false},
	{".steps | keys", "*", false},
	{".steps[]", "*", false},
	{".steps[.input.name].output", "*", true},
	{".steps.a.output | .steps", "a", false},
	{".steps.a.output | length", "a", false},
	{".steps.a.output | map(.x)", "a", false},
	{".steps.a.output[.input.i]", "a", true},
	{".steps.\\\"a\\\".output | length", "a", false},
	{"[.steps.a.output, .steps.b.output] | add", "a b", false},
	{"{a: .steps.a.output | length, b: .steps.b}", "a b", false},
	{"{steps}", "*", false},
	{"{input, x: 1}", "", true},
	{"{steps: 1}", "", false},
	{"[.input[] | {steps}]", "", true},
	{"keys", "*", true},
	{"tojson", "*", true},
	{"getpath([\\\"steps\\\", \\\"a\\\"])", "*", true},
	{"[paths]", "*", true},
	{"..", "*", true},
	{"[.. | numbers]", "*", true},
	{". as $r | $r.steps.a", "*", true},
	{".steps as $s | $s.a.output", "*", false},
	{".steps.a.output as $x | .steps.b.output + $x", "a b", false},
	{".input.l as [$a] | .steps.b.output", "b", true},
	{"label $out | .steps.a.output, break $out", "a", false},
	{".input.l | . as $x | .steps", "", true},
	{"def f: .steps.a | .output; .steps.b", "a b *", true},
	{"if .input.x | not then .steps.a else .steps.b end", "a b", true},
	{"(.input.x | .steps) + .steps.a.output", "a", true},
	{"\\\"\\\\(.steps.a.output) \\\\(.input.x | .steps)\\\"", "a", true},
	{"reduce .steps.a.output[] as $x (0; 1)", "a", false},
	{"first(.steps.a.output[])", "a", false},
	{"first", "*", true},
	{"limit(3; .steps.a.output[])", "a", false},
	{"@json", "*", true},
	{"@json \\\"x\\\\(.steps.a)\\\"", "a", false},
	{".input.steps.a", "", true},
	{".input | .steps.a", "", true},
	{".input?.steps.a", "", true},
	{"try .steps.a.output catch .", "a *", true},
	{".input.x |= .steps", "*", true},
};

static void reads_are_found_and_never_missed(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(read_cases); i++) {
		struct buf json, reads;
		bool input;

		buf_init(&json, 256);
		buf_init(&reads, 256);
		buf_addf(&json, "\"${%s}\"", read_cases[i].expression);
		struct template *t = make(json.data);
		template_reads(t, note_read, &reads, &input);
		if (strcmp(reads.data, read_cases[i].reads) != 0 ||
		    input != read_cases[i].input)
			fail_msg("%s: reads \"%s\", input %d", json.data,
				 reads.data, input);
		template_free(t);
		buf_clear(&json);
		buf_clear(&reads);
	}
}

static void kinds_of_templates_are_told_apart(void **state)
{
	struct template *t = make("{\"a\": [\"$${x}\", 1]}");

	(void)state;
	assert_true(template_is_constant(t) && template_is_plain(t));
	template_free(t);
	t = make("{\"a\": \"x ${.input.b}\"}");
	assert_true(!template_is_constant(t) && template_is_plain(t));
	template_free(t);
	t = make("{\"a\": \"${.input.b | length}\"}");
	assert_true(!template_is_constant(t) && !template_is_plain(t));
	template_free(t);
}

static void what_is_constant_is_shared_not_built(void **state)
{
	struct template *t = make("[[1, 2, 3], \"${.input}\"]");
	jv scope = parse("{\"input\": 4}"), first, second;

	(void)state;
	assert_int_equal(template_expand(t, scope, &first, NULL), 0);
	assert_int_equal(template_expand(t, scope, &second, NULL), 0);
	jv a = jv_array_get(first, 0), b = jv_array_get(second, 0);
	assert_true(jv_identical(a, b));
	template_free(t);
	jv_free(scope);
}

static void expressions_are_compiled_when_first_used(void **state)
{
	jv source = jv_string("${.input | nosuch}"), value, scope = jv_object();
	struct error err;
	struct template *t = template_new(source, false, &err);

	(void)state;
	assert_non_null(t);
	assert_int_equal(template_expand(t, scope, &value, &err), -1);
	assert_non_null(strstr(err.text, "nosuch/0 is not defined"));
	template_free(t);
	jv_free(source);
	jv_free(scope);
}

static void many_expressions_keep_their_places(void **state)
{
	jv source = jv_array(), scope = jv_object(), value;
	struct error err;

	(void)state;
	for (int i = 0; i < 150; i++)
		source = jv_array_append(source, jv_string_fmt("${%d + 1}", i));
	struct template *t = template_new(source, true, &err);
	assert_non_null(t);
	assert_int_equal(template_expand(t, scope, &value, &err), 0);
	for (int i = 0; i < 150; i++)
		assert_int_equal(
			jv_number_value(jv_array_get(jv_copy(value), i)),
			i + 1);
	template_free(t);
	jv_free(value);
	jv_free(source);
	jv_free(scope);
}

/* --- secrets ------------------------------------------------------------- */

static char *find_secret(void *arg, const char *name, struct error *err)
{
	int *asked = arg;

	++*asked;
	if (strcmp(name, "TOKEN") == 0)
		return xstrdup("s3cret");
	error_set(err, ERR_INPUT, "there is no \"%s\"", name);
	return NULL;
}

static jv expand_alone(const char *json)
{
	struct template *t = make(json);
	jv scope = jv_object(), value;

	assert_int_equal(template_expand(t, scope, &value, NULL), 0);
	assert_true(template_has_secrets(t) && template_is_plain(t));
	template_free(t);
	jv_free(scope);
	return value;
}

static void secrets_appear_only_when_revealed(void **state)
{
	jv value = expand_alone("{\"a\": [\"Bearer ${secret:TOKEN}!\", "
				"\"${secret:TOKEN}\"], \"b\": \"x\"}");
	jv text = jv_dump_string(jv_copy(value), 0);
	int asked = 0;

	(void)state;
	assert_null(strstr(jv_string_value(text), "s3cret"));
	jv_free(text);
	assert_int_equal(template_reveal(&value, find_secret, &asked, NULL), 0);
	assert_int_equal(asked, 2);
	jv expected = parse("{\"a\": [\"Bearer s3cret!\", \"s3cret\"], "
			    "\"b\": \"x\"}");
	assert_true(jv_equal(value, expected));
}

static void an_unknown_secret_is_an_error(void **state)
{
	jv value = expand_alone("[\"${secret:NOPE}\"]");
	struct error err;
	int asked = 0;

	(void)state;
	assert_int_equal(template_reveal(&value, find_secret, &asked, &err),
			 -1);
	assert_non_null(strstr(err.text, "\"NOPE\""));
	jv_free(value);
}

static void data_that_looks_like_a_mark_stays(void **state)
{
	jv value = parse("[\"\\u001fsecret:TOKEN\\u001f\", "
			 "\"\\u001f00000000000000000000000000000000:TOKEN"
			 "\\u001f\", \"${secret:TOKEN}\"]");
	jv before = jv_copy(value);
	int asked = 0;

	(void)state;
	assert_int_equal(template_reveal(&value, find_secret, &asked, NULL), 0);
	assert_int_equal(asked, 0);
	assert_true(jv_equal(value, before));
}

static void a_helper_can_share_the_key_of_marks(void **state)
{
	char key[TEMPLATE_KEY_LEN + 1];
	int asked = 0;

	(void)state;
	memcpy(key, template_key(), sizeof(key));
	jv value = expand_alone("\"${secret:TOKEN}\"");
	template_set_key("0123456789abcdef0123456789abcdef");
	template_set_key(key);
	assert_int_equal(template_reveal(&value, find_secret, &asked, NULL), 0);
	assert_string_equal(jv_string_value(value), "s3cret");
	jv_free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_do_what_the_table_says),
		cmocka_unit_test(reads_are_found_and_never_missed),
		cmocka_unit_test(kinds_of_templates_are_told_apart),
		cmocka_unit_test(what_is_constant_is_shared_not_built),
		cmocka_unit_test(expressions_are_compiled_when_first_used),
		cmocka_unit_test(many_expressions_keep_their_places),
		cmocka_unit_test(secrets_appear_only_when_revealed),
		cmocka_unit_test(an_unknown_secret_is_an_error),
		cmocka_unit_test(data_that_looks_like_a_mark_stays),
		cmocka_unit_test(a_helper_can_share_the_key_of_marks),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
