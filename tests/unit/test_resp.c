/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../common/resp.h"

/* Feeds what it is given, piece by piece, and gives the first reply. */
static int read_in_pieces(struct resp_reader *r, struct slice bytes,
			  size_t piece, const struct reply **reply,
			  struct error *err)
{
	int got = 0;

	while (bytes.len && got == 0) {
		size_t len = piece < bytes.len ? piece : bytes.len;

		resp_reader_feed(r, (struct slice){bytes.data, len});
		bytes.data += len;
		bytes.len -= len;
		got = resp_reader_next(r, reply, err);
	}
	return got;
}

static void pieces_make_no_difference(void **state)
{
	struct slice bytes =
		SLICE("*3\r\n$5\r\nhe\0lo\r\n:-7\r\n*1\r\n$-1\r\n");
	const struct reply *reply;

	(void)state;
	for (size_t piece = 1; piece <= bytes.len; piece++) {
		struct resp_reader *r = resp_reader_new();

		assert_int_equal(read_in_pieces(r, bytes, piece, &reply, NULL),
				 1);
		assert_int_equal(reply->type, REPLY_ARRAY);
		assert_int_equal(reply->count, 3);
		assert_memory_equal(reply->items[0].text.data, "he\0lo", 6);
		assert_int_equal(reply->items[1].integer, -7);
		assert_int_equal(reply->items[2].items[0].type, REPLY_NIL);
		assert_int_equal(resp_reader_next(r, &reply, NULL), 0);
		resp_reader_free(r);
	}
}

static void replies_come_one_by_one(void **state)
{
	struct resp_reader *r = resp_reader_new();
	const struct reply *reply;

	(void)state;
	resp_reader_feed(r, SLICE("+a\r\n-b c\r\n:3\r\n$"));
	assert_int_equal(resp_reader_next(r, &reply, NULL), 1);
	assert_int_equal(reply->type, REPLY_STATUS);
	assert_int_equal(resp_reader_next(r, &reply, NULL), 1);
	assert_int_equal(reply->type, REPLY_ERROR);
	assert_true(slice_is(reply->text, "b c"));
	assert_int_equal(resp_reader_next(r, &reply, NULL), 1);
	assert_int_equal(reply->integer, 3);
	assert_int_equal(resp_reader_next(r, &reply, NULL), 0);
	resp_reader_free(r);
}

static void long_arrays_keep_all_their_items(void **state)
{
	const size_t count = 5000;
	struct resp_reader *r = resp_reader_new();
	const struct reply *reply;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 1 << 20);
	buf_addf(&bytes, "*%zu\r\n", count);
	for (size_t i = 0; i < count; i++)
		buf_addf(&bytes, "*2\r\n:%zu\r\n$-1\r\n", i);
	assert_int_equal(
		read_in_pieces(r, buf_slice(&bytes), 999, &reply, NULL), 1);
	assert_int_equal(reply->count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(reply->items[i].items[0].integer, i);
	buf_clear(&bytes);
	resp_reader_free(r);
}

static void refused(const char *bytes, const char *complaint)
{
	struct resp_reader *r = resp_reader_new();
	const struct reply *reply;
	struct error err;

	assert_int_equal(
		read_in_pieces(r, slice_of(bytes), 16384, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	if (!strstr(err.text, complaint))
		fail_msg("\"%s\" lacks \"%s\"", err.text, complaint);
	/* It stays so, whatever comes. */
	resp_reader_feed(r, SLICE("+OK\r\n"));
	assert_int_equal(resp_reader_next(r, &reply, &err), -1);
	resp_reader_free(r);
}

static void what_is_too_much_is_refused_at_once(void **state)
{
	char *line = xmalloc(RESP_LINE_MAX + 100);

	(void)state;
	refused("$536870913\r\n", "more than 512 MiB");
	refused("*2\r\n$3\r\nabc\r\n$536870910\r\n", "more than 512 MiB");
	refused("*16777217\r\n", "more than 16777216 items");
	refused("*16777216\r\n*1\r\n", "more than 16777216 items");
	refused("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		"more than 7 deep");
	memset(line, 'x', RESP_LINE_MAX + 99);
	line[0] = '-';
	line[RESP_LINE_MAX + 99] = '\0';
	refused(line, "more than 1 MiB");
	free(line);
}

static void what_is_not_resp_2_is_refused(void **state)
{
	(void)state;
	refused("hello\r\n", "not a reply of redis");
	refused("%1\r\n+a\r\n+b\r\n", "not a reply of redis");
	refused("#t\r\n", "not a reply of redis");
	refused(":1x\r\n", "not a reply of redis");
	refused("*-2\r\n", "not a reply of redis");
	refused("$-2\r\n", "not a reply of redis");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_come_one_by_one),
		cmocka_unit_test(pieces_make_no_difference),
		cmocka_unit_test(long_arrays_keep_all_their_items),
		cmocka_unit_test(what_is_too_much_is_refused_at_once),
		cmocka_unit_test(what_is_not_resp_2_is_refused),
	};

	return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
