/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "treadle/value.h"

#define GRINNING "\xf0\x9f\x98\x80"

/* What a text becomes when it is read and written again. */
static void assert_json(const char *text, const char *expected)
{
	struct error err = {0};
	struct buf out;
	jv v;

	if (json_parse(slice_of(text), &v, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	buf_init(&out, 1 << 16);
	assert_int_equal(json_print(v, &out), 0);
	assert_string_equal(out.data, expected);
	jv_free(v);
	buf_clear(&out);
}

static void assert_refused(struct slice text, const char *complaint)
{
	struct error err;
	jv v;

	assert_int_equal(json_parse(text, &v, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.text, complaint);
}

static void values_survive_reading_and_writing(void **state)
{
	const char *texts[] = {"null",
			       "true",
			       "false",
			       "0",
			       "-1",
			       "\"\"",
			       "\"a\"",
			       "[]",
			       "{}",
			       "[1,[2,[]],{\"a\":null}]",
			       "{\"a\":{\"b\":[true,false]}}",
			       "1.5",
			       "-0.25"};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++)
		assert_json(texts[i], texts[i]);
}

static void blanks_are_dropped_and_keys_sorted(void **state)
{
	(void)state;
	assert_json(" { \"b\" : 1 ,\n\t\"a\" : [ 1 , 2 ] , \"ab\" : 2 }\r\n",
		    "{\"a\":[1,2],\"ab\":2,\"b\":1}");
}

static void many_keys_are_sorted_too(void **state)
{
	struct error err;
	struct buf in, out;
	jv v;

	(void)state;
	buf_init(&in, 1 << 16);
	buf_init(&out, 1 << 16);
	for (int i = 999; i >= 0; i--)
		buf_addf(&in, "%s\"k%03d\":%d", i == 999 ? "{" : ",", i, i);
	buf_addc(&in, '}');
	assert_int_equal(json_parse(buf_slice(&in), &v, &err), 0);
	assert_int_equal(json_print(v, &out), 0);
	assert_true(slice_starts(buf_slice(&out), "{\"k000\":0,\"k001\":1,"));
	jv_free(v);
	buf_clear(&in);
	buf_clear(&out);
}

static void whole_numbers_are_printed_as_integers(void **state)
{
	(void)state;
	assert_json("1e3", "1000");
	assert_json("1e15", "1000000000000000");
	assert_json("-1e15", "-1000000000000000");
	assert_json("9007199254740992", "9007199254740992");
	assert_json("2.0", "2");
	assert_json("-0", "0");
	assert_json("1e17", "1e+17");
}

static void other_numbers_keep_their_shortest_form(void **state)
{
	(void)state;
	assert_json("0.1", "0.1");
	assert_json("3.14159265358979312", "3.141592653589793");
	assert_json("0.30000000000000004", "0.30000000000000004");
	assert_json("5e-324", "4.94065645841247e-324");
	assert_json("1E-2", "0.01");
}

static void escapes_are_read(void **state)
{
	(void)state;
	assert_json("\"\\\"\\\\\\/\\n\\t\\r\"", "\"\\\"\\\\/\\n\\t\\r\"");
	assert_json("\"\\u0041\\u00fc\\u20ac\"", "\"A\xc3\xbc\xe2\x82\xac\"");
	assert_json("\"a\\ud83d\\uDE00b\"", "\"a" GRINNING "b\"");
	assert_json("\"\\u0000\\u0001\\u007f\"", "\"\\u0000\\u0001\\u007f\"");
}

static void half_a_surrogate_pair_is_replaced(void **state)
{
	(void)state;
	assert_json("\"\\ud83d\"", "\"\xef\xbf\xbd\"");
	assert_json("\"\\ude00x\"", "\"\xef\xbf\xbdx\"");
	assert_json("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd"
					  "A\"");
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *complaint;
	} table[] = {
		{"", "line 1, column 1: the text ends here"},
		{"[1", "line 1, column 3: the text ends here"},
		{"\"abc", "line 1, column 5: the text ends here"},
		{"[1,\n 2,]", "line 2, column 4: not a value (a text needs "
			      "quotes)"},
		{"{\"\xc3\xbc\": 01}", "line 1, column 7: not a number as "
				       "JSON writes it"},
		{"[1 2]", "line 1, column 4: expected , or ]"},
		{"{\"a\":1 \"b\":2}", "line 1, column 8: expected , or }"},
		{"{\"a\" 1}", "line 1, column 6: expected : behind the key"},
		{"{a: 1}", "line 1, column 2: expected a key in double "
			   "quotes"},
		{"{\"a\":1,\n\"a\":2}", "line 2, column 1: this key stands "
					"there a second time"},
		{"1 2", "line 1, column 3: something follows behind the "
			"value"},
		{"1e999", "line 1, column 1: a number too large for a double"},
		{"\"\\x\"", "line 1, column 3: no such escape: \\\\ stands "
			    "for a backslash"},
		{"\"a\nb\"", "line 1, column 3: a control character in a "
			     "string: write \\n, \\t or \\u00XX"},
	};

	(void)state;
	for (size_t i = 0; i < countof(table); i++)
		assert_refused(slice_of(table[i].text), table[i].complaint);
}

static void what_only_other_readers_accept_is_refused(void **state)
{
	const char *texts[] = {"NaN", "nan",     "Infinity", "-Infinity",
			       "+1",  "1.",      ".5",       "0x10",
			       "-",   "1e",      "1e+",      "'a'",
			       "tru", "nul",     "TRUE",     "[,]",
			       "{,}", "{\"a\"}", "// x\n1",  "\"\\u12g4\"",
			       "\"\\"};
	struct error err;
	jv v;

	(void)state;
	for (size_t i = 0; i < countof(texts); i++)
		assert_int_equal(json_parse(slice_of(texts[i]), &v, &err), -1);
}

static void broken_utf8_is_refused(void **state)
{
	(void)state;
	assert_refused(SLICE("[\"a\xff\"]"), "line 1, column 2: this string is "
					     "not valid UTF-8");
	assert_refused(SLICE("\"\xed\xa0\x80\""), "line 1, column 1: this "
						  "string is not valid UTF-8");
}

static void nesting_is_bounded(void **state)
{
	char text[2 * VALUE_DEPTH_MAX + 2];

	(void)state;
	memset(text, '[', VALUE_DEPTH_MAX);
	memset(text + VALUE_DEPTH_MAX, ']', VALUE_DEPTH_MAX);
	text[2 * VALUE_DEPTH_MAX] = '\0';
	assert_json(text, text);
	memset(text, '[', sizeof(text));
	assert_refused((struct slice){text, sizeof(text)},
		       "line 1, column 65: nested too deeply");
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	jv v = jv_string("a long text");
	struct buf out;

	(void)state;
	buf_init(&out, 10);
	buf_adds(&out, "abc");
	assert_int_equal(json_print(v, &out), -1);
	assert_string_equal(out.data, "abc");
	jv_free(v);
	buf_clear(&out);
}

static void what_is_nested_too_deeply_is_not_printed(void **state)
{
	struct buf out;
	jv v = jv_null();

	(void)state;
	buf_init(&out, 1 << 16);
	for (int i = 0; i <= VALUE_DEPTH_MAX; i++)
		v = jv_array_append(jv_array(), v);
	assert_int_equal(json_print(v, &out), -1);
	assert_int_equal(out.len, 0);
	jv_free(v);
	buf_clear(&out);
}

static void what_jq_can_compute_is_printed_as_jq_does(void **state)
{
	jv v = jv_array_append(jv_array(), jv_number(NAN));
	struct buf out;

	(void)state;
	v = jv_array_append(v, jv_number(-INFINITY));
	buf_init(&out, 100);
	assert_int_equal(json_print(v, &out), 0);
	assert_string_equal(out.data, "[null,-1.7976931348623157e+308]");
	jv_free(v);
	buf_clear(&out);
}

static void people_get_it_indented(void **state)
{
	struct error err;
	struct buf out;
	jv v;

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(json_parse(SLICE("{\"a\":[1,{}],\"b\":[]}"), &v, &err),
			 0);
	assert_int_equal(json_pretty(v, &out), 0);
	assert_string_equal(out.data, "{\n"
				      "  \"a\": [\n"
				      "    1,\n"
				      "    {}\n"
				      "  ],\n"
				      "  \"b\": []\n"
				      "}");
	jv_free(v);
	buf_clear(&out);
}

static void any_bytes_can_be_quoted(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(json_quote(&out, SLICE("a\"\n\xff")), 0);
	assert_string_equal(out.data, "\"a\\\"\\n\xef\xbf\xbd\"");
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_survive_reading_and_writing),
		cmocka_unit_test(blanks_are_dropped_and_keys_sorted),
		cmocka_unit_test(many_keys_are_sorted_too),
		cmocka_unit_test(whole_numbers_are_printed_as_integers),
		cmocka_unit_test(other_numbers_keep_their_shortest_form),
		cmocka_unit_test(escapes_are_read),
		cmocka_unit_test(half_a_surrogate_pair_is_replaced),
		cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
		cmocka_unit_test(what_only_other_readers_accept_is_refused),
		cmocka_unit_test(broken_utf8_is_refused),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
		cmocka_unit_test(what_is_nested_too_deeply_is_not_printed),
		cmocka_unit_test(what_jq_can_compute_is_printed_as_jq_does),
		cmocka_unit_test(people_get_it_indented),
		cmocka_unit_test(any_bytes_can_be_quoted),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
