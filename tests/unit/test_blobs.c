/* SPDX-License-Identifier: MIT */
#include "bucket_rig.h"

/* What holds of both places, and of the folder. */
#define MANY 200

static int in_a_folder(void **state)
{
	struct rig *r = rig_new();

	snprintf(r->flag, sizeof(r->flag), "--blobs-folder=%s", r->home);
	start(r, r->flag);
	*state = r;
	return 0;
}

/* --- both places -----------------------------------------------------------
 */

static void what_was_put_is_got(void **state)
{
	struct rig *r = *state;

	assert_int_equal(try(r), 0);
	assert_int_equal(put(r), 0);
	assert_int_equal(put(r), 0); /* it is there already */
	assert_int_equal(get(r), 0);
	assert_string_equal(r->out.data, "content");
	assert_int_equal(drop(r), 0);
	assert_int_equal(drop(r), 0);
	assert_int_equal(get(r), -1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
	assert_int_equal(r->out.len, 0);
}

static void what_is_got_comes_behind_what_is_there(void **state)
{
	struct rig *r = *state;

	assert_int_equal(put(r), 0);
	buf_reset(&r->out);
	buf_adds(&r->out, "first ");
	blobs_get(r->blobs, &r->blob, &r->out, on_done, r);
	assert_int_equal(await(r), 0);
	assert_string_equal(r->out.data, "first content");
}

static void many_come_through_at_once(void **state)
{
	struct rig *r = *state;
	char text[MANY][24];

	for (int i = 0; i < MANY; i++) {
		struct blob b;

		snprintf(text[i], sizeof(text[i]), "number %d", i);
		b = blob_of(slice_of(text[i]));
		blobs_put(r->blobs, &b, slice_of(text[i]), on_done, r);
	}
	while (r->dones < MANY) {
		uv_run(&r->loop, UV_RUN_ONCE);
		assert_int_equal(r->err.kind, ERR_NONE);
	}
	r->dones = 0;
	r->blob = blob_of(slice_of(text[MANY - 1]));
	assert_int_equal(get(r), 0);
	assert_string_equal(r->out.data, text[MANY - 1]);
}

/* --- the folder ------------------------------------------------------------
 */

static void a_damaged_file_is_refused_and_mended(void **state)
{
	struct rig *r = *state;
	char name[160];

	snprintf(name, sizeof(name), "%.2s/%.2s/%s", r->blob.name,
		 r->blob.name + 2, r->blob.name);
	assert_int_equal(put(r), 0);
	write_file(r, name, "contents");
	assert_int_equal(get(r), -1);
	assert_says(r, "damaged");
	assert_int_equal(put(r), 0);
	assert_int_equal(get(r), 0);
}

static void a_folder_that_is_none_says_so(void **state)
{
	struct rig *r = *state;

	start(r, "--blobs-folder=/dev/null");
	assert_int_equal(put(r), -1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
	assert_int_equal(try(r), -1);
	assert_true(blobs_have_place(r->blobs));
}

/* What a thread has begun is waited for. */
static void stopping_lets_it_end(void **state)
{
	struct rig *r = *state;

	blobs_put(r->blobs, &r->blob, SLICE("content"), on_done, r);
	start(r, "--blobs-collect=1m");
	assert_int_equal(r->dones, 1);
	assert_int_equal(r->err.kind, ERR_NONE);
	r->dones = 0;
	assert_int_equal(get(r), 0);
}

static void an_endpoint_wants_a_bucket(void **state)
{
	const char *flags[] = {"--blobs-endpoint=https://h", NULL};
	struct config *config = config_of(flags);
	struct error err;

	(void)state;
	assert_int_equal(blobs_check(config, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_non_null(strstr(err.text, "no blobs.bucket"));
	config_free(config);
}

static void nowhere_is_said_to_be_nowhere(void **state)
{
	struct rig *r = *state;

	start(r, "--blobs-folder=");
	assert_false(blobs_have_place(r->blobs));
	assert_int_equal(get(r), -1);
	assert_says(r, "blobs.folder");
	assert_says(r, "blobs.bucket");
}

#define IN(place, test)                                                        \
	cmocka_unit_test_setup_teardown(test, in_a_##place, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(folder, what_was_put_is_got),
		IN(bucket, what_was_put_is_got),
		IN(folder, what_is_got_comes_behind_what_is_there),
		IN(bucket, what_is_got_comes_behind_what_is_there),
		IN(folder, many_come_through_at_once),
		IN(bucket, many_come_through_at_once),
		IN(folder, a_damaged_file_is_refused_and_mended),
		IN(folder, a_folder_that_is_none_says_so),
		IN(folder, stopping_lets_it_end),
		IN(folder, nowhere_is_said_to_be_nowhere),
		cmocka_unit_test(an_endpoint_wants_a_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
