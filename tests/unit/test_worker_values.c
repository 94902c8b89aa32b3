/* SPDX-License-Identifier: MIT */
#include "worker_midway.h"

#include <dirent.h>

/*
 * Big values and lists: what becomes of an attempt where these can't be kept,
 * can't be had, or are not waited for.
 */
static const char big[] = "name: big\n"
			  "steps:\n"
			  "  a: {pass: {value: \"%02048d\"}}\n";

/* A worker begins a run whose step `a` passes a text of 2 KiB. */
static struct workflow *submit_big(struct plant *p, char (*run)[RUN_ID_LEN + 1])
{
	char *yaml = xasprintf(big, 7);
	struct workflow *w = submit(p, yaml, small, run, 1);

	free(yaml);
	hire(p, "default");
	return w;
}

/* How many bytes Redis has of its output. */
static size_t output_size(struct plant *p, const char *run)
{
	char key[64];
	struct answer a;

	snprintf(key, sizeof(key), "out:%s", run);
	look(p, &a, key, "a");
	return a.len;
}

/* --- putting ---------------------------------------------------------------
 */

static void stored_in_spite_of(struct rig *rig, bool at_once, bool is_in_redis)
{
	char folder[] = FOLDER, run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, rig);
	folder_make(folder);
	w = submit_big(&p, run);
	attempt_stop(until_attempt(&p, is_storing), STOP_DRAIN, at_once);
	until_step(&p, run[0], "a", "done 1");
	assert_int_equal(output_size(&p, run[0]) > 2048, is_in_redis);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

static void what_is_stored_is_stored_while_the_worker_drains(void **state)
{
	stored_in_spite_of(*state, false, false);
}

static void where_there_is_no_time_for_a_file_redis_has_it(void **state)
{
	stored_in_spite_of(*state, true, true);
}

static void what_is_stored_does_not_outlive_its_right(void **state)
{
	char folder[] = FOLDER, run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	folder_make(folder);
	w = submit_big(&p, run);
	attempt_stop(until_attempt(&p, is_storing), STOP_LOST, false);
	assert_int_equal(p.worker.table.count, 0);
	until_step(&p, run[0], "a", "running 1");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

static size_t files_in(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

/* Its hash is known, and Redis was asked to hold it: nothing is written. */
static void what_was_given_up_is_not_written(void **state)
{
	char folder[] = FOLDER, run[1][RUN_ID_LEN + 1];
	struct rig *rig = *state;
	struct workflow *w;
	struct attempt *a;
	struct plant p;

	plant_open(&p, rig);
	folder_make(folder);
	w = submit_big(&p, run);
	a = until_attempt(&p, is_storing);
	kill(rig->server, SIGSTOP);
	run_until(rig, rig->loop.active_reqs.count == 0); /* no thread */
	attempt_stop(a, STOP_LOST, false);
	kill(rig->server, SIGCONT);
	assert_int_equal(dismiss(&p), 0);
	until_step(&p, run[0], "a", "running 1");
	assert_int_equal(files_in(folder), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

static void what_may_not_be_held_is_kept_in_redis(void **state)
{
	char folder[] = FOLDER, run[2][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	folder_make(folder);
	refuse(&p, "hold");
	w = submit_big(&p, run);
	until_step(&p, run[0], "a", "done 1");
	assert_true(output_size(&p, run[0]) > 2048);
	assert_int_equal(files_in(folder), 0);
	accept_all(&p);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);

	answer_to(&p, "hold", "return {'FENCED'}");
	w = submit_big(&p, run + 1);
	until_step(&p, run[1], "a", "done 1");
	assert_true(output_size(&p, run[1]) > 2048);
	assert_int_equal(files_in(folder), 0);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

/* --- getting ---------------------------------------------------------------
 */

/* Step `a` reads twelve texts of 2 KiB, and then two in another list. */
static const char reader[] =
	"name: reader\n"
	"steps:\n"
	"  many:\n"
	"    for_each: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n"
	"    pass: {value: \"${.item}%02048d\"}\n"
	"  two:\n"
	"    for_each: [x, y]\n"
	"    pass: {value: \"${.item}%02048d\"}\n"
	"  a:\n"
	"    needs: [many, two]\n"
	"    queue: late\n"
	"    pass:\n"
	"      value:\n"
	"        - \"${.steps.many.output | map(.[0:2]) | join(\\\" \\\")}\"\n"
	"        - \"${.steps.two.output | map(.[0:1]) | join(\\\" \\\")}\"\n";

/* Gives its run, of which only `a` is left. */
static struct workflow *submit_reader(struct plant *p,
				      char (*run)[RUN_ID_LEN + 1])
{
	char *yaml = xasprintf(reader, 7, 7);
	struct workflow *w = submit(p, yaml, small, run, 1);

	free(yaml);
	hire(p, "default");
	until_step(p, run[0], "a", "ready");
	assert_int_equal(dismiss(p), 0);
	return w;
}

static void blobs_of_several_lists_come_to_their_places(void **state)
{
	static const char all[] = "\x92\xd9\x23"
				  "00 10 20 30 40 50 60 70 80 90 10 11"
				  "\xa3"
				  "x y";
	char folder[] = FOLDER, run[1][RUN_ID_LEN + 1], key[64];
	struct workflow *w;
	struct answer a;
	struct plant p;

	plant_open(&p, *state);
	folder_make(folder);
	w = submit_reader(&p, run);
	hire(&p, "late");
	/* It leaves them once: that is told to nobody. */
	attempt_stop(until_attempt(&p, awaits_blobs), STOP_DRAIN, false);
	until_step(&p, run[0], "a", "done 1");
	snprintf(key, sizeof(key), "out:%s", run[0]);
	look(&p, &a, key, "a");
	assert_string_equal(a.text, all);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

static void the_first_of_many_that_are_missing_is_told(void **state)
{
	char folder[] = FOLDER, run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, *state);
	folder_make(folder);
	w = submit_reader(&p, run);
	folder_empty(folder);
	hire(&p, "late");
	until_step(&p, run[0], "a", "delayed");
	assert_failed(&p, run[0], "a", "transient", "open blob");
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	folder_forget(folder);
	plant_close(&p);
}

/* --- lists ------------------------------------------------------------------
 */

#define TWENTY "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]"
static const char list[] =
	"name: list\n"
	"steps:\n"
	"  b: {for_each: " TWENTY ", pass: {value: 1}}\n"
	"  c: {for_each: " TWENTY ", pass: {value: 1}}\n"
	"  a:\n"
	"    needs: [b, c]\n"
	"    pass: {value: [\"${.steps.b.output}\", \"${.steps.c.output}\"]}\n";

/* Where Redis says that of the lists, step `a` fails so. */
static void lists_fail(struct rig *rig, const char *lua, const char *why)
{
	char run[1][RUN_ID_LEN + 1];
	struct workflow *w;
	struct plant p;

	plant_open(&p, rig);
	if (lua)
		answer_to(&p, "results", lua);
	else
		refuse(&p, "results");
	w = submit(&p, list, small, run, 1);
	hire(&p, "default");
	until_step(&p, run[0], "a", "dead");
	assert_failed(&p, run[0], "a", "expression", why);
	assert_int_equal(dismiss(&p), 0);
	workflow_free(w);
	plant_close(&p);
}

static void a_list_that_is_refused_fails_who_reads_it(void **state)
{
	lists_fail(*state, NULL, "not today");
}

static void a_list_of_another_length_fails_who_reads_it(void **state)
{
	lists_fail(*state, "return {}", "0 of the 20 results");
	lists_fail(*state,
		   "local t = {}\n"
		   "for i = 1, 21 do t[i] = '\\1' end\n"
		   "return t",
		   "21 of the 20 results");
}

static void lists_without_measure_fail_who_reads_them(void **state)
{
	/* Twenty such are too much; or forty. */
	static const char one[] = "return {string.rep('\\1', 4 * 1048576)}";
	static const char both[] = "return {string.rep('\\1', 2 * 1048576)}";

	lists_fail(*state, one, "larger than 64 MiB");
	lists_fail(*state, both, "larger than 64 MiB");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(what_is_stored_is_stored_while_the_worker_drains),
		WITH_SERVER(where_there_is_no_time_for_a_file_redis_has_it),
		WITH_SERVER(what_is_stored_does_not_outlive_its_right),
		WITH_SERVER(what_was_given_up_is_not_written),
		WITH_SERVER(what_may_not_be_held_is_kept_in_redis),
		WITH_SERVER(blobs_of_several_lists_come_to_their_places),
		WITH_SERVER(the_first_of_many_that_are_missing_is_told),
		WITH_SERVER(a_list_that_is_refused_fails_who_reads_it),
		WITH_SERVER(a_list_of_another_length_fails_who_reads_it),
		WITH_SERVER(lists_without_measure_fail_who_reads_them),
	};
	int exit_code;

	if (tools_main(argc, argv, &exit_code))
		return exit_code;
	return cmocka_run_group_tests_name("worker values", tests, NULL, NULL);
}
