/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "treadle/arena.h"

static void pieces_are_aligned_and_apart(void **state)
{
	struct arena a;
	char *pieces[100];

	(void)state;
	arena_init(&a);
	for (size_t i = 0; i < countof(pieces); i++) {
		pieces[i] = arena_alloc(&a, i + 1);
		assert_int_equal((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], (int)i, i + 1);
	}
	for (size_t i = 0; i < countof(pieces); i++)
		assert_int_equal(pieces[i][i], (char)i);
	arena_clear(&a);
}

static void a_large_piece_leaves_the_block_in_use(void **state)
{
	struct arena a;
	char *before, *large, *after;

	(void)state;
	arena_init(&a);
	before = arena_alloc(&a, 16);
	large = arena_alloc(&a, 1 << 20);
	after = arena_alloc(&a, 16);
	memset(large, 1, 1 << 20);
	assert_ptr_equal(after, before + 16);
	arena_clear(&a);
}

static void a_reset_arena_fills_the_same_block_again(void **state)
{
	struct arena a;
	char *first;

	(void)state;
	arena_init(&a);
	first = arena_alloc(&a, 100);
	arena_reset(&a);
	assert_ptr_equal(arena_alloc(&a, 100), first);
	arena_clear(&a);
	arena_reset(&a);
	assert_null(a.blocks);
}

static void texts_are_copied_with_their_nul(void **state)
{
	struct arena a;
	struct slice copy;

	(void)state;
	arena_init(&a);
	assert_string_equal(arena_strdup(&a, "abc"), "abc");
	assert_string_equal(arena_printf(&a, "%s %d", "n", 7), "n 7");
	copy = arena_copy(&a, (struct slice){"abcdef", 3});
	assert_int_equal(copy.len, 3);
	assert_string_equal(copy.data, "abc");
	arena_clear(&a);
}

static void cleared_memory_is_cleared(void **state)
{
	struct arena a;
	char *piece;

	(void)state;
	arena_init(&a);
	memset(arena_alloc(&a, 64), 0xff, 64);
	arena_reset(&a);
	piece = arena_calloc(&a, 8, 8);
	for (int i = 0; i < 64; i++)
		assert_int_equal(piece[i], 0);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_apart),
		cmocka_unit_test(a_large_piece_leaves_the_block_in_use),
		cmocka_unit_test(a_reset_arena_fills_the_same_block_again),
		cmocka_unit_test(texts_are_copied_with_their_nul),
		cmocka_unit_test(cleared_memory_is_cleared),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
