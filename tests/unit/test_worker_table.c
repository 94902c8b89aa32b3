/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../worker/core.h"

/*
 * The worker's table of attempts, and the alarms they are in.
 */
struct rig {
	struct worker worker;
	struct table *table;
	uv_loop_t loop;
};

static struct attempt *alarmed[8];
static size_t alarmed_count;

static void on_alarm(struct attempt *a)
{
	assert_true(a->alarm_at == ALARM_NONE);
	alarmed[alarmed_count++] = a;
}

static int set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	r->table = &r->worker.table;
	table_init(r->table, &r->worker);
	uv_loop_init(&r->loop);
	alarms_start(&r->worker.alarms, &r->loop, on_alarm);
	alarmed_count = 0;
	*state = r;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *r = *state;

	alarms_stop(&r->worker.alarms);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	table_clear(r->table);
	free(r);
	return 0;
}

static struct attempt *add(struct rig *r, const char *queue, const char *entry)
{
	return table_add(r->table, queue, slice_of(entry), SLICE("run"),
			 SLICE("step"));
}

static void entries_are_found_by_queue_and_id(void **state)
{
	struct rig *r = *state;
	struct attempt *a = add(r, "a", "1-0"), *b = add(r, "b", "1-0");

	assert_ptr_equal(table_find(r->table, "a", SLICE("1-0")), a);
	assert_ptr_equal(table_find(r->table, "b", SLICE("1-0")), b);
	assert_null(table_find(r->table, "a", SLICE("1-1")));
	assert_null(table_find(r->table, "c", SLICE("1-0")));
	assert_string_equal(a->ref.entry, "1-0");
	assert_string_equal(a->ref.step, "step");
	table_remove(r->table, a);
	assert_null(table_find(r->table, "a", SLICE("1-0")));
	assert_ptr_equal(table_find(r->table, "b", SLICE("1-0")), b);
	table_remove(r->table, b);
}

static void what_is_removed_is_used_again_and_empty(void **state)
{
	struct rig *r = *state;
	struct attempt *a = add(r, "a", "1-0"), *b;

	a->attempt = 3;
	a->memo = jv_string("left");
	a->stop = STOP_DRAIN;
	table_remove(r->table, a);
	b = add(r, "a", "2-0");
	assert_ptr_equal(a, b);
	assert_int_equal(b->attempt, 0);
	assert_int_equal(b->stop, STOP_NOT);
	assert_false(jv_is_valid(b->memo));
	table_remove(r->table, b);
}

static void remove_each(struct attempt *a, void *arg)
{
	size_t *count = arg;

	(*count)++;
	table_remove(&a->worker->table, a);
}

static void thousands_are_kept_apart(void **state)
{
	struct rig *r = *state;
	char id[32];
	size_t count = 0;

	for (int i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "%d-%d", i / 3, i % 3);
		add(r, "a", id);
	}
	for (int i = 0; i < 5000; i += 7) {
		struct attempt *a;

		snprintf(id, sizeof(id), "%d-%d", i / 3, i % 3);
		a = table_find(r->table, "a", slice_of(id));
		assert_non_null(a);
		assert_string_equal(a->entry, id);
	}
	table_each(r->table, remove_each, &count);
	assert_int_equal(count, 5000);
	assert_int_equal(r->table->count, 0);
}

static void a_list_keeps_its_order(void **state)
{
	struct rig *r = *state;
	struct attempt *a = add(r, "q", "1-0"), *b = add(r, "q", "2-0");
	struct attempt *c = add(r, "q", "3-0");
	struct attempt_list l = {0};

	list_push(&l, a);
	list_push(&l, b);
	list_push(&l, c);
	assert_int_equal(l.count, 3);
	list_remove(&l, b);
	assert_ptr_equal(list_shift(&l), a);
	assert_ptr_equal(list_shift(&l), c);
	assert_null(list_shift(&l));
	assert_int_equal(l.count, 0);
	table_remove(r->table, a);
	table_remove(r->table, b);
	table_remove(r->table, c);
}

static void alarms_come_in_the_order_of_their_times(void **state)
{
	struct rig *r = *state;
	struct alarms *s = &r->worker.alarms;
	struct attempt *a[6];
	static const int due[6] = {30, 10, 50, 20, 60, 40};
	char id[16];

	for (int i = 0; i < 6; i++) {
		snprintf(id, sizeof(id), "%d-0", i);
		a[i] = add(r, "q", id);
		alarm_set(s, a[i], due[i] - 1000);
	}
	alarm_clear(s, a[2]);
	alarm_clear(s, a[2]);
	alarm_set(s, a[4], -2000); /* now the first */
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(alarmed_count, 5);
	assert_ptr_equal(alarmed[0], a[4]);
	assert_ptr_equal(alarmed[1], a[1]);
	assert_ptr_equal(alarmed[2], a[3]);
	assert_ptr_equal(alarmed[3], a[0]);
	assert_ptr_equal(alarmed[4], a[5]);
	for (int i = 0; i < 6; i++)
		table_remove(r->table, a[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(entries_are_found_by_queue_and_id),
		TEST(what_is_removed_is_used_again_and_empty),
		TEST(thousands_are_kept_apart),
		TEST(a_list_keeps_its_order),
		TEST(alarms_come_in_the_order_of_their_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
