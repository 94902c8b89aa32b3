/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/value.h"

/* JSON into msgpack, as bytes. */
static struct slice packed(struct buf *out, const char *json)
{
	struct error err;
	jv v;

	assert_int_equal(json_parse(slice_of(json), &v, &err), 0);
	buf_reset(out);
	assert_int_equal(msgpack_print(v, out), 0);
	jv_free(v);
	return buf_slice(out);
}

/* msgpack into JSON, as text. */
static void assert_reads(struct slice bytes, const char *json)
{
	struct error err = {0};
	struct buf out;
	jv v;

	if (msgpack_parse(bytes, &v, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	buf_init(&out, 1 << 16);
	assert_int_equal(json_print(v, &out), 0);
	assert_string_equal(out.data, json);
	jv_free(v);
	buf_clear(&out);
}

static void assert_refused(struct slice bytes, const char *complaint)
{
	struct error err;
	jv v;

	assert_int_equal(msgpack_parse(bytes, &v, &err), -1);
	assert_int_equal(err.kind, ERR_INPUT);
	assert_string_equal(err.text, complaint);
}

static void values_survive_writing_and_reading(void **state)
{
	const char *texts[] = {
		"null",
		"true",
		"false",
		"0",
		"127",
		"128",
		"255",
		"256",
		"65536",
		"4294967296",
		"9007199254740992",
		"-1",
		"-32",
		"-33",
		"-129",
		"-32769",
		"-2147483649",
		"1.5",
		"\"\"",
		"\"gr\xc3\xbc\"",
		"[]",
		"{}",
		"[1,[2,[]],{\"a\":null}]",
		"{\"a\":{\"b\":[true,false]},\"c\":\"d\"}",
		"[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]",
		"\"a text of more than thirty-one bytes, so another header\"",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < countof(texts); i++)
		assert_reads(packed(&out, texts[i]), texts[i]);
	buf_clear(&out);
}

static void equal_values_give_equal_bytes(void **state)
{
	struct buf a, b;

	(void)state;
	buf_init(&a, 100);
	buf_init(&b, 100);
	assert_true(slice_equal(packed(&a, "{\"b\":1,\"a\":2.0,\"ab\":-0}"),
				packed(&b, "{\"a\":2,\"ab\":0,\"b\":1e0}")));
	assert_memory_equal(b.data,
			    "\x83\xa1"
			    "a\x02\xa2"
			    "ab\x00\xa1"
			    "b\x01",
			    b.len);
	buf_clear(&a);
	buf_clear(&b);
}

static void all_lengths_of_all_types_are_read(void **state)
{
	(void)state;
	assert_reads(SLICE("\xcc\xff"), "255");
	assert_reads(SLICE("\xcd\x01\x00"), "256");
	assert_reads(SLICE("\xce\x00\x01\x00\x00"), "65536");
	assert_reads(SLICE("\xcf\0\0\0\x01\0\0\0\0"), "4294967296");
	assert_reads(SLICE("\xd0\x80"), "-128");
	assert_reads(SLICE("\xd1\xff\x00"), "-256");
	assert_reads(SLICE("\xd2\xff\xff\x00\x00"), "-65536");
	assert_reads(SLICE("\xd3\xff\xff\xff\xff\0\0\0\0"), "-4294967296");
	assert_reads(SLICE("\xca\x3f\xc0\x00\x00"), "1.5");
	assert_reads(SLICE("\xcb\x3f\xf8\0\0\0\0\0\0"), "1.5");
	assert_reads(SLICE("\xd9\x01"
			   "a"),
		     "\"a\"");
	assert_reads(SLICE("\xda\x00\x01"
			   "a"),
		     "\"a\"");
	assert_reads(SLICE("\xdb\x00\x00\x00\x01"
			   "a"),
		     "\"a\"");
	assert_reads(SLICE("\xdc\x00\x01\x01"), "[1]");
	assert_reads(SLICE("\xdd\x00\x00\x00\x01\x01"), "[1]");
	assert_reads(SLICE("\xde\x00\x01\xa1"
			   "a\x01"),
		     "{\"a\":1}");
	assert_reads(SLICE("\xdf\x00\x00\x00\x01\xa1"
			   "a\x01"),
		     "{\"a\":1}");
}

static void large_integers_become_the_nearest_double(void **state)
{
	(void)state;
	assert_reads(SLICE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
		     "1.8446744073709552e+19");
}

static void binary_data_may_be_text(void **state)
{
	(void)state;
	assert_reads(SLICE("\xc4\x01"
			   "a"),
		     "\"a\"");
	assert_reads(SLICE("\xc5\x00\x01"
			   "a"),
		     "\"a\"");
	assert_refused(SLICE("\xc4\x01\xff"),
		       "byte 2: a text that is not valid UTF-8");
}

static void what_is_damaged_is_refused(void **state)
{
	(void)state;
	assert_refused(SLICE(""), "byte 0: the bytes end too early");
	assert_refused(SLICE("\xcd\x01"), "byte 1: the bytes end too early");
	assert_refused(SLICE("\xa5"
			     "abc"),
		       "byte 1: the bytes end too early");
	assert_refused(SLICE("\x92\x01"), "byte 2: the bytes end too early");
	assert_refused(SLICE("\x81\xa1"
			     "a"),
		       "byte 3: the bytes end too early");
	assert_refused(SLICE("\x01\x02"),
		       "byte 1: something follows behind the value");
	assert_refused(SLICE("\xc1"), "byte 1: type 0xc1 is not allowed");
}

static void what_json_can_not_say_is_refused(void **state)
{
	(void)state;
	assert_refused(SLICE("\xd4\x01\x02"),
		       "byte 1: type 0xd4 is not allowed");
	assert_refused(SLICE("\x81\x01\x02"), "byte 2: a key that is not text");
	assert_refused(SLICE("\x82\xa1"
			     "a\x01\xa1"
			     "a\x02"),
		       "byte 6: a key a second time");
	assert_refused(SLICE("\xca\x7f\xc0\x00\x00"),
		       "byte 5: NaN and infinity are not allowed");
	assert_refused(SLICE("\xcb\xff\xf0\0\0\0\0\0\0"),
		       "byte 9: NaN and infinity are not allowed");
}

static void a_header_can_not_claim_more_than_there_is(void **state)
{
	const char *complaint = "byte 5: more items claimed than there are "
				"bytes";

	(void)state;
	assert_refused(SLICE("\xdd\xff\xff\xff\xff"), complaint);
	assert_refused(SLICE("\xdf\xff\xff\xff\xff"), complaint);
	assert_refused(SLICE("\xdb\xff\xff\xff\xff"),
		       "byte 5: the bytes end too early");
}

static void nested_headers_share_what_they_may_claim(void **state)
{
	unsigned char bytes[300];

	(void)state;
	memset(bytes, 0xc0, sizeof(bytes));
	for (int i = 0; i < 30; i += 3)
		memcpy(bytes + i, "\xdc\x00\x64", 3);
	assert_refused((struct slice){(char *)bytes, sizeof(bytes)},
		       "byte 12: more items claimed than there are bytes");
}

static void nesting_is_bounded(void **state)
{
	char bytes[VALUE_DEPTH_MAX + 1];
	struct error err;
	jv v;

	(void)state;
	memset(bytes, '\x91', sizeof(bytes));
	bytes[VALUE_DEPTH_MAX] = '\xc0';
	assert_int_equal(
		msgpack_parse((struct slice){bytes, sizeof(bytes)}, &v, &err),
		0);
	jv_free(v);
	bytes[VALUE_DEPTH_MAX] = '\x90';
	assert_refused((struct slice){bytes, sizeof(bytes)},
		       "byte 65: nested too deeply");
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	jv v = JV_ARRAY(jv_string("some text"), jv_string("more"));
	struct buf out;

	(void)state;
	buf_init(&out, 15);
	buf_adds(&out, "abc");
	assert_int_equal(msgpack_print(v, &out), -1);
	assert_string_equal(out.data, "abc");
	jv_free(v);
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_survive_writing_and_reading),
		cmocka_unit_test(equal_values_give_equal_bytes),
		cmocka_unit_test(all_lengths_of_all_types_are_read),
		cmocka_unit_test(large_integers_become_the_nearest_double),
		cmocka_unit_test(binary_data_may_be_text),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(what_json_can_not_say_is_refused),
		cmocka_unit_test(a_header_can_not_claim_more_than_there_is),
		cmocka_unit_test(nested_headers_share_what_they_may_claim),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
	};

	return cmocka_run_group_tests_name("msgpack", tests, NULL, NULL);
}
