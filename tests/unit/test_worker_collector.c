/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

#include <sys/stat.h>

/*
 * The worker that deletes blobs which no run needs: what can't be deleted
 * stays garbage, and it touches nothing that can't be the name of one.
 */
#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"
#define RUN "-01k00000000000000000000100"

/* A folder with blob ONE; that of TWO can't be reached: a file is in its way.
 */
static void garbage_make(struct plant *p, struct rig *rig, char *folder)
{
	char path[256];

	plant_open(p, rig);
	folder_make(folder);
	setenv("TREADLE_BLOBS_COLLECT", "100ms", 1);
	snprintf(path, sizeof(path), "%s/11", folder);
	must(mkdir(path, 0777) == 0);
	snprintf(path, sizeof(path), "%s/11/11", folder);
	must(mkdir(path, 0777) == 0);
	snprintf(path, sizeof(path), "%s/11/11/" ONE RUN, folder);
	must(close(open(path, O_CREAT | O_WRONLY, 0666)) == 0);
	snprintf(path, sizeof(path), "%s/22", folder);
	must(close(open(path, O_CREAT | O_WRONLY, 0666)) == 0);
}

static void garbage_forget(struct plant *p, const char *folder)
{
	unsetenv("TREADLE_BLOBS_COLLECT");
	folder_forget(folder);
	plant_close(p);
}

static bool has_one(const char *folder)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/11/11/" ONE RUN, folder);
	return access(path, F_OK) == 0;
}

static bool is_garbage(struct plant *p, const char *name)
{
	char words[160];
	struct answer a;

	snprintf(words, sizeof(words), "ZSCORE treadle:{0}:garbage %s", name);
	ask(&p->shop.client, &a, words);
	return a.type == REPLY_TEXT;
}

static void until_collected(struct plant *p, const char *name)
{
	int64_t limit = clock_monotonic_ms() + PATIENCE_MS;

	while (is_garbage(p, name)) {
		assert_true(clock_monotonic_ms() < limit);
		run_for(p->shop.rig, 5);
	}
}

static void what_can_not_be_deleted_stays_garbage(void **state)
{
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, *state, folder);
	shop_say(&p.shop, "ZADD treadle:{0}:garbage 1 " ONE RUN " 1 " TWO RUN);
	hire(&p, "default");
	until_collected(&p, ONE RUN);
	assert_false(has_one(folder));
	assert_true(is_garbage(&p, TWO RUN));
	assert_int_equal(p.worker.collector.err.kind, ERR_UNAVAILABLE);
	/* And goes when it can. */
	folder_empty(folder);
	until_collected(&p, TWO RUN);
	assert_int_equal(dismiss(&p), 0);
	garbage_forget(&p, folder);
}

/* Asks twice, and gives what is to be deleted then. */
static size_t collected(struct plant *p)
{
	struct collector *c = &p->worker.collector;
	int64_t before;

	for (int i = 0; i < 2; i++) {
		before = c->next_at;
		run_until(p->shop.rig, c->next_at > before && !c->is_busy);
	}
	return c->count;
}

static void what_can_be_no_name_is_left(void **state)
{
	static const char odd[] =
		"return cjson.encode({role = 'leader', now = 1, garbage = {\n"
		"  1, string.rep('x', 200), '../../etc/passwd', ''}})";
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, *state, folder);
	answer_to(&p, "collect", odd);
	hire(&p, "default");
	assert_int_equal(collected(&p), 0);
	answer_to(&p, "collect", "return '{\"garbage\":7}'");
	assert_int_equal(collected(&p), 0);
	assert_true(has_one(folder));
	assert_int_equal(dismiss(&p), 0);
	garbage_forget(&p, folder);
}

static void no_more_are_deleted_at_a_time_than_were_asked_for(void **state)
{
	static const char many[] =
		"local names = {}\n"
		"for i = 1, 150 do\n"
		"  names[i] = string.format('%064x" RUN "', i)\n"
		"end\n"
		"return cjson.encode({garbage = names})";
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, *state, folder);
	answer_to(&p, "collect", many);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.collector.count == COLLECT_MAX);
	run_until(p.shop.rig, !p.worker.collector.is_busy);
	assert_true(p.worker.collector.count <= COLLECT_MAX);
	assert_int_equal(dismiss(&p), 0);
	garbage_forget(&p, folder);
}

static void who_is_refused_asks_again(void **state)
{
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, *state, folder);
	shop_say(&p.shop, "ZADD treadle:{0}:garbage 1 " ONE RUN);
	refuse(&p, "collect");
	hire(&p, "default");
	assert_int_equal(collected(&p), 0);
	assert_true(has_one(folder));
	run_until(p.shop.rig, p.worker.collector.is_busy);
	assert_int_equal(dismiss(&p), 0); /* at once, though it has asked */
	hire(&p, "default");
	accept_all(&p);
	until_collected(&p, ONE RUN);
	assert_false(has_one(folder));
	assert_int_equal(dismiss(&p), 0);
	garbage_forget(&p, folder);
}

/* Another one will. */
static void who_drains_begins_to_delete_nothing(void **state)
{
	struct rig *rig = *state;
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, rig, folder);
	shop_say(&p.shop, "ZADD treadle:{0}:garbage 1 " ONE RUN);
	hire(&p, "default");
	run_until(rig, p.worker.collector.is_busy);
	worker_stop(&p.worker);
	assert_int_equal(dismiss(&p), 0);
	assert_true(has_one(folder));
	garbage_forget(&p, folder);
}

static void who_drains_ends_what_it_deletes(void **state)
{
	struct rig *rig = *state;
	char folder[] = FOLDER;
	struct plant p;

	garbage_make(&p, rig, folder);
	shop_say(&p.shop, "ZADD treadle:{0}:garbage 1 " ONE RUN " 1 " TWO RUN);
	hire(&p, "default");
	run_until(rig, p.worker.collector.removing > 0);
	worker_stop(&p.worker);
	assert_int_equal(dismiss(&p), 0);
	assert_false(has_one(folder));
	assert_true(is_garbage(&p, ONE RUN)); /* which it has told nobody */
	garbage_forget(&p, folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_can_not_be_deleted_stays_garbage),
		WITH_SERVER(what_can_be_no_name_is_left),
		WITH_SERVER(no_more_are_deleted_at_a_time_than_were_asked_for),
		WITH_SERVER(who_is_refused_asks_again),
		WITH_SERVER(who_drains_begins_to_delete_nothing),
		WITH_SERVER(who_drains_ends_what_it_deletes),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker collector", tests, NULL,
					   NULL);
}
