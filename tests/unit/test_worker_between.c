/* SPDX-License-Identifier: MIT */
#include "worker_runs.h"

#include <ftw.h>

/*
 * Attempts that are stopped between their delivery and their start, and ends
 * that nobody hears of.
 */
static const struct slice small = {"\x81\xa1n\x01", 4}; /* {"n": 1} */
static const char one[] = "name: one\n"
			  "steps:\n"
			  "  a: {pass: {value: \"${[.input.n, 1] | add}\"}}\n";

static void find_prepared(struct attempt *a, void *arg)
{
	if (a->state == ATTEMPT_PREPARING)
		*(struct attempt **)arg = a;
}

/* Waits until one is being prepared, and hands it back. */
static void stop_prepared(struct plant *p, bool awaits_definition)
{
	struct attempt *a = NULL;

	run_until(p->shop.rig,
		  (table_each(&p->worker.table, find_prepared, &a), a));
	assert_int_equal(a->work != NULL, awaits_definition);
	attempt_stop(a, STOP_DRAIN, false);
}

static void what_is_prepared_is_handed_back(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	hire(&p, "default");
	run_until(p.shop.rig, p.worker.phase == WORKER_RUNNING);
	w = submit(&p, one, small, run, 1);
	stop_prepared(&p, true);
	stop_prepared(&p, false);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static const char again[] =
	"name: again\n"
	"steps:\n"
	"  a:\n"
	"    repeat: {until: \"${[.output] | length > 0}\", max: 9}\n"
	"    pass: {value: 1}\n";

static void find_asking(struct attempt *a, void *arg)
{
	if (a->state == ATTEMPT_ASKING)
		*(struct attempt **)arg = a;
}

/* Waits until one is asked whether it was the last round. */
static struct attempt *until_asking(struct plant *p)
{
	struct attempt *a = NULL;

	run_until(p->shop.rig,
		  (table_each(&p->worker.table, find_asking, &a), a));
	return a;
}

static void a_round_that_is_over_counts_while_the_worker_drains(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, again, small, run, 1);
	hire(&p, "default");
	attempt_stop(until_asking(&p), STOP_DRAIN, true);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_round_that_is_over_does_not_outlive_its_right(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p, again, small, run, 1);
	hire(&p, "default");
	attempt_stop(until_asking(&p), STOP_CANCELLED, false);
	until_step(&p, run[0], "a", "done 1");
	look(&p, &a, "counters", "releases");
	assert_string_equal(a.text, "1");
	workflow_free(w);

	w = submit(&p, again, small, run, 1);
	until_asking(&p);
	worker_lost(&p.worker);
	run_until(p.shop.rig, p.worker.table.count == 0);
	until_step(&p, run[0], "a", "running 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_path_that_leads_nowhere_fails_its_step(void **state)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: path\n"
		   "steps:\n"
		   "  a: {pass: {value: \"${.input.n.x}\"}}\n",
		   small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "expression", "n");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void the_end_of_what_is_gone_is_dropped(void **state)
{
	char run[1][RUN_ID_LEN + 1], words[96];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit(&p,
		   "name: wait\n"
		   "steps:\n"
		   "  a: {wait: {for: 1h}}\n",
		   small, run, 1);
	refuse(&p, "defer");
	hire(&p, "default");
	run_until(p.shop.rig,
		  p.worker.reports.outboxes[VERB_DEFER].not_before > 0);
	snprintf(words, sizeof(words), "DEL treadle:{0}:run:%s", run[0]);
	shop_say(&p.shop, words);
	accept_all(&p);
	run_until(p.shop.rig, p.worker.table.count == 0);
	workflow_free(w);
	w = submit(&p,
		   "name: wait\n"
		   "steps:\n"
		   "  a: {wait: {for: 2h}}\n",
		   small, run, 1);
	until_step(&p, run[0], "a", "delayed");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

/* --- big values --------------------------------------------------------------
 */

static void find_storing(struct attempt *a, void *arg)
{
	if (a->state == ATTEMPT_STORING)
		*(struct attempt **)arg = a;
}

/* Waits until one writes what it yields to a file. */
static struct attempt *until_storing(struct plant *p)
{
	struct attempt *a = NULL;

	run_until(p->shop.rig,
		  (table_each(&p->worker.table, find_storing, &a), a));
	return a;
}

/* The text of 2 KiB that is passed, and a folder for such. */
static struct workflow *submit_big(struct plant *p, char *folder,
				   char (*run)[RUN_ID_LEN + 1])
{
	struct workflow *w;
	struct buf yaml;

	assert_non_null(mkdtemp(folder));
	setenv("TREADLE_BLOBS_FOLDER", folder, 1);
	setenv("TREADLE_BLOBS_INLINE_MAX", "1KiB", 1);
	buf_init(&yaml, 8192);
	buf_addf(&yaml,
		 "name: big\nsteps:\n  a: {pass: {value: \"%02048d\"}}\n", 7);
	w = submit(p, yaml.data, small, run, 1);
	buf_clear(&yaml);
	hire(p, "default");
	return w;
}

static int remove_one(const char *path, const struct stat *about, int type,
		      struct FTW *place)
{
	(void)about;
	(void)type;
	(void)place;
	return remove(path);
}

static void forget_folder(const char *folder)
{
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	unsetenv("TREADLE_BLOBS_FOLDER");
	unsetenv("TREADLE_BLOBS_INLINE_MAX");
}

static void what_is_stored_is_stored_while_the_worker_drains(void **state)
{
	char folder[] = "/tmp/treadle-blobs-XXXXXX", run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit_big(&p, folder, run);
	attempt_stop(until_storing(&p), STOP_DRAIN, false);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	forget_folder(folder);
	plant_close(&p);
}

static void where_there_is_no_time_for_a_file_redis_has_it(void **state)
{
	char folder[] = "/tmp/treadle-blobs-XXXXXX", run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit_big(&p, folder, run);
	attempt_stop(until_storing(&p), STOP_DRAIN, true);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	forget_folder(folder);
	plant_close(&p);
}

static void what_is_stored_does_not_outlive_its_right(void **state)
{
	char folder[] = "/tmp/treadle-blobs-XXXXXX", run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	w = submit_big(&p, folder, run);
	attempt_stop(until_storing(&p), STOP_LOST, false);
	assert_int_equal(p.worker.table.count, 0);
	until_step(&p, run[0], "a", "running 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	forget_folder(folder);
	plant_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_is_prepared_is_handed_back),
		WITH_SERVER(
			a_round_that_is_over_counts_while_the_worker_drains),
		WITH_SERVER(a_round_that_is_over_does_not_outlive_its_right),
		WITH_SERVER(a_path_that_leads_nowhere_fails_its_step),
		WITH_SERVER(the_end_of_what_is_gone_is_dropped),
		WITH_SERVER(what_is_stored_is_stored_while_the_worker_drains),
		WITH_SERVER(where_there_is_no_time_for_a_file_redis_has_it),
		WITH_SERVER(what_is_stored_does_not_outlive_its_right),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker between", tests, NULL, NULL);
}
