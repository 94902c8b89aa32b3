/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/value.h"

static void assert_yaml(const char *text, const char *json)
{
	struct error err = {0};
	struct buf out;
	jv v;

	if (yaml_parse(slice_of(text), &v, NULL, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	buf_init(&out, 1 << 16);
	assert_int_equal(json_print(v, &out), 0);
	assert_string_equal(out.data, json);
	jv_free(v);
	buf_clear(&out);
}

static void assert_refused(struct slice text, const char *complaint)
{
	struct error err = {0};
	jv v;

	assert_int_equal(yaml_parse(text, &v, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.text, complaint);
}

static void a_document_becomes_a_value(void **state)
{
	(void)state;
	assert_yaml("a: 1\nb:\n  - x\n  - {c: [true, null]}\n",
		    "{\"a\":1,\"b\":[\"x\",{\"c\":[true,null]}]}");
	assert_yaml("--- |\n  two\n  lines\n...\n", "\"two\\nlines\\n\"");
	assert_yaml("", "null");
	assert_yaml("# nothing\n", "null");
	assert_yaml("\xef\xbb\xbf"
		    "a: 1",
		    "{\"a\":1}");
}

static void plain_scalars_follow_the_core_schema(void **state)
{
	(void)state;
	assert_yaml("[true, False, TRUE, null, ~, Null, ]",
		    "[true,false,true,null,null,null]");
	assert_yaml("[0, -1, +12, 0o17, 0x1F, 1.5, .5, 1., 1e3, -2.5E-1]",
		    "[0,-1,12,15,31,1.5,0.5,1,1000,-0.25]");
	assert_yaml("[9007199254740991, 123456789012.5]",
		    "[9007199254740991,123456789012.5]");
}

static void all_else_is_text(void **state)
{
	(void)state;
	assert_yaml("[yes, No, on, off, y, tRUE, nULL]",
		    "[\"yes\",\"No\",\"on\",\"off\",\"y\",\"tRUE\",\"nULL\"]");
	assert_yaml("[1h30m, 1_000, 0b1, 0o8, 0x, 1e, -, ., +, 1.2.3, 12:30]",
		    "[\"1h30m\",\"1_000\",\"0b1\",\"0o8\",\"0x\",\"1e\",\"-\","
		    "\".\",\"+\",\"1.2.3\",\"12:30\"]");
	assert_yaml("['1', \"true\", '~', \"\\u0041\\0\"]",
		    "[\"1\",\"true\",\"~\",\"A\\u0000\"]");
	assert_yaml("2026-03-01", "\"2026-03-01\"");
}

static void keys_are_texts_as_written(void **state)
{
	(void)state;
	assert_yaml("on: 1\n200: 2\n~: 3\n'': 4\n",
		    "{\"\":4,\"200\":2,\"on\":1,\"~\":3}");
}

static void what_might_mislead_is_refused(void **state)
{
	const char *large = "line 1: a number too large to be kept exactly: "
			    "put it in quotes";
	const char *octal = "line 2: a number that begins with 0 may mean two "
			    "things: write 0o17 for octal, or put it in quotes";

	(void)state;
	assert_refused(SLICE("a: 1\nb: 0644\n"), octal);
	assert_refused(SLICE("a: 9007199254740993"), large);
	assert_refused(SLICE("a: 0xffffffffffffffffffff"), large);
	assert_refused(SLICE("a: 1e999"), large);
	assert_refused(SLICE("a: .nan"),
		       "line 1: NaN and infinity are not allowed");
	assert_refused(SLICE("a: -.Inf"),
		       "line 1: NaN and infinity are not allowed");
}

static void what_is_dangerous_is_refused(void **state)
{
	(void)state;
	assert_refused(SLICE("a: &x [1]\nb: *x\n"),
		       "line 1: anchors (&) are not allowed: write it out");
	assert_refused(SLICE("b: *x\n"),
		       "line 1: aliases (*) are not allowed: write it out");
	assert_refused(SLICE("a:\n  <<: {b: 1}\n"),
		       "line 2: merge keys (<<) are not allowed: write it out");
	assert_refused(SLICE("a: !!str 1\n"),
		       "line 1: tags (!) are not allowed");
	assert_refused(SLICE("a: 1\n---\nb: 2\n"),
		       "line 2: a second document begins");
	assert_refused(SLICE("a: 1\nb: 2\na: 3\n"),
		       "line 3: \"a\" stands there a second time");
	assert_refused(SLICE("? [1]\n: 2\n"), "line 1: a key must be a text");
}

static void what_is_no_yaml_is_refused_with_its_line(void **state)
{
	(void)state;
	assert_refused(SLICE("a: 1\nb: [1,\n"),
		       "line 3: did not find expected node content while "
		       "parsing a flow node");
	assert_refused(SLICE("a: 1\nb: \xff\n"), "line 2: not valid UTF-8");
	assert_refused(SLICE("a: 1\n\nb: \x01\n"),
		       "line 3: control characters are not allowed");
	assert_refused(SLICE("a: b: c"), "line 1: mapping values are not "
					 "allowed in this context");
}

static void nesting_is_bounded(void **state)
{
	char text[2 * VALUE_DEPTH_MAX + 1];

	(void)state;
	memset(text, '[', VALUE_DEPTH_MAX);
	memset(text + VALUE_DEPTH_MAX, ']', VALUE_DEPTH_MAX);
	text[2 * VALUE_DEPTH_MAX] = '\0';
	assert_yaml(text, text);
	memset(text, '[', sizeof(text));
	assert_refused((struct slice){text, sizeof(text)},
		       "line 1: nested too deeply");
}

static void size_and_number_are_bounded(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 2 << 20);
	for (int i = 0; i < 50000; i++)
		buf_adds(&text, "- 1\n");
	assert_refused(buf_slice(&text), "line 50000: more than 50000 values");
	while (text.len <= 1 << 20)
		buf_adds(&text, "- 1\n");
	assert_refused(buf_slice(&text), "more than 1 MiB of YAML");
	buf_clear(&text);
}

static int line_of(jv place)
{
	int line = place_line(place);

	jv_free(place);
	return line;
}

static void places_know_the_lines(void **state)
{
	struct error err;
	jv v, places, steps, second;

	(void)state;
	assert_int_equal(yaml_parse(SLICE("name: x\n"
					  "steps:\n"
					  "  - a\n"
					  "\n"
					  "  - b:\n"
					  "      - c\n"),
				    &v, &places, &err),
			 0);
	assert_int_equal(place_line(places), 1);
	assert_int_equal(line_of(place_get(places, "name")), 1);
	steps = place_get(places, "steps");
	assert_int_equal(place_line(steps), 2);
	assert_int_equal(line_of(place_at(steps, 0)), 3);
	second = place_at(steps, 1);
	assert_int_equal(place_line(second), 5);
	assert_int_equal(line_of(place_get(second, "b")), 5);
	assert_int_equal(line_of(place_get(second, "none")), 0);
	jv_free(second);
	jv_free(steps);
	jv_free(places);
	jv_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_becomes_a_value),
		cmocka_unit_test(plain_scalars_follow_the_core_schema),
		cmocka_unit_test(all_else_is_text),
		cmocka_unit_test(keys_are_texts_as_written),
		cmocka_unit_test(what_might_mislead_is_refused),
		cmocka_unit_test(what_is_dangerous_is_refused),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_line),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(size_and_number_are_bounded),
		cmocka_unit_test(places_know_the_lines),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
