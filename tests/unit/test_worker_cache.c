/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

/*
 * The result cache: what makes one piece of work another, and what happens
 * where the cache can't be asked, or has no room.
 */
static const struct slice other = {"\x81\xa1n\x02", 4}; /* {"n": 2} */

struct key {
	char text[65];
};

/* Under what the cache is asked for step `a`, which is not begun. */
static struct key key_of(struct plant *p, const char *yaml, struct slice input)
{
	char run[1][RUN_ID_LEN + 1], words[96];
	struct workflow *w = submit(p, yaml, input, run, 1);
	struct attempt *a = until_attempt(p, will_ask_cache);
	struct key key;

	memcpy(key.text, a->recall->key, sizeof(key.text));
	assert_int_equal(strlen(key.text), 64);
	attempt_stop(a, STOP_LOST, true);
	snprintf(words, sizeof(words), "FCALL treadle_cancel 1 treadle:{0} %s",
		 run[0]);
	shop_say(&p->shop, words);
	workflow_free(w);
	return key;
}

static bool is_same(struct key a, struct key b)
{
	return strcmp(a.text, b.text) == 0;
}

#define LATE(output)                                                           \
	"name: late\n"                                                         \
	"steps:\n"                                                             \
	"  b: {pass: {value: \"${.input.n}\"}}\n"                              \
	"  a:\n"                                                               \
	"    needs: b\n"                                                       \
	"    cache: 1h\n"                                                      \
	"    http: {url: \"http://127.0.0.1:1/\", output: \"${" output         \
	"}\"}\n"

/* Whether the work is the same with the same input, and with another. */
static void works_are(struct plant *p, const char *yaml, bool is_same_again,
		      bool is_same_with_other)
{
	struct key first = key_of(p, yaml, small);

	assert_int_equal(is_same(first, key_of(p, yaml, small)), is_same_again);
	assert_int_equal(is_same(first, key_of(p, yaml, other)),
			 is_same_with_other);
}

static void what_reads_the_response_alone_is_the_same_work(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	works_are(&p, LATE(".response.body"), true, true);
	assert_false(is_same(key_of(&p, LATE(".response.body"), small),
			     key_of(&p, LATE(".response.status"), small)));
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void what_is_read_beside_the_response_counts(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	works_are(&p, LATE("[.response.body, .input.n]"), true, false);
	works_are(&p, LATE("[.response.body, .steps.b.output]"), true, false);
	works_are(&p, LATE("[.response.body, .run.id]"), false, false);
	works_are(&p, LATE("[.steps.b.output, .input.n]"), false, false);
	works_are(&p, LATE("keys"), false, false);
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void the_environment_that_is_read_counts(void **state)
{
	struct key first;
	struct plant p;

	plant_open(&p, *state);
	setenv("TREADLE_WORKER_EXPOSE", "STAGE", 1);
	setenv("STAGE", "one", 1);
	hire(&p, "default");
	first = key_of(&p, LATE("[.response.body, .env.STAGE]"), small);
	assert_int_equal(dismiss(&p), 0);
	setenv("STAGE", "two", 1);
	hire(&p, "default");
	assert_false(
		is_same(first, key_of(&p, LATE("[.response.body, .env.STAGE]"),
				      small)));
	unsetenv("TREADLE_WORKER_EXPOSE");
	unsetenv("STAGE");
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

#define ITEMS(output)                                                          \
	"name: items\n"                                                        \
	"steps:\n"                                                             \
	"  a:\n"                                                               \
	"    for_each: [x, y]\n"                                               \
	"    cache: 1h\n"                                                      \
	"    http: {url: \"http://127.0.0.1:1/\", output: \"${" output         \
	"}\"}\n"

static bool is_first_item(const struct attempt *a)
{
	return will_ask_cache(a) && a->index == 0;
}

static bool is_second_item(const struct attempt *a)
{
	return will_ask_cache(a) && a->index == 1;
}

static bool are_items_same(struct plant *p, const char *yaml)
{
	char run[1][RUN_ID_LEN + 1], words[96];
	struct workflow *w = submit(p, yaml, small, run, 1);
	struct key first, second;

	memcpy(&first, until_attempt(p, is_first_item)->recall->key,
	       sizeof(first));
	memcpy(&second, until_attempt(p, is_second_item)->recall->key,
	       sizeof(second));
	snprintf(words, sizeof(words), "FCALL treadle_cancel 1 treadle:{0} %s",
		 run[0]);
	shop_say(&p->shop, words);
	workflow_free(w);
	return is_same(first, second);
}

static void the_item_that_is_read_counts(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	assert_true(are_items_same(&p, ITEMS(".response.body")));
	assert_false(are_items_same(&p, ITEMS("[.response.body, .item]")));
	assert_false(are_items_same(&p, ITEMS("[.response.body, .index]")));
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

/* --- asking and keeping ----------------------------------------------------
 */

static const char echo[] =
	"name: echo\n"
	"steps:\n"
	"  a: {cache: 1h, exec: {command: [echo, \"${.input.n}\"]}}\n";

/* Does a run, and says whether that was known. */
static bool was_known(struct plant *p, const char *yaml)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w = submit(p, yaml, small, run, 1);
	struct answer a;
	char key[64];

	until_step(p, run[0], "a", "done 1");
	snprintf(key, sizeof(key), "run:%s", run[0]);
	look(p, &a, key, "cached:a");
	workflow_free(w);
	return a.type == REPLY_TEXT;
}

static void where_the_cache_is_refused_work_is_done(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	assert_false(was_known(&p, echo));
	assert_true(was_known(&p, echo));
	refuse(&p, "recall");
	assert_false(was_known(&p, echo));
	accept_all(&p);
	assert_true(was_known(&p, echo));
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void where_there_is_no_room_work_is_done_again(void **state)
{
	struct plant p;

	plant_open(&p, *state);
	log_start("test", LOG_INFO, false); /* it is told */
	hire(&p, "default");
	answer_to(&p, "remember", "return {ok = 'FULL'}");
	assert_false(was_known(&p, echo));
	run_until(p.shop.rig, p.worker.recalls.is_full_told);
	assert_false(was_known(&p, echo));
	accept_all(&p);
	refuse(&p, "remember");
	assert_false(was_known(&p, echo));
	accept_all(&p);
	assert_false(was_known(&p, echo));
	run_until(p.shop.rig, !p.worker.recalls.is_full_told);
	assert_true(was_known(&p, echo));
	assert_int_equal(dismiss(&p), 0);
	log_start("test", LOG_ERROR, false);
	plant_close(&p);
}

/* An earlier try has left something to go on with. */
static void what_is_gone_on_with_is_not_asked_for(void **state)
{
	char run[1][RUN_ID_LEN + 1], key[64];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	assert_false(was_known(&p, echo));
	assert_int_equal(dismiss(&p), 0);
	w = submit(&p, echo, small, run, 1);
	leave_memo(&p, run[0], SLICE("\x01"));
	hire(&p, "default");
	until_step(&p, run[0], "a", "done 1");
	snprintf(key, sizeof(key), "run:%s", run[0]);
	look(&p, &a, key, "cached:a");
	assert_int_equal(a.type, REPLY_NIL);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* A blob may go while the cache still names it. */
static void a_big_value_is_not_kept(void **state)
{
	char folder[] = FOLDER, *yaml;
	struct plant p;

	yaml = xasprintf(
		"name: big\n"
		"steps:\n"
		"  a: {cache: 1h, exec: {command: [printf, 'x%%02048d', 1]}}\n");
	plant_open(&p, *state);
	folder_make(folder);
	hire(&p, "default");
	assert_false(was_known(&p, yaml));
	assert_false(was_known(&p, yaml));
	assert_int_equal(dismiss(&p), 0);
	free(yaml);
	folder_forget(folder);
	plant_close(&p);
}

/* What it would do fits into no key; it does not fit into a child, either. */
static void what_is_too_large_to_be_known_is_not_asked_for(void **state)
{
	enum { TEXTS = 66 };
	char *input = xmalloc(7 + (1 << 20)), run[1][RUN_ID_LEN + 1];
	size_t len = (1 << 20) - 7;
	struct workflow *w;
	struct answer a;
	struct plant p;
	struct buf yaml;

	memcpy(input, "\x81\xa1n\xdb\0\xf\xff\xf9", 8);
	memset(input + 8, 'x', len);
	buf_init(&yaml, 1 << 16);
	buf_addf(&yaml, "name: large\nsteps:\n"
			"  a: {cache: 1h, exec: {command: [echo], stdin: [");
	for (int i = 0; i < TEXTS; i++)
		buf_addf(&yaml, "%s\"${.input.n}\"", i ? ", " : "");
	buf_addf(&yaml, "]}}\n");
	plant_open(&p, *state);
	w = submit(&p, yaml.data, (struct slice){input, 8 + len}, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead 1");
	assert_failed(&p, run[0], "a", "rejected", "stdin is larger");
	look(&p, &a, "counters", "cache_misses");
	assert_int_equal(a.type, REPLY_NIL);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
	buf_clear(&yaml);
	free(input);
}

/* More than one call may hold, of both kinds. */
static void many_are_asked_for_and_kept(void **state)
{
	enum { COUNT = 150 };
	static const char yaml[] =
		"name: many\n"
		"steps:\n"
		"  a: {cache: {key: \"${.run.id}\"}, exec: {command: [echo, 1]}}\n";
	char(*runs)[RUN_ID_LEN + 1] = xcalloc(COUNT, sizeof(*runs));
	struct outbox *ends;
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, yaml, small, runs, COUNT);
	hire(&p, "default");
	ends = &p.worker.reports.outboxes[VERB_COMPLETE];
	ends->not_before = INT64_MAX; /* all go together */
	run_until(p.shop.rig, reports_count(&p.worker.reports) == COUNT);
	ends->not_before = 0;
	for (size_t i = 0; i < COUNT; i++)
		until_step(&p, runs[i], "a", "done 1");
	look(&p, &a, "counters", "cache_misses");
	assert_string_equal(a.text, "150");
	run_until(p.shop.rig, p.worker.recalls.keeping_count == 0);
	ask(&p.shop.client, &a, "KEYS treadle:{0}:cache:*");
	assert_int_equal(a.count, COUNT);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	free(runs);
	plant_close(&p);
}

static void what_is_too_large_for_a_call_has_one_of_its_own(void **state)
{
	static const char yaml[] =
		"name: large\n"
		"steps:\n"
		"  a: {cache: 1h, exec: {command: [printf, x%05000000d, 1]}}\n";
	struct plant p;

	plant_open(&p, *state);
	setenv("TREADLE_WORKER_OUTPUT_MAX", "8MiB", 1);
	setenv("TREADLE_WORKER_CACHE_MAX", "8MiB", 1);
	hire(&p, "default");
	assert_false(was_known(&p, yaml));
	assert_true(was_known(&p, yaml));
	unsetenv("TREADLE_WORKER_OUTPUT_MAX");
	unsetenv("TREADLE_WORKER_CACHE_MAX");
	assert_int_equal(dismiss(&p), 0);
	plant_close(&p);
}

static void who_closes_forgets_what_it_has_asked(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	w = submit(&p, echo, small, run, 1);
	until_attempt(&p, has_asked_cache);
	worker_close(&p.worker);
	dismiss(&p);
	until_step(&p, run[0], "a", "running 1");
	workflow_free(w);
	plant_close(&p);
}

static void who_closes_does_not_wait_for_what_is_kept(void **state)
{
	struct recalls *recalls;
	struct rig *rig = *state;
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, rig);
	recalls = &p.worker.recalls;
	hire(&p, "default");
	w = submit(&p, echo, small, run, 1);
	run_until(rig, recalls->keeping_count > 0);
	kill(rig->server, SIGSTOP);
	run_until(rig, recalls->keeping_count == 0);
	worker_close(&p.worker);
	run_until(rig, is_gone(&p.worker));
	kill(rig->server, SIGCONT);
	assert_false(recalls->is_full_told);
	dismiss(&p);
	until_step(&p, run[0], "a", "done 1");
	workflow_free(w);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_reads_the_response_alone_is_the_same_work),
		WITH_SERVER(what_is_read_beside_the_response_counts),
		WITH_SERVER(the_environment_that_is_read_counts),
		WITH_SERVER(the_item_that_is_read_counts),
		WITH_SERVER(where_the_cache_is_refused_work_is_done),
		WITH_SERVER(where_there_is_no_room_work_is_done_again),
		WITH_SERVER(what_is_gone_on_with_is_not_asked_for),
		WITH_SERVER(a_big_value_is_not_kept),
		WITH_SERVER(what_is_too_large_to_be_known_is_not_asked_for),
		WITH_SERVER(many_are_asked_for_and_kept),
		WITH_SERVER(what_is_too_large_for_a_call_has_one_of_its_own),
		WITH_SERVER(who_closes_forgets_what_it_has_asked),
		WITH_SERVER(who_closes_does_not_wait_for_what_is_kept),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker cache", tests, NULL, NULL);
}
