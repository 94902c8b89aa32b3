/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/clock.h"
#include "treadle/crypto.h"

static void hashes_are_sha256(void **state)
{
	const char *expected =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9c"
		"b410ff61f20015ad";
	char hex[65], part[DIGEST_LEN + 1];

	(void)state;
	sha256_hex(SLICE("abc"), hex);
	assert_string_equal(hex, expected);
	digest(SLICE("abc"), part);
	assert_int_equal(strlen(part), DIGEST_LEN);
	assert_memory_equal(part, expected, DIGEST_LEN);
}

static void pieces_have_the_hash_of_the_whole(void **state)
{
	struct sha256 *s = sha256_new();
	char whole[65], pieces[65];

	(void)state;
	sha256_add(s, "a", 1);
	sha256_add(s, "", 0);
	sha256_add(s, "bc", 2);
	sha256_finish(s, pieces);
	sha256_hex(SLICE("abc"), whole);
	assert_string_equal(pieces, whole);
	sha256_finish(sha256_new(), NULL);
}

static void a_run_id_tells_its_time_and_partition(void **state)
{
	int64_t before = clock_wall_ms(), time;
	char id[RUN_ID_LEN + 1];

	(void)state;
	run_id_new(1023, id);
	assert_true(run_id_is_valid(slice_of(id)));
	assert_int_equal(run_id_partition(slice_of(id)), 1023);
	time = run_id_time_ms(slice_of(id));
	assert_true(time >= before && time <= clock_wall_ms());
	run_id_new(0, id);
	assert_string_equal(id + 24, "00");
}

static void run_ids_count_upwards(void **state)
{
	char last[RUN_ID_LEN + 1], id[RUN_ID_LEN + 1];

	(void)state;
	run_id_new(7, last);
	for (int i = 0; i < 100000; i++) {
		run_id_new(7, id);
		assert_true(strcmp(last, id) < 0);
		memcpy(last, id, sizeof(id));
	}
}

static void what_is_no_run_id_is_refused(void **state)
{
	const char *bad[] = {
		"",
		"01jq3v5m8w000000000000000",
		"01jq3v5m8w00000000000000000",
		"81jq3v5m8w0000000000000000",
		"01JQ3V5M8W0000000000000000",
		"01jq3v5m8wi000000000000000",
		"01jq3v5m8w000000000000000}",
	};

	(void)state;
	assert_true(run_id_is_valid(SLICE("01jq3v5m8w0000000000000000")));
	for (size_t i = 0; i < countof(bad); i++)
		assert_false(run_id_is_valid(slice_of(bad[i])));
}

static void worker_ids_differ(void **state)
{
	char a[WORKER_ID_LEN + 1], b[WORKER_ID_LEN + 1];

	(void)state;
	worker_id_new(a);
	worker_id_new(b);
	assert_int_equal(strlen(a), WORKER_ID_LEN);
	assert_string_not_equal(a, b);
	assert_true(text_is_name(slice_of(a)));
}

static void random_bits_are_set_and_not_set(void **state)
{
	uint64_t ones = 0, zeros = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t n = crypto_random_u64();

		ones |= n;
		zeros |= ~n;
	}
	assert_true(ones == UINT64_MAX && zeros == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_sha256),
		cmocka_unit_test(pieces_have_the_hash_of_the_whole),
		cmocka_unit_test(a_run_id_tells_its_time_and_partition),
		cmocka_unit_test(run_ids_count_upwards),
		cmocka_unit_test(what_is_no_run_id_is_refused),
		cmocka_unit_test(worker_ids_differ),
		cmocka_unit_test(random_bits_are_set_and_not_set),
	};

	return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
