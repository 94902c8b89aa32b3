/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "treadle/blob.h"
#include "treadle/value.h"

/*
 * References that nothing else can pass for, and files that are whole.
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
	for (size_t i = 0; i < 3 + BLOB_NAME_LEN; i++) {
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

struct rig {
	char folder[64], path[512];
	struct blob blob;
	struct buf out;
	struct error err;
};

static int set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	snprintf(r->folder, sizeof(r->folder), "/tmp/treadle-blob.XXXXXX");
	must(mkdtemp(r->folder));
	r->blob = blob_of(SLICE("content"));
	snprintf(r->path, sizeof(r->path), "%s/%.2s/%.2s/%s", r->folder,
		 r->blob.name, r->blob.name + 2, r->blob.name);
	buf_init(&r->out, 1024);
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	unlink(r->path);
	for (int i = 0; i < 3; i++) {
		*strrchr(r->path, '/') = '\0';
		rmdir(r->path);
	}
	buf_clear(&r->out);
	free(r);
	return 0;
}

static void what_was_written_is_read(void **state)
{
	struct rig *r = *state;

	assert_int_equal(
		blob_write(r->folder, &r->blob, SLICE("content"), &r->err), 0);
	assert_int_equal(blob_read(r->folder, &r->blob, &r->out, &r->err), 0);
	assert_string_equal(r->out.data, "content");
	assert_int_equal(access(r->path, F_OK), 0);
	assert_int_equal(
		blob_remove(r->folder, slice_of(r->blob.name), &r->err), 0);
	assert_int_equal(access(r->path, F_OK), -1);
	assert_int_equal(
		blob_remove(r->folder, slice_of(r->blob.name), &r->err), 0);
	assert_int_equal(blob_read(r->folder, &r->blob, &r->out, &r->err), -1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
}

static void what_is_damaged_is_refused(void **state)
{
	static const char *const damages[] = {"", "conten", "contenT",
					      "contents"};
	struct rig *r = *state;

	blob_write(r->folder, &r->blob, SLICE("content"), &r->err);
	for (size_t i = 0; i < countof(damages); i++) {
		FILE *file = fopen(r->path, "w");

		fputs(damages[i], file);
		fclose(file);
		buf_reset(&r->out);
		assert_int_equal(
			blob_read(r->folder, &r->blob, &r->out, &r->err), -1);
		assert_non_null(strstr(r->err.text, "damaged"));
	}
	/* Writing it once more mends it. */
	assert_int_equal(
		blob_write(r->folder, &r->blob, SLICE("content"), &r->err), 0);
}

static void a_folder_that_is_no_folder_says_so(void **state)
{
	struct rig *r = *state;

	assert_int_equal(
		blob_write("/dev/null", &r->blob, SLICE("content"), &r->err),
		-1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
	assert_int_equal(blob_read("", &r->blob, &r->out, &r->err), -1);
	assert_non_null(strstr(r->err.text, "blobs.folder"));
}

static void no_name_leads_out_of_the_folder(void **state)
{
	struct rig *r = *state;

	assert_int_equal(
		blob_remove(r->folder, SLICE("../../etc/passwd"), &r->err), -1);
	assert_int_equal(r->err.kind, ERR_INPUT);
}

#define IN_A_FOLDER(test)                                                      \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_is_read_as_written),
		cmocka_unit_test(no_output_passes_for_one),
		IN_A_FOLDER(what_was_written_is_read),
		IN_A_FOLDER(what_is_damaged_is_refused),
		IN_A_FOLDER(a_folder_that_is_no_folder_says_so),
		IN_A_FOLDER(no_name_leads_out_of_the_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
