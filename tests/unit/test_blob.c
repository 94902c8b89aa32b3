/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/blob.h"
#include "treadle/value.h"

/*
 * References that nothing else can pass for, and content that is whole.
 */
#define RUN "01k00000000000000000000100"

static struct blob blob_of(struct slice bytes)
{
	struct blob b = {.bytes = (int64_t)bytes.len};

	sha256_hex(bytes, b.name);
	memcpy(b.name + 64, "-" RUN, sizeof("-" RUN));
	return b;
}

static void a_reference_is_read_as_written(void **state)
{
	struct blob b = blob_of(SLICE("content")), read;
	struct buf out;

	(void)state;
	buf_init(&out, BLOB_REFERENCE_MAX);
	blob_print(&b, &out);
	assert_true(blob_parse(buf_slice(&out), &read));
	assert_string_equal(read.name, b.name);
	assert_int_equal(read.bytes, 7);
	/* Shorter, longer, or damaged it is none. */
	for (size_t len = 0; len < out.len; len++)
		assert_false(blob_parse((struct slice){out.data, len}, &read));
	for (size_t i = 0; i < out.len; i++) {
		char kept = out.data[i];

		out.data[i] = '/';
		assert_false(blob_parse(buf_slice(&out), &read));
		out.data[i] = kept;
	}
	buf_clear(&out);
}

/* What a handler yields is written by msgpack_print(), and read by it. */
static void no_output_passes_for_one(void **state)
{
	struct blob b = blob_of(SLICE("content")), read;
	struct buf reference, out;
	jv value;

	(void)state;
	buf_init(&reference, BLOB_REFERENCE_MAX);
	buf_init(&out, 1024);
	blob_print(&b, &reference);
	assert_int_equal(msgpack_parse(buf_slice(&reference), &value, NULL),
			 -1);
	value = jv_string_sized(reference.data, (int)reference.len);
	assert_int_equal(msgpack_print(value, &out), 0);
	assert_false(blob_parse(buf_slice(&out), &read));
	jv_free(value);
	buf_clear(&out);
	buf_clear(&reference);
}

static void what_is_damaged_is_refused(void **state)
{
	static const char *const damages[] = {"", "conten", "contenT",
					      "contents"};
	struct blob b = blob_of(SLICE("content"));
	struct error err;

	(void)state;
	assert_int_equal(blob_verify(&b, SLICE("content"), &err), 0);
	for (size_t i = 0; i < countof(damages); i++) {
		assert_int_equal(blob_verify(&b, slice_of(damages[i]), &err),
				 -1);
		assert_int_equal(err.kind, ERR_UNAVAILABLE);
		assert_non_null(strstr(err.text, "damaged"));
	}
}

static void no_name_leads_out_of_a_folder(void **state)
{
	struct blob b = blob_of(SLICE("content"));
	struct slice name = slice_of(b.name);

	(void)state;
	assert_true(blob_name_is_valid(name));
	assert_false(blob_name_is_valid(SLICE("../../etc/passwd")));
	b.name[2] = '/';
	assert_false(blob_name_is_valid(name));
	b.name[2] = '\0';
	assert_false(blob_name_is_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_is_read_as_written),
		cmocka_unit_test(no_output_passes_for_one),
		cmocka_unit_test(what_is_damaged_is_refused),
		cmocka_unit_test(no_name_leads_out_of_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
