/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/schema.h"

static jv parse(const char *json)
{
	struct error err;
	jv value;

	if (json_parse(slice_of(json), &value, &err) != 0)
		fail_msg("%s: %s", json, err.text);
	return value;
}

/* Each schema must be one; what is wrong names the place. */
static const struct {
	const char *schema, *value;
	const char *expected; /* NULL: as it was */
	const char *complaint;
} cases[] = {
	{"{}", "{\"a\":[1,null]}", NULL, NULL},
	{"{\"type\":\"string\"}", "\"x\"", NULL, NULL},
	{"{\"type\":\"string\"}", "3", NULL,
	 "input: must be of type string, is a number"},
	{"{\"type\":[\"string\",\"null\"]}", "null", NULL, NULL},
	{"{\"type\":[\"string\",\"null\"]}", "3", NULL,
	 "input: must be of type null or string, is a number"},
	{"{\"type\":\"integer\"}", "3", NULL, NULL},
	{"{\"type\":\"integer\"}", "3.5", NULL,
	 "input: must be of type integer, is a number"},
	{"{\"type\":\"number\"}", "3.5", NULL, NULL},
	{"{\"type\":\"boolean\"}", "false", NULL, NULL},
	{"{\"type\":\"object\"}", "[]", NULL,
	 "input: must be of type object, is an array"},
	{"{\"minimum\":0,\"maximum\":5}", "5", NULL, NULL},
	{"{\"minimum\":0.5}", "0", NULL, "input: must be at least 0.5"},
	{"{\"maximum\":5}", "6", NULL, "input: must be at most 5"},
	{"{\"minLength\":1}", "\"\"", NULL,
	 "input: must be at least 1 character long"},
	{"{\"minLength\":3}", "\"日本\"", NULL,
	 "input: must be at least 3 characters long"},
	{"{\"maxLength\":2}", "\"日本\"", NULL, NULL},
	{"{\"maxLength\":2}", "\"abc\"", NULL,
	 "input: must be at most 2 characters long"},
	{"{\"minItems\":1}", "[]", NULL, "input: must be at least 1 item long"},
	{"{\"maxItems\":1}", "[1,2]", NULL,
	 "input: must be at most 1 item long"},
	{"{\"enum\":[\"a\",1,{\"b\":null}]}", "{\"b\":null}", NULL, NULL},
	{"{\"enum\":[\"a\",1]}", "2", NULL, "input: must be one of [\"a\",1]"},
	{"{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", NULL, NULL},
	{"{\"pattern\":\"^[a-z]+$\"}", "\"abc1\"", NULL,
	 "input: must match the pattern ^[a-z]+$"},
	{"{\"pattern\":\"b\"}", "\"a\\u0000b\"", NULL, NULL},
	{"{\"pattern\":\"^(a?b?c?){8,}$\"}", "\"abc\"", NULL, NULL},
	{"{\"pattern\":\"^(ab?|c){8,}$\"}", "\"abcabacacc\"", NULL, NULL},
	{"{\"pattern\":\"^([a-z]([a-z0-9-]{0,61}[a-z0-9])?\\\\.){2,}[a-z]{2,}$\"}",
	 "\"a.b-c.example\"", NULL, NULL},
	{"{\"pattern\":\"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$\"}",
	 "\"0123abcd-0123-0123-0123-0123456789ab\"", NULL, NULL},
	{"{\"required\":[\"a\"]}", "{}", NULL,
	 "input.a: is required and missing"},
	{"{\"properties\":{\"a\":{\"default\":3}},\"required\":[\"a\"]}", "{}",
	 "{\"a\":3}", NULL},
	{"{\"properties\":{\"a\":{\"default\":3}}}", "{\"a\":4}", NULL, NULL},
	{"{\"properties\":{\"a\":{\"default\":3}}}", "{\"a\":null}", NULL,
	 NULL},
	{"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"default\":1}},"
	 "\"default\":{}}}}",
	 "{}", "{\"a\":{\"b\":1}}", NULL},
	{"{\"items\":{\"properties\":{\"b\":{\"default\":1}}}}", "[{},{}]",
	 "[{\"b\":1},{\"b\":1}]", NULL},
	{"{\"properties\":{\"pages\":{\"items\":{\"properties\":"
	 "{\"name\":{\"minLength\":1}}}}}}",
	 "{\"pages\":[{\"name\":\"a\"},{},{\"name\":\"\"}]}", NULL,
	 "input.pages[2].name: must be at least 1 character long"},
	{"{\"properties\":{\"folder\":{}},\"additionalProperties\":false}",
	 "{\"foldr\":1}", NULL,
	 "input.foldr: is not known; did you mean \"folder\"?"},
	{"{\"additionalProperties\":true}", "{\"x\":1}", NULL, NULL},
	{"{\"title\":\"t\",\"description\":\"d\"}", "1", NULL, NULL},
};

static void values_are_checked_and_completed(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct error err = {.text = ""};
		jv schema = parse(cases[i].schema);
		jv value = parse(cases[i].value);
		const char *expected =
			cases[i].expected ? cases[i].expected : cases[i].value;
		if (schema_check(schema, jv_invalid(), NULL, &err) != 0)
			fail_msg("%s: %s", cases[i].schema, err.text);
		int result = schema_apply(schema, &value, &err);
		if (cases[i].complaint)
			assert_string_equal(err.text, cases[i].complaint);
		else if (result != 0)
			fail_msg("%s: %s", cases[i].schema, err.text);
		else
			assert_true(jv_equal(jv_copy(value), parse(expected)));
		jv_free(value);
		jv_free(schema);
	}
}

static void what_is_no_schema_is_refused(void **state)
{
	static const struct {
		const char *schema, *complaint;
	} bad[] = {
		{"3", "input must be a schema"},
		{"{\"type\":\"text\"}", "input.type must be null, boolean"},
		{"{\"type\":[]}", "input.type is empty"},
		{"{\"typ\":\"string\"}", "did you mean \"type\""},
		{"{\"enum\":[]}", "input.enum must be a list"},
		{"{\"minLength\":-1}", "input.minLength must be a whole"},
		{"{\"minLength\":1.5}", "input.minLength must be a whole"},
		{"{\"minimum\":\"1\"}", "input.minimum must be a number"},
		{"{\"minItems\":3,\"maxItems\":2}",
		 "input.minItems is above maxItems"},
		{"{\"additionalProperties\":{}}", "must be true or false"},
		{"{\"properties\":[]}", "input.properties must be a map"},
		{"{\"items\":3}", "input[] must be a schema"},
		{"{\"properties\":{\"a\":{\"items\":{\"type\":3}}}}",
		 "input.a[].type must be"},
		{"{\"required\":\"a\"}", "input.required must be a list"},
		{"{\"title\":3}", "input.title must be a string"},
		{"{\"pattern\":3}", "input.pattern must be a string"},
		{"{\"pattern\":\"(\"}", "pattern can't be compiled"},
		{"{\"pattern\":\"a\\\\1\"}", "POSIX expressions lack"},
		{"{\"pattern\":\"\\\\d\"}", "write [0-9]"},
		{"{\"pattern\":\"a\\u0000\"}", "has a NUL byte"},
		{"{\"pattern\":\"(a{200}){200}\"}", "repeats too much"},
		{"{\"pattern\":\"a{32767}\"}", "repeats too much"},
		{"{\"pattern\":\"a++++++++++++++++++++++++++++\"}",
		 "repeats too much"},
		{"{\"pattern\":\"a+++++++++*+++++?++++*++++++\"}",
		 "repeats too much"},
		{"{\"pattern\":\"a????????{7,}\"}", "repeats too much"},
		{"{\"pattern\":\"((a|b?)?)?{20,}\"}", "repeats too much"},
		{"{\"pattern\":\"((((a?)?)?){20})+\"}", "repeats too much"},
		{"{\"pattern\":\"(^(a?)?){20,}\"}", "repeats too much"},
		{"{\"pattern\":\"((a|)?){6,9}*\"}", "repeats too much"},
		{"{\"pattern\":\"a{2,x}\"}", "has a malformed bound"},
		{"{\"pattern\":\"a{2\"}", "has a malformed bound"},
		{"{\"type\":\"integer\",\"default\":\"x\"}",
		 "input.default: must be of type integer"},
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct error err = {.text = ""};
		jv schema = parse(bad[i].schema);
		assert_int_equal(schema_check(schema, jv_invalid(), NULL, &err),
				 -1);
		if (!strstr(err.text, bad[i].complaint))
			fail_msg("%s: %s", bad[i].schema, err.text);
		jv_free(schema);
	}
}

static void a_schema_may_not_be_too_deep(void **state)
{
	jv schema = jv_object();
	struct error err;

	(void)state;
	for (int i = 0; i < 50; i++)
		schema = jv_object_set(jv_object(), jv_string("items"), schema);
	assert_int_equal(schema_check(schema, jv_invalid(), NULL, &err), -1);
	assert_non_null(strstr(err.text, "nested too deeply"));
	jv_free(schema);
}

static void texts_are_read_as_their_type_says(void **state)
{
	static const struct {
		const char *key, *text, *expected, *complaint;
	} reads[] = {
		{"s", "3", "\"3\"", NULL},
		{"s", "", "\"\"", NULL},
		{"n", "3", "3", NULL},
		{"n", "x", NULL, "input.n: \"x\" is not JSON"},
		{"n", "\"x\"", NULL, "input.n: must be of type integer"},
		{"l", "[1,2]", "[1,2]", NULL},
		{"either", "3", "\"3\"", NULL},
		{"any", "3", "3", NULL},
		{"any", "a b", "\"a b\"", NULL},
		{"undeclared", "true", "true", NULL},
		{"undeclared", "yes", "\"yes\"", NULL},
	};
	jv schema = parse("{\"properties\":{\"s\":{\"type\":\"string\"},"
			  "\"n\":{\"type\":\"integer\"},"
			  "\"l\":{\"type\":\"array\"},\"any\":{},"
			  "\"either\":{\"type\":[\"string\",\"number\"]}}}");

	(void)state;
	for (size_t i = 0; i < countof(reads); i++) {
		struct error err = {.text = ""};
		jv value;
		int result = schema_read(schema, reads[i].key,
					 slice_of(reads[i].text), &value, &err);
		if (reads[i].complaint) {
			assert_int_equal(result, -1);
			if (!strstr(err.text, reads[i].complaint))
				fail_msg("%s: %s", reads[i].text, err.text);
			continue;
		}
		assert_int_equal(result, 0);
		assert_true(jv_equal(value, parse(reads[i].expected)));
	}
	jv_free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_checked_and_completed),
		cmocka_unit_test(what_is_no_schema_is_refused),
		cmocka_unit_test(a_schema_may_not_be_too_deep),
		cmocka_unit_test(texts_are_read_as_their_type_says),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
