/* SPDX-License-Identifier: MIT */
#include "bucket_rig.h"

/* What a bucket may do to us, and which options lead to one. */
#define MANY 200

/* The next so many requests meet with that. */
static void plan(struct rig *r, const char *fault)
{
	write_file(r, "objects.fault", fault);
}

/* How many requests have come so far. */
static int requests(struct rig *r)
{
	FILE *file = fopen(path_of(r, "objects.log"), "r");
	int count = 0, c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

/* --- the bucket ------------------------------------------------------------
 */

static void its_objects_are_named_as_the_prefix_says(void **state)
{
	struct rig *r = *state;
	char path[256];

	assert_int_equal(put(r), 0);
	snprintf(path, sizeof(path), "%s/objects/test!one-%.2s!%.2s!%s",
		 r->home, r->blob.name, r->blob.name + 2, r->blob.name);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(drop(r), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_may_pass_is_tried_again(void **state)
{
	static const char *const faults[] = {"503 2", "500 1", "429 1",
					     "lost 2", "refuse 3"};
	struct rig *r = *state;

	for (size_t i = 0; i < countof(faults); i++) {
		plan(r, faults[i]);
		assert_int_equal(put(r), 0);
		plan(r, faults[i]);
		assert_int_equal(get(r), 0);
		assert_string_equal(r->out.data, "content");
		plan(r, faults[i]);
		assert_int_equal(drop(r), 0);
	}
	put(r);
	plan(r, "cut 3");
	assert_int_equal(get(r), 0);
	assert_string_equal(r->out.data, "content");
}

static void what_does_not_pass_is_said(void **state)
{
	struct rig *r = *state;

	plan(r, "507 99"); /* it is full */
	assert_int_equal(put(r), -1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
	assert_says(r, "bucket things: it answers 507");
	assert_int_equal(requests(r), 4);
}

static void what_is_refused_is_asked_once(void **state)
{
	struct rig *r = *state;

	plan(r, "403 99");
	assert_int_equal(put(r), -1);
	assert_says(r, "s3:PutObject");
	assert_int_equal(get(r), -1);
	assert_int_equal(drop(r), -1);
	assert_int_equal(try(r), -1);
	assert_int_equal(requests(r), 4);
}

static void other_content_is_refused(void **state)
{
	static const char *const faults[] = {"short 1", "longer 1",
					     "corrupt 1"};
	struct rig *r = *state;

	put(r);
	for (size_t i = 0; i < countof(faults); i++) {
		plan(r, faults[i]);
		assert_int_equal(get(r), -1);
		assert_says(r, "damaged");
		assert_int_equal(r->out.len, 0);
	}
	assert_int_equal(get(r), 0);
}

static void a_silent_one_is_given_up(void **state)
{
	struct rig *r = *state;

	start(r, "--blobs-timeout=200ms");
	plan(r, "hang 99");
	assert_int_equal(put(r), -1);
	assert_says(r, "blobs.timeout");
	assert_int_equal(get(r), -1);
}

/* Those that wait for their turn have no more time than the others. */
static void so_are_those_that_wait_behind(void **state)
{
	struct rig *r = *state;

	start(r, "--blobs-timeout=500ms");
	plan(r, "hang 999");
	for (int i = 0; i < MANY; i++)
		blobs_put(r->blobs, &r->blob, SLICE("content"), on_done, r);
	while (r->dones < MANY) {
		uv_run(&r->loop, UV_RUN_ONCE);
		assert_true(!r->dones || r->err.kind == ERR_UNAVAILABLE);
	}
	r->dones = 0;
}

static void stopping_ends_what_is_on_its_way(void **state)
{
	struct rig *r = *state;

	plan(r, "hang 999");
	for (int i = 0; i < MANY; i++)
		blobs_put(r->blobs, &r->blob, SLICE("content"), on_done, r);
	start(r, "--blobs-region=eu-north-1");
	assert_int_equal(r->dones, MANY);
	assert_says(r, "the program stops");
	r->dones = 0;
	plan(r, "503 1"); /* it pauses */
	blobs_get(r->blobs, &r->blob, &r->out, on_done, r);
	while (!requests(r))
		uv_run(&r->loop, UV_RUN_ONCE);
	start(r, "--blobs-region=eu-north-1");
	assert_int_equal(r->dones, 1);
	r->dones = 0;
}

static void wrong_options_are_named(void **state)
{
	struct rig *r = *state;

	start(r, "--blobs-secret-key=other");
	assert_int_equal(put(r), -1);
	assert_says(r, "SignatureDoesNotMatch: blobs.secret_key");
	start(r, "--blobs-access-key=you");
	assert_int_equal(try(r), -1);
	assert_says(r, "InvalidAccessKeyId: blobs.access_key");
	start(r, "--blobs-access-key=me");
	start(r, "--blobs-secret-key=s3cret/+=");
	start(r, "--blobs-region=us-east-1");
	assert_int_equal(get(r), -1);
	assert_says(r, "AuthorizationHeaderMalformed: set blobs.region");
	start(r, "--blobs-region=eu-north-1");
	start(r, "--blobs-bucket=nothings");
	assert_int_equal(drop(r), -1);
	assert_says(r, "NoSuchBucket: make it");
	assert_int_equal(try(r), -1);
}

static void an_object_that_is_gone_is_named(void **state)
{
	struct rig *r = *state;

	assert_int_equal(get(r), -1);
	assert_says(r, "NoSuchKey");
	assert_says(r, "treadle retry RUN --from STEP");
	assert_says(r, r->blob.name);
}

static void nobody_there_is_said(void **state)
{
	struct rig *r = *state;

	server_stop(&r->server);
	r->server.pid = 0;
	assert_int_equal(put(r), -1);
	assert_int_equal(r->err.kind, ERR_UNAVAILABLE);
	assert_int_equal(try(r), -1);
}

static void the_key_may_be_in_a_file(void **state)
{
	struct rig *r = *state;
	char flag[128];

	write_file(r, "key", "s3cret/+=\n");
	snprintf(flag, sizeof(flag), "--blobs-secret-key-file=%s/key", r->home);
	start(r, flag);
	start(r, "--blobs-secret-key=");
	assert_int_equal(put(r), 0);
	/* It is read each time, so that it may be changed. */
	write_file(r, "key", "other\n");
	assert_int_equal(get(r), -1);
	assert_says(r, "SignatureDoesNotMatch");
	unlink(path_of(r, "key"));
	assert_int_equal(get(r), -1);
	assert_says(r, "cannot read the file");
	assert_int_equal(blobs_check(r->config, &r->err), -1);
}

/* --- options ---------------------------------------------------------------
 */

static void options_fit_together(void **state)
{
	static const struct {
		const char *flag, *complaint;
	} cases[] = {
		{"--blobs-endpoint=", NULL},
		{"--blobs-endpoint=https://s3.example.com", NULL},
		{"--blobs-endpoint=https://h:9/a/", NULL},
		{"--blobs-endpoint=http://localhost:9000", NULL},
		{"--blobs-endpoint=http://[::1]:9000", NULL},
		{"--blobs-prefix=treadle/eu.1/", NULL},
		{"--blobs-folder=/tmp", "both set"},
		{"--blobs-bucket=", "no blobs.bucket"},
		{"--blobs-bucket=a", "3 to 63"},
		{"--blobs-bucket=A_b c", "3 to 63"},
		{"--blobs-region=", "blobs.region"},
		{"--blobs-region=a:b", "blobs.region"},
		{"--blobs-prefix=/a", "blobs.prefix"},
		{"--blobs-prefix=a/../b", "blobs.prefix"},
		{"--blobs-prefix=a b", "blobs.prefix"},
		{"--blobs-endpoint=ftp://h", "https://"},
		{"--blobs-endpoint=https://", "and no more"},
		{"--blobs-endpoint=https://me:hush@h", "and no more"},
		{"--blobs-endpoint=https://h?x=1", "and no more"},
		{"--blobs-endpoint=http://10.0.0.1:9000", "this machine only"},
		{"--blobs-endpoint=http://127.0.0.1.com", "this machine only"},
		{"--blobs-access-key=", "no blobs.access_key"},
		{"--blobs-secret-key=", "blobs.secret_key_file"},
		{"--blobs-secret-key-file=/no/such", "the file /no/such"},
	};
	const char *flags[] = {"--blobs-bucket=things", "--blobs-access-key=me",
			       "--blobs-secret-key=hush", NULL, NULL};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct error err = {.text = ""};
		struct config *config;

		flags[3] = cases[i].flag;
		config = config_of(flags);
		assert_int_equal(blobs_check(config, &err),
				 cases[i].complaint ? -1 : 0);
		if (cases[i].complaint) {
			assert_int_equal(err.kind, ERR_USAGE);
			assert_non_null(strstr(err.text, cases[i].complaint));
		}
		assert_null(strstr(err.text, "hush"));
		config_free(config);
	}
}

#define IN(place, test)                                                        \
	cmocka_unit_test_setup_teardown(test, in_a_##place, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(bucket, its_objects_are_named_as_the_prefix_says),
		IN(bucket, what_may_pass_is_tried_again),
		IN(bucket, what_does_not_pass_is_said),
		IN(bucket, what_is_refused_is_asked_once),
		IN(bucket, other_content_is_refused),
		IN(bucket, a_silent_one_is_given_up),
		IN(bucket, so_are_those_that_wait_behind),
		IN(bucket, stopping_ends_what_is_on_its_way),
		IN(bucket, wrong_options_are_named),
		IN(bucket, an_object_that_is_gone_is_named),
		IN(bucket, nobody_there_is_said),
		IN(bucket, the_key_may_be_in_a_file),
		cmocka_unit_test(options_fit_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
