/* SPDX-License-Identifier: MIT */
#include "store_life.h"

#include "treadle/blob.h"
#include "treadle/store_blob.h"
#include "treadle/store_cache.h"
#include "treadle/store_each.h"

/*
 * What the library says of items, cached outputs and blobs, and what is made of
 * answers that it would never give.
 */
#define HASH                                                                   \
	"ed7002b439e9ac845f22357d822bac14"                                     \
	"44730fbdb6016d3ec9432297b9ec9f73"

#define NAME HASH "-01k00000000000000000000100"

static const struct step_ref step = {"q", "1-0", "r", "s", 1};

static struct told_answer {
	size_t count;
	char text[128];
	enum end_code code;
	bool has_room;
} told;

static void on_recalled(void *arg, const struct reply *kept, size_t count,
			const struct redis_failure *failure)
{
	note_failure(arg, failure);
	told.count = count;
	if (count)
		copy_text(told.text, sizeof(told.text), kept[0].text);
}

static void on_remembered(void *arg, bool has_room,
			  const struct redis_failure *failure)
{
	note_failure(arg, failure);
	told.has_room = has_room;
}

static void on_held(void *arg, struct slice name,
		    const struct redis_failure *failure)
{
	note_failure(arg, failure);
	copy_text(told.text, sizeof(told.text), name);
}

static void on_expanded(void *arg, enum end_code code,
			const struct redis_failure *failure)
{
	note_failure(arg, failure);
	told.code = code;
}

static void recall(struct life *l)
{
	struct recollection asked = {"r", "key"};

	store_recall(l->shop.store, &asked, 1, on_recalled, l);
}

static void remember(struct life *l)
{
	struct memory kept = {"key", 1000, "r", "s", SLICE("x")};

	store_remember(l->shop.store, &kept, 1, on_remembered, l);
}

static void hold(struct life *l)
{
	store_hold(l->shop.store, WORKER, &step, HASH, on_held, l);
}

static void expand(struct life *l)
{
	static const size_t ends[] = {1, 3};

	store_expand(l->shop.store, WORKER, &step, 0, SLICE("abb"), ends, 2,
		     on_expanded, l);
}

static void results(struct life *l)
{
	store_results(l->shop.store, "r", "s", 0, on_recalled, l);
}

/* What is asked; what may be answered, and what comes of it; what may not. */
static const struct question {
	void (*ask)(struct life *l);
	const char *function, *good, *bad[4];
} questions[] = {
	{recall, "recall", "{'r/s x'}", {"1", "{}", "{1}", "{'x', 'y'}"}},
	{remember, "remember", "'KEPT'", {"1", "'SO SO'", "{}", "{'KEPT'}"}},
	{hold, "hold", "{'" NAME "'}", {"1", "{}", "{'a', 'b'}", "'x'"}},
	{expand, "expand", "'COMMITTED'", {"1", "{}", "'SO WHAT'", "{1}"}},
	{results, "results", "{'x', '', 'y'}", {"1", "'x'", "1", "'x'"}},
};

static void ask_of(struct life *l, const struct question *q, const char *lua)
{
	char *body = xasprintf("public('%s', function() return %s end%s)\n",
			       q->function, lua,
			       q->ask == results ? ", {'no-writes'}" : "");

	shop_library(&l->shop, library_version(), body);
	free(body);
	told = (struct told_answer){.code = END_GONE};
	q->ask(l);
	await(l);
}

static void what_is_said_is_told(void **state)
{
	struct life l = {0};

	shop_open(&l.shop, *state);
	ask_of(&l, &questions[0], questions[0].good);
	assert_int_equal(told.count, 1);
	assert_string_equal(told.text, "r/s x");
	ask_of(&l, &questions[0], "{false}");
	assert_int_equal(told.count, 1);
	assert_string_equal(told.text, "");
	ask_of(&l, &questions[1], questions[1].good);
	assert_true(told.has_room);
	ask_of(&l, &questions[1], "'FULL'");
	assert_false(l.is_failure);
	assert_false(told.has_room);
	ask_of(&l, &questions[2], questions[2].good);
	assert_string_equal(told.text, NAME);
	ask_of(&l, &questions[2], "{'FENCED'}");
	assert_false(l.is_failure);
	assert_string_equal(told.text, "");
	ask_of(&l, &questions[3], questions[3].good);
	assert_int_equal(told.code, END_COMMITTED);
	ask_of(&l, &questions[3], "'FENCED'");
	assert_int_equal(told.code, END_FENCED);
	ask_of(&l, &questions[4], questions[4].good);
	assert_int_equal(told.count, 3);
	shop_close(&l.shop);
}

static void what_has_the_wrong_shape_is_not_believed(void **state)
{
	struct life l = {0};

	shop_open(&l.shop, *state);
	for (size_t i = 0; i < countof(questions); i++)
		for (size_t k = 0; k < countof(questions[i].bad); k++) {
			ask_of(&l, &questions[i], questions[i].bad[k]);
			if (!l.is_failure)
				fail_msg("%s believes %s",
					 questions[i].function,
					 questions[i].bad[k]);
			assert_int_equal(l.error.kind, ERR_BUG);
		}
	shop_close(&l.shop);
}

static void a_refusal_is_told_to_who_has_asked(void **state)
{
	struct life l = {0};

	shop_open(&l.shop, *state);
	for (size_t i = 0; i < countof(questions); i++) {
		ask_of(&l, &questions[i],
		       "redis.error_reply('CONFLICT not now')");
		assert_true(l.is_failure);
		assert_int_equal(l.error.kind, ERR_CONFLICT);
		assert_int_equal(told.count, 0);
		assert_int_equal(told.code, END_GONE);
	}
	shop_close(&l.shop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_is_said_is_told),
		WITH_SERVER(what_has_the_wrong_shape_is_not_believed),
		WITH_SERVER(a_refusal_is_told_to_who_has_asked),
	};

	return cmocka_run_group_tests_name("store answers", tests, NULL, NULL);
}
