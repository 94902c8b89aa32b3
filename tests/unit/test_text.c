/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/text.h"

static void a_slice_is_cut_at_the_separator(void **state)
{
	struct slice s = SLICE("a,,b"), piece;

	(void)state;
	piece = slice_cut(&s, ',');
	assert_true(slice_is(piece, "a"));
	piece = slice_cut(&s, ',');
	assert_int_equal(piece.len, 0);
	piece = slice_cut(&s, ',');
	assert_true(slice_is(piece, "b"));
	assert_int_equal(s.len, 0);
}

static void blanks_are_trimmed_at_both_ends(void **state)
{
	(void)state;
	assert_true(slice_is(slice_trim(SLICE(" \ta b\r\n")), "a b"));
	assert_int_equal(slice_trim(SLICE(" \n ")).len, 0);
	assert_int_equal(slice_of(NULL).len, 0);
}

static void integers_are_read_whole_and_in_range(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(slice_int(SLICE("-12"), -20, 20, &n), 0);
	assert_int_equal(n, -12);
	assert_int_equal(slice_int(SLICE("9223372036854775807"), INT64_MIN,
				   INT64_MAX, &n),
			 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(slice_int(SLICE("-9223372036854775808"), INT64_MIN,
				   INT64_MAX, &n),
			 0);
	assert_true(n == INT64_MIN);
}

static void what_is_no_integer_is_refused(void **state)
{
	const char *bad[] = {"",
			     "-",
			     "+1",
			     " 1",
			     "1 ",
			     "1x",
			     "0x1",
			     "21",
			     "9223372036854775808",
			     "99999999999999999999"};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_int_equal(slice_int(slice_of(bad[i]), 0, 20, &n), -1);
	assert_int_equal(slice_int(SLICE("9223372036854775808"), INT64_MIN,
				   INT64_MAX, &n),
			 -1);
}

static void a_buffer_ends_in_a_nul_at_any_time(void **state)
{
	struct buf b;
	char *room;

	(void)state;
	buf_init(&b, 1000);
	assert_string_equal(b.data, "");
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_addf(&b, "%d", 42);
	assert_string_equal(b.data, "abc42");
	room = buf_room(&b, 3);
	memcpy(room, "xyz", 3);
	b.len += 3;
	assert_string_equal(b.data, "abc42xyz");
	buf_drop(&b, 3);
	assert_string_equal(b.data, "42xyz");
	buf_cut(&b, 2);
	assert_string_equal(b.data, "42");
	buf_reset(&b);
	assert_string_equal(b.data, "");
	buf_clear(&b);
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_adds(&b, "abc"), 0);
	assert_false(b.is_full);
	assert_int_equal(buf_adds(&b, "de"), -1);
	assert_int_equal(buf_addf(&b, "%d", 12), -1);
	assert_true(b.is_full);
	assert_string_equal(b.data, "abc");
	assert_int_equal(buf_adds(&b, "d"), 0);
	assert_string_equal(b.data, "abcd");
	buf_clear(&b);
}

static void a_buffer_grows_to_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(buf_addc(&b, 'x'), -1);
	assert_int_equal(b.len, 100000);
	assert_in_range(b.cap, 100001, 100001);
	buf_clear(&b);
}

static void well_formed_utf8_is_recognized(void **state)
{
	const char *good[] = {"",
			      "plain text of more than eight bytes",
			      "gr\xc3\xbc\xc3\x9f",
			      "\xe2\x82\xac",
			      "\xed\x9f\xbf",
			      "\xf0\x9f\x98\x80",
			      "\xf4\x8f\xbf\xbf"};

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_true(text_is_utf8(slice_of(good[i])));
	assert_true(text_is_utf8(SLICE("a\0b")));
}

static void malformed_utf8_is_recognized(void **state)
{
	const char *bad[] = {
		"\x80",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xc3(",
		"\xe2\x82",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"eight letters and then \xff",
		"12345678\xe2\x82",
	};

	(void)state;
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(text_is_utf8(slice_of(bad[i])));
}

static void the_nearest_name_is_proposed(void **state)
{
	const char *names[] = {"url", "prefix", "password_file", "timeout"};

	(void)state;
	assert_string_equal(text_nearest("prefx", names, 4), "prefix");
	assert_string_equal(text_nearest("tiemout", names, 4), "timeout");
	assert_string_equal(text_nearest("ulr", names, 4), "url");
	assert_string_equal(text_nearest("passwordfile", names, 4),
			    "password_file");
	assert_null(text_nearest("colour", names, 4));
	assert_null(text_nearest("x", names, 4));
}

static void names_are_what_may_stand_in_keys(void **state)
{
	const char *good[] = {"a", "0", "ship-it_2"};
	const char *bad[] = {"",    "-a",  "_a",  "A",       "a b",
			     "a:b", "a{b", "a.b", "\xc3\xbc"};
	char text[66];

	(void)state;
	for (size_t i = 0; i < countof(good); i++)
		assert_true(text_is_name(slice_of(good[i])));
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(text_is_name(slice_of(bad[i])));
	memset(text, 'a', sizeof(text));
	assert_true(text_is_name((struct slice){text, 64}));
	assert_false(text_is_name((struct slice){text, 65}));
}

static void what_could_forge_a_line_is_escaped(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	text_escape(&b, SLICE("a\nb\"c\\d\x1b[31m\x7f"));
	assert_string_equal(b.data, "a\\nb\\\"c\\\\d\\x1b[31m\\x7f");
	buf_reset(&b);
	text_escape(&b, SLICE("\xc3\xbc \xc2\x9b \xff\0"));
	assert_string_equal(b.data, "\xc3\xbc \\xc2\\x9b \\xff\\x00");
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slice_is_cut_at_the_separator),
		cmocka_unit_test(blanks_are_trimmed_at_both_ends),
		cmocka_unit_test(integers_are_read_whole_and_in_range),
		cmocka_unit_test(what_is_no_integer_is_refused),
		cmocka_unit_test(a_buffer_ends_in_a_nul_at_any_time),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(a_buffer_grows_to_its_maximum),
		cmocka_unit_test(well_formed_utf8_is_recognized),
		cmocka_unit_test(malformed_utf8_is_recognized),
		cmocka_unit_test(the_nearest_name_is_proposed),
		cmocka_unit_test(names_are_what_may_stand_in_keys),
		cmocka_unit_test(what_could_forge_a_line_is_escaped),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
